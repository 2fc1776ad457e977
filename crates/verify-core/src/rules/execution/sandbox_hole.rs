//! `sandbox-hole`: a sandbox reaches what it is there to protect.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::machine::secrets::is_secret_variable;
use crate::inventory::machine::{At, Machine};
use crate::rules::machine::{STAGES, draft, is_engine_socket, named_home, set};
use crate::rules::{Check, Group, Rule, Whole, host_places};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "sandbox-hole",
    group: Group::Execution,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "A sandbox is given what it must not reach: OpenClaw's state, keys, the system, a container engine",
    help: "Give the sandbox a folder that holds nothing else.",
    check: Check::Whole(check),
};

/// Names that hold keys and settings wherever they lie in a home folder.
const OF_HOME: [&str; 13] = [
    ".ssh",
    ".aws",
    ".kube",
    ".docker",
    ".config",
    ".gnupg",
    ".netrc",
    ".npm",
    ".npmrc",
    ".mozilla",
    ".openclaw",
    ".clawdbot",
    ".git-credentials",
];
/// Folders of the system: they, what is above them, and what is in them.
const OF_SYSTEM: [&str; 9] = [
    "/etc",
    "/run",
    "/var/run",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/root",
    "/var/lib/docker",
];
fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for sandbox in scopes(machine) {
        for part in ["docker", "browser", "podman"] {
            let Some(at) = sandbox.child(part) else {
                continue;
            };
            if let Some(binds) = at.child("binds") {
                found.extend(of_binds(machine, &binds));
            }
            if let Some(env) = at.child("env") {
                found.extend(of_variables(machine, &env));
            }
            found.extend(of_confinement(machine, &at));
        }
        let mut open = vec![sandbox];
        while let Some(at) = open.pop() {
            for (key, child) in at.members() {
                if key.starts_with("dangerouslyAllow") && *child.value == Value::Bool(true) {
                    found.push(
                        draft(format!("{} opens the sandbox", text::excerpt(key, 80)))
                            .code("flag")
                            .declared(machine.declare(&child))
                            .remedy(set(child.written(), false)),
                    );
                }
                open.push(child);
            }
        }
    }
    found
}

/// The sandbox of all agents and that of each.
pub(super) fn scopes(machine: &Machine) -> Vec<At<'_>> {
    let mut found: Vec<At<'_>> = machine.at("agents.defaults.sandbox").into_iter().collect();
    let entries = machine.at("agents.entries");
    found.extend(
        entries
            .iter()
            .flat_map(|at| at.members().collect::<Vec<_>>())
            .filter_map(|(_, agent)| agent.child("sandbox")),
    );
    let list = machine.at("agents.list");
    found.extend(
        list.iter()
            .flat_map(|at| at.items().collect::<Vec<_>>())
            .filter_map(|agent| agent.child("sandbox")),
    );
    found
}

/// What is known of a bind.
enum Bind {
    /// It opens nothing that is to be protected.
    Closed,
    /// It opens this.
    Opens(String),
    /// Where it leads depends on what is not known here.
    Unknown(&'static str),
}

fn of_binds(machine: &Machine, binds: &At<'_>) -> Vec<Draft> {
    let judged = |item: &At<'_>| match item.value.as_str() {
        Some(bind) => touches(machine, bind),
        None => Bind::Unknown("it is no text"),
    };
    let kept: Vec<&Value> = binds
        .items()
        .filter(|item| !matches!(judged(item), Bind::Opens(_)))
        .map(|item| item.value)
        .collect();
    binds
        .items()
        .filter_map(|item| {
            let found = match judged(&item) {
                Bind::Closed => return None,
                Bind::Opens(what) => draft(format!("a sandbox reaches {what}"))
                    .code("bind")
                    .remedy(set(binds.written(), json!(kept))),
                Bind::Unknown(why) => draft(format!("what a sandbox reaches is not known: {why}"))
                    .code("unknown")
                    .outcome(Outcome::NotEstablished)
                    .level(Level::Note)
                    .help("Write the whole path of the folder, without a variable."),
            };
            Some(found.declared(machine.declare(&item)))
        })
        .collect()
}

/// What a bind opens that it must not. The source is judged as written and after links.
fn touches(machine: &Machine, bind: &str) -> Bind {
    let Some(bind) = machine.meant(bind) else {
        return Bind::Unknown("no file gives the variable that it names");
    };
    let (source, rest) = bind.split_once(':').unwrap_or((&bind, ""));
    let read_only = rest
        .rsplit(':')
        .next()
        .is_some_and(|modes| modes.split(',').any(|mode| mode == "ro"));
    let Some(written) = machine.located(source) else {
        return of_home(source, read_only);
    };
    let real = std::fs::canonicalize(&written).ok();
    let opens = [Some(written), real]
        .into_iter()
        .flatten()
        .find_map(|source| opened(machine, &source, read_only));
    opens.map_or(Bind::Closed, Bind::Opens)
}

