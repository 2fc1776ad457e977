//! A container as a compose file declares it, or as an engine saw it when its output was taken.

use std::net::IpAddr;
use std::path::PathBuf;

use super::super::units::Hidden;
use crate::finding::{Declared, Draft, Observed};
use crate::text;

/// Names that OpenClaw has, and had.
const NAMES: [&str; 3] = ["openclaw", "clawdbot", "moltbot"];

/// A statement about a container, and where it is made. Never the value of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Path of the key.
    pub(crate) path: String,
    /// What it says, as it is to be shown.
    pub(crate) value: String,
    /// The file.
    pub(crate) file: String,
    /// Its line, from 1, where it has lines that mean something.
    pub(crate) line: Option<usize>,
    /// An engine said so of a container that was there; otherwise a file asks for it.
    pub(crate) seen: bool,
}

impl Fact {
    /// The finding with this statement as declared or observed.
    pub(crate) fn on(&self, draft: Draft) -> Draft {
        if self.seen {
            return draft.observed(Observed::new(
                self.path.clone(),
                self.value.clone(),
                format!("{}, as the engine said when it was written", self.file),
            ));
        }
        draft.declared(Declared {
            path: self.path.clone(),
            value: self.value.clone(),
            file: self.file.clone(),
            line: self.line,
        })
    }
}

/// One container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Container {
    /// Its name, as it is to be shown.
    pub(crate) name: String,
    /// Whether it is OpenClaw's own, as far as its names, its command, its variables and its ports say.
    pub(crate) is_openclaw: bool,
    /// It is a sandbox in which OpenClaw runs a session.
    pub(crate) is_sandbox: bool,
    /// An engine saw it.
    pub(crate) seen: bool,
    /// Ports of it that the machine publishes.
    pub(crate) published: Vec<Published>,
    /// It is in the engine's own network `bridge`, and in none that was made for it.
    pub(crate) in_bridge: bool,
    /// The address on which its network publishes ports that name none, where the file says so.
    pub(crate) default_address: Option<IpAddr>,
    /// Ports that it names without publishing them.
    pub(crate) exposed: Vec<u16>,
    /// Ports on which its gateway listens by its own variables and command.
    pub(crate) own_ports: Vec<u16>,
    /// It, its build, or a step of it has all rights on the machine.
    pub(crate) privileged: Vec<Fact>,
    /// Namespaces of the machine that it shares: `network`, `pid`, `ipc`, `uts`, `cgroup`, `user`.
    pub(crate) shared: Vec<(&'static str, Fact)>,
    /// Capabilities that are added, without `CAP_`.
    pub(crate) capabilities: Vec<(String, Fact)>,
    /// Options of its confinement, as `name=value`.
    pub(crate) confinement: Vec<(String, Fact)>,
    /// Places of the machine that it sees.
    pub(crate) mounts: Vec<Mount>,
    /// Devices of the machine that it is given, or rules about them.
    pub(crate) devices: Vec<(String, Fact)>,
    /// Networks in which it is a machine of its own, so that nothing needs to publish its ports.
    pub(crate) on_network: Vec<Fact>,
    /// Files of the machine with its variables.
    pub(crate) env_files: Vec<PathBuf>,
    /// Who it runs as; empty for what an engine calls the default, root.
    pub(crate) user: Option<(String, Fact)>,
    /// Its image, where it is not built from the file.
    pub(crate) image: Option<(String, Fact)>,
    /// Credentials of the gateway among its variables: the name of each, its value, and where it is said.
    pub(crate) credentials: Vec<(String, Hidden, Fact)>,
    /// `--auth` of its command.
    pub(crate) auth: Option<(String, Fact)>,
    /// Variables that hold a secret in plain text: their names are in the statements.
    pub(crate) secrets: Vec<Fact>,
    /// Statements whose meaning a variable decides that nothing gives.
    pub(crate) unknown: Vec<Fact>,
    /// Statements of which it is not known here what they give.
    pub(crate) not_judged: Vec<Fact>,
    /// The program that runs it, where that is not the engine's default.
    pub(crate) runtime: Option<String>,
}

/// A place of the machine that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The place: absolute, or from `~`.
    pub(crate) place: String,
    /// Where that leads on this machine, where it is another place.
    pub(crate) leads: Option<PathBuf>,
    /// Whether the container can change what is there.
    pub(crate) writable: bool,
    /// Where it is said.
    pub(crate) fact: Fact,
}

impl Mount {
    pub(super) fn new(place: String, writable: bool, fact: Fact) -> Self {
        let leads = std::fs::canonicalize(&place).ok();
        Self {
            leads: leads.filter(|leads| leads.as_os_str() != place.as_str()),
            place,
            writable,
            fact,
        }
    }
}

/// A port that the machine publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// On which address of the machine.
    pub(crate) address: Address,
    /// Which ports of the container, first and last; none where a variable decides.
    pub(crate) ports: Option<(u16, u16)>,
    /// Where it is said.
    pub(crate) fact: Fact,
}

/// The address of the machine on which a port is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// None is named, so the engine takes its default: all of them, unless its settings say otherwise.
    Default,
    /// This one.
    At(IpAddr),
    /// A variable decides that no file gives.
    Variable,
}

impl Container {
    /// Whether something of it is called like OpenClaw.
    pub(crate) fn is_named_so(words: &[&str]) -> bool {
        words.iter().any(|word| {
            let word = word.to_ascii_lowercase();
            NAMES.iter().any(|name| word.contains(name))
        })
    }
}

/// First and last of `18789` or `18780-18790`.
pub(super) fn range(written: &str) -> Option<(u16, u16)> {
    let written = written.trim();
    let (first, last) = written.split_once('-').unwrap_or((written, written));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// An address as it is written for a port: without brackets.
pub(super) fn address(written: &str) -> Option<IpAddr> {
    let bare = written.trim();
    let bare = bare
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(bare);
    bare.parse().ok()
}

/// A text that is no secret, as it is to be shown.
pub(super) fn excerpt(written: &str) -> String {
    text::excerpt(written, 160)
}

/// An image as it is to be shown: without a user and password of its registry.
pub(super) fn image(written: &str) -> String {
    match written.split_once('@') {
        Some((_, behind)) if !behind.contains(':') || behind.contains('/') => {
            excerpt(&format!("(hidden)@{behind}"))
        }
        _ => excerpt(written),
    }
}

/// A capability without its prefix.
pub(super) fn capability(written: &str) -> String {
    let name = written.trim().to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// An option of the confinement, as `name=value`.
pub(super) fn option(written: &str) -> String {
    let lower = written.trim().to_ascii_lowercase();
    match lower.split_once([':', '=']) {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => lower,
    }
}