/// What a bind opens whose place is not known, because it begins at a home folder that is not, or is no whole path.
fn of_home(source: &str, read_only: bool) -> Bind {
    let below = source.strip_prefix('~').and_then(|rest| match rest {
        "" => Some(rest),
        _ => rest.strip_prefix('/'),
    });
    let Some(below) = below else {
        return Bind::Unknown("it is no whole path");
    };
    let first = below.split('/').find(|part| !matches!(*part, "" | "."));
    match first {
        None => Bind::Opens("a whole home folder".to_owned()),
        Some("..") => Bind::Opens("all home folders".to_owned()),
        Some(first) if OF_HOME.contains(&first) => {
            Bind::Opens(format!("{} of a home folder", text::excerpt(first, 60)))
        }
        // What is in it does not depend on whose it is.
        Some(_) => {
            let home = Path::new("/home/~");
            let goes_up = below.split('/').any(|part| part == "..");
            match host_places::at(&home.join(below), !read_only, Some(home)) {
                Some((_, what)) if !goes_up => Bind::Opens(what),
                _ => Bind::Unknown("the home folder is not known"),
            }
        }
    }
}

fn opened(machine: &Machine, source: &Path, read_only: bool) -> Option<String> {
    let places = machine.places();
    let both = |place: &Path| source.starts_with(place) || place.starts_with(source);
    if source == Path::new("/") {
        return Some("the whole machine".to_owned());
    }
    if is_engine_socket(source) {
        return Some(
            "the socket of a container engine, which gives root on this machine".to_owned(),
        );
    }
    // What the agent has anyway may be shown, not changed.
    let own = places
        .workspaces
        .iter()
        .any(|space| !space.as_os_str().is_empty() && source.starts_with(space));
    if !places.state.as_os_str().is_empty() && both(&places.state) && !(own && read_only) {
        return Some("OpenClaw's state directory".to_owned());
    }
    if places.host.as_deref().is_some_and(both) {
        return Some("the host package".to_owned());
    }
    let homes: Vec<PathBuf> = places
        .home
        .iter()
        .cloned()
        .chain(named_home(source))
        .collect();
    for home in &homes {
        if home.starts_with(source) {
            return Some("a whole home folder".to_owned());
        }
        let first = source
            .strip_prefix(home)
            .ok()
            .and_then(|rest| rest.components().next());
        let first = first
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .unwrap_or_default();
        if OF_HOME.contains(&first.as_str()) || first.starts_with(".openclaw-") {
            return Some(format!("{} of a home folder", text::excerpt(&first, 60)));
        }
    }
    if matches!(source.to_str(), Some("/home" | "/Users")) {
        return Some("all home folders".to_owned());
    }
    let secret = source.components().find_map(|part| {
        let part = part.as_os_str().to_string_lossy().into_owned();
        matches!(
            part.as_str(),
            ".ssh" | ".aws" | ".gnupg" | ".kube" | ".openclaw"
        )
        .then_some(part)
    });
    if let Some(name) = secret {
        return Some(format!("a folder {name}"));
    }
    let of_system = OF_SYSTEM
        .iter()
        .find(|place| both(Path::new(place)))
        .map(|place| format!("{place} of the system"));
    // What leads out of any container leads out of a sandbox.
    of_system.or_else(|| {
        let (_, what) = host_places::at(source, !read_only, places.home.as_deref())?;
        Some(what)
    })
}

/// The network of the machine or of another container, and profiles that confine nothing. OpenClaw refuses to start with them unless a
/// flag lets it, so they are said even where nothing runs.
fn of_confinement(machine: &Machine, at: &At<'_>) -> Vec<Draft> {
    let text = |key: &str| {
        let at = at.child(key)?;
        let text = machine.meant(at.value.as_str()?)?;
        Some((at, text.to_ascii_lowercase()))
    };
    let network = text("network")
        .filter(|(_, network)| network == "host" || network.starts_with("container:"))
        .map(|(at, _)| {
            draft("a sandbox has the network of this machine or of another container")
                .code("network")
                .remedy(set(at.written(), "none"))
                .declared(machine.declare(&at))
        });
    let profiles = ["seccompProfile", "apparmorProfile"]
        .into_iter()
        .filter_map(text)
        .filter(|(_, profile)| profile == "unconfined")
        .map(|(at, _)| {
            draft("the kernel does not confine a sandbox")
                .code("unconfined")
                .remedy(Remedy::OpenClaw {
                    arguments: vec!["config".to_owned(), "unset".to_owned(), at.written()],
                })
                .declared(machine.declare(&at))
        });
    network.into_iter().chain(profiles).collect()
}

fn of_variables(machine: &Machine, env: &At<'_>) -> Vec<Draft> {
    env.members()
        .filter(|(name, _)| is_secret_variable(name))
        .map(|(name, at)| {
            draft(format!(
                "the secret {} is given to every sandbox",
                text::excerpt(name, 80)
            ))
            .code("secret")
            .declared(machine.declare(&at))
            .remedy(Remedy::OpenClaw {
                arguments: vec!["config".to_owned(), "unset".to_owned(), at.written()],
            })
        })
        .collect()
}
