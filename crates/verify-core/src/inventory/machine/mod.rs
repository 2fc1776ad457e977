//! How the machine is set up around OpenClaw: the effective config, with the line of each key. Reads, judges nothing.
//!
//! What a key means where nothing is written is OpenClaw's own default; it is named in the rule that counts it.

mod accounts;
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "no list is read there")
)]
mod acl;
mod address;
pub(crate) mod agents;
pub(crate) mod channels;
pub(crate) mod files;
pub(crate) mod given;
mod keys;
mod lines;
pub(crate) mod mounts;
mod options;
pub(crate) mod processes;
pub(crate) mod ranges;
pub(crate) mod reach;
pub(crate) mod repository;
mod secret_forms;
pub(crate) mod secrets;
pub(crate) mod units;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{self, Config};
use super::paths::Paths;
use super::settings::{formed, is_secret_place};
use super::{Inventory, InventoryOptions, Observation, environment, index, open};
use crate::error::{Error, Result};
use crate::finding::Declared;
use crate::json;
use crate::text;

pub(crate) use address::{Bind, Reach, host_of, reach};
pub(crate) use keys::At;
use keys::{reference, written_path};
pub(crate) use secret_forms::has_known_form;

/// Longest value that is shown.
const SHOWN: usize = 160;

/// The machine, as its files describe it.
#[derive(Clone)]
pub(crate) struct Machine {
    /// The config with its includes.
    config: Value,
    /// The config's own file, for lines.
    text: String,
    /// How that is shown.
    shown: String,
    /// Whether all of it was read.
    complete: bool,
    /// What `.env` and `gateway.env` set, and the config itself for what they do not.
    variables: BTreeMap<String, String>,
    /// Exec approvals of the database, as they are written.
    approvals: Vec<Value>,
    /// Channel and sender of everyone who was paired.
    paired: Vec<(String, String)>,
    /// Where things are.
    places: Places,
    /// Copies of secrets that the config no longer holds.
    stale: Vec<secrets::StaleCopy>,
    /// Files the config includes: the key at which each stands, how it is shown, and its text.
    included: Vec<(Vec<String>, String, String)>,
    /// Files and their owners; none where the state is not this machine's.
    files: Option<files::Files>,
    /// What the state directory lies on; none where that is not known.
    mount: Option<mounts::Mount>,
    /// What was seen to run.
    running: processes::Running,
    /// Units that start one.
    units: units::Units,
    /// Whether this is the inside of a container.
    in_container: bool,
    /// Repositories that the state or a workspace lies in; none where the state is not this machine's.
    repositories: Option<Vec<repository::Repository>>,
    /// What files say that the operator hands over.
    given: given::Given,
}

/// Where things are that a path of the config may touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The state directory; its real path.
    pub(crate) state: PathBuf,
    /// The home folder of the user who runs OpenClaw, where it is known.
    pub(crate) home: Option<PathBuf>,
    /// The host package.
    pub(crate) host: Option<PathBuf>,
    /// The workspaces of all agents.
    pub(crate) workspaces: Vec<PathBuf>,
}

/// Values may be secrets.
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// What stands at the place of a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret<'a> {
    /// This text; never to be shown.
    Text(Cow<'a, str>),
    /// A reference whose value no file that is read here gives.
    Elsewhere,
}

/// Reads it.
///
/// # Errors
/// As [`super::read`] for the state directory and the config.
pub(crate) fn read(options: &InventoryOptions) -> Result<Inventory> {
    let paths = open(options)?;
    options.machine.check_places()?;
    let mut config = config::read(&paths, options.config.as_deref())?;
    paths.know(&options.variables, &config.value);
    let variables = variables_of(&paths, &config);
    let mut observations = std::mem::take(&mut config.observations);
    let workspaces = config::workspaces(&paths, &mut config, options.workspace.as_deref());
    let (mut approvals, mut paired) = (Vec::new(), legacy_pairs(&paths));
    match index::read(&paths) {
        Ok(index) => {
            approvals = index.steering.exec;
            paired.extend(index.steering.paired);
        }
        // Approvals only tighten what the config says, so nothing is taken for stricter than it is.
        Err(error) => observations.push(Observation::Unreadable {
            place: index::shown(&paths),
            // The place stands before it.
            why: match error {
                Error::Subject { why, .. } => text::excerpt(&why, 200),
                error => text::excerpt(&error.to_string(), 200),
            },
        }),
    }
    let places = Places {
        state: paths.state.clone(),
        home: paths.home.clone(),
        host: options
            .host
            .as_deref()
            .and_then(|host| std::fs::canonicalize(host).ok()),
        workspaces: workspaces.into_iter().map(|found| found.folder).collect(),
    };
    let included = |found: &config::Included| {
        let shown = paths.shown(&found.file);
        (found.at.clone(), shown, found.text.clone())
    };
    let mut machine = Machine {
        config: config.value,
        text: config.text,
        shown: config.shown,
        complete: config.complete,
        variables,
        approvals,
        paired,
        places,
        stale: Vec::new(),
        included: config.included.iter().map(included).collect(),
        files: None,
        mount: None,
        running: processes::Running::default(),
        units: units::Units::default(),
        in_container: false,
        repositories: None,
        given: given::read(&options.machine.given, &options.variables)?,
    };
    machine.stale = secrets::stale(&paths, &machine);
    if let Some(why) = paths.not_here() {
        observations.push(Observation::NotHere {
            what: "files and their owners, services and processes".to_owned(),
            why: why.to_owned(),
        });
    } else {
        let mut config_files = vec![config.file];
        config_files.extend(config.included.into_iter().map(|found| found.file));
        machine.look_around(&paths, options, &config_files);
    }
    Ok(Inventory {
        observations,
        machine: Some(machine),
        ..Inventory::default()
    })
}

/// What OpenClaw's environment gives, by its files.
fn variables_of(paths: &Paths, config: &Config) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = of_config(config).collect();
    // Of two files the `.env` wins, which OpenClaw reads first. [S `loadGatewayEnv`]
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        let file = home.join(".config/openclaw/gateway.env");
        variables.extend(environment::values_of(paths, &file));
    }
    variables.extend(environment::values(paths));
    variables
}

impl Machine {
    /// Looks at what only the machine itself has: mounts, units, processes, owners of files. `config_files` begins with the config.
    fn look_around(&mut self, paths: &Paths, options: &InventoryOptions, config_files: &[PathBuf]) {
        let given = &options.machine;
        let proc = given.proc.clone().unwrap_or_else(|| PathBuf::from("/proc"));
        self.mount = mounts::of(&paths.state, &proc);
        let owner = std::fs::metadata(&paths.state).map_or(0, |found| {
            use std::os::unix::fs::MetadataExt as _;
            found.uid()
        });
        let host = self.places.host.as_deref();
        self.units = units::read_all(paths, host, given.etc.as_deref(), owner);
        if let Some(config) = config_files.first() {
            self.units.compare_config(config);
        }
        self.running = processes::read(&proc, &paths.state, owner, &self.ports());
        let root = proc.parent().unwrap_or(Path::new("/"));
        self.in_container = [".dockerenv", "run/.containerenv"]
            .iter()
            .any(|file| std::fs::symlink_metadata(root.join(file)).is_ok());
        let config = config_files.first();
        self.repositories = config.map(|config| repository::read(paths, self, config));
        let tmp = options.tmp.as_deref();
        self.files = Some(files::read(paths, self, config_files, given, tmp));
    }
}

/// Most bytes of a file of paired senders.
const MAX_PAIRS: u64 = 1 << 20;

/// Senders that were paired before OpenClaw kept them in its database: `credentials/<channel>[-<account>]-allowFrom.json`.
fn legacy_pairs(paths: &Paths) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in paths
        .list(&paths.state.join("credentials"))
        .unwrap_or_default()
    {
        let name = entry.name.to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix("-allowFrom.json") else {
            continue;
        };
        let channel = stem.split('-').next().unwrap_or(stem).to_owned();
        let Ok(text) = paths.text(&entry.path, MAX_PAIRS) else {
            continue;
        };
        let Ok(parsed) = json::last_wins(&text) else {
            continue;
        };
        let ids = parsed.value.get("allowFrom").and_then(Value::as_array);
        let ids = ids.into_iter().flatten().filter_map(Value::as_str);
        found.extend(ids.map(|id| (channel.clone(), id.to_owned())));
    }
    found
}

fn of_config(config: &Config) -> impl Iterator<Item = (String, String)> + '_ {
    let vars = config.value.pointer("/env/vars").and_then(Value::as_object);
    vars.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

impl Machine {
    /// A machine that has this config and nothing else.
    #[cfg(test)]
    pub(crate) fn of(config: Value) -> Self {
        Self {
            config,
            text: String::new(),
            shown: "openclaw.json".to_owned(),
            complete: true,
            variables: BTreeMap::new(),
            approvals: Vec::new(),
            paired: Vec::new(),
            places: Places::default(),
            stale: Vec::new(),
            included: Vec::new(),
            files: None,
            mount: None,
            running: processes::Running::default(),
            units: units::Units::default(),
            in_container: false,
            repositories: None,
            given: given::Given::default(),
        }
    }

    /// Running gateways of this state, as far as they are shown.
    pub(crate) fn gateways(&self) -> &[processes::Gateway] {
        &self.running.gateways
    }

    /// Who else listens on the gateway's ports beyond this machine, where no gateway was seen.
    pub(crate) fn other_listeners(&self) -> &[(std::net::IpAddr, u16, u32)] {
        &self.running.others
    }

    /// Units that start one.
    pub(crate) fn services(&self) -> &[units::Service] {
        &self.units.services
    }

    /// Units of which it is not known whether they start one: how each is shown, and why.
    pub(crate) fn unread_units(&self) -> &[(String, String)] {
        &self.units.unread
    }

    /// What says that Tailscale is not on this machine; none where it is, or that is not known: from the inside of a container the
    /// machine is not seen.
    pub(crate) fn without_tailscale(&self) -> Option<&'static str> {
        let known = self.running.without_tailscale && !self.in_container;
        known.then_some(
            "no Tailscale was seen on this machine: none of its interfaces, folders and processes",
        )
    }

    /// Whether this is the inside of a container.
    pub(crate) fn in_container(&self) -> bool {
        self.in_container
    }

    /// Repositories that the state or a workspace lies in; none where the state is not this machine's.
    pub(crate) fn repositories(&self) -> Option<&[repository::Repository]> {
        self.repositories.as_deref()
    }

    /// What files say that the operator hands over.
    pub(crate) fn given(&self) -> &given::Given {
        &self.given
    }

    /// Ports on which the gateway may listen: by the config, by variables, by units, and the usual one.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let config = self.at("gateway.port").and_then(|at| match at.value {
            Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
            value => self.meant(value.as_str()?)?.parse().ok(),
        });
        let variable = self
            .variable("OPENCLAW_GATEWAY_PORT")
            .and_then(|port| port.trim().parse().ok());
        let units = self
            .units
            .services
            .iter()
            .filter_map(|service| service.port);
        config
            .into_iter()
            .chain(variable)
            .chain(units)
            .chain([18789])
            .collect()
    }

    /// Files and their owners; none where the state is not this machine's.
    pub(crate) fn files(&self) -> Option<&files::Files> {
        self.files.as_ref()
    }

    /// What the state directory lies on; none where that is not known.
    pub(crate) fn mount(&self) -> Option<&mounts::Mount> {
        self.mount.as_ref()
    }

    /// How the config is shown, where all of it was read.
    pub(crate) fn whole_config(&self) -> Option<&str> {
        self.complete.then_some(self.shown.as_str())
    }

    /// Where things are.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// Exec approvals of the database, as they are written.
    pub(crate) fn approvals(&self) -> &[Value] {
        &self.approvals
    }

    /// The place that a path of the config means: absolute, without `.` and `..`; none for anything else.
    pub(crate) fn located(&self, written: &str) -> Option<PathBuf> {
        let meant = self.meant(written)?;
        let path = match (meant.strip_prefix('~'), &self.places.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(rest), Some(home)) if rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(&meant),
        };
        path.is_absolute().then(|| super::paths::normalize(&path))
    }

    /// Something that stands in no key of the config.
    pub(crate) fn beside(
        &self,
        path: impl Into<String>,
        value: impl Into<String>,
        file: impl Into<String>,
    ) -> Declared {
        Declared {
            path: path.into(),
            value: value.into(),
            file: file.into(),
            line: None,
        }
    }

    /// The whole config.
    pub(crate) fn root(&self) -> At<'_> {
        At {
            path: Vec::new(),
            value: &self.config,
        }
    }

    /// The same key of every agent that has one of its own, and of what they have in common.
    pub(crate) fn of_agents(&self, path: &str) -> Vec<At<'_>> {
        let entries = self.at("agents.entries");
        let list = self.at("agents.list");
        let agents = entries
            .iter()
            .flat_map(|at| at.members().map(|(_, at)| at).collect::<Vec<_>>())
            .chain(list.iter().flat_map(|at| at.items().collect::<Vec<_>>()))
            .chain(self.at("agents.defaults"));
        agents
            .filter_map(|at| path.split('.').try_fold(at, |at, part| at.child(part)))
            .collect()
    }

    /// The key at `path`, whose parts are joined by `.`; none where it is not written or null.
    pub(crate) fn at(&self, path: &str) -> Option<At<'_>> {
        path.split('.')
            .try_fold(self.root(), |at, part| at.child(part))
    }

    /// The text at `path` with the variables that it names, trimmed; none where it is not written, empty, or names a variable that no
    /// file gives.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.meant(self.at(path)?.value.as_str()?)
    }

    /// Whether a key is written and is `true`.
    pub(crate) fn is_on(&self, path: &str) -> bool {
        self.at(path)
            .is_some_and(|at| *at.value == Value::Bool(true))
    }

    /// A text with the variables that it names, trimmed; none where one is not known, or nothing is left.
    pub(crate) fn meant(&self, written: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(self.variables.get(name)?);
            rest = after;
        }
        out.push_str(rest);
        let out = out.trim();
        (!out.is_empty()).then(|| out.to_owned())
    }

    /// What stands at the place of a secret.
    pub(crate) fn secret<'a>(&'a self, value: &'a Value) -> Secret<'a> {
        let variable = |name: &str| match self.variables.get(name) {
            Some(value) => Secret::Text(Cow::Borrowed(value)),
            None => Secret::Elsewhere,
        };
        match value {
            Value::String(text) => match reference(text) {
                Some(name) => variable(name),
                None if text.contains("${") => match self.meant(text) {
                    Some(meant) => Secret::Text(Cow::Owned(meant)),
                    None => Secret::Elsewhere,
                },
                None => Secret::Text(Cow::Borrowed(text)),
            },
            Value::Number(_) | Value::Bool(_) => Secret::Text(Cow::Owned(value.to_string())),
            Value::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                match (text("source"), text("id")) {
                    (Some("env"), Some(name)) => variable(name),
                    _ => Secret::Elsewhere,
                }
            }
            Value::Null | Value::Array(_) => Secret::Elsewhere,
        }
    }

    /// The value that a file of OpenClaw's environment gives a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A key as it is to be shown.
    pub(crate) fn declare(&self, at: &At<'_>) -> Declared {
        let secret = is_secret_place(&at.path);
        let value = match at.value {
            Value::String(text) if secret && reference(text).is_none() => {
                "set in plain text".to_owned()
            }
            value => {
                let shown = formed(value, secret).to_string();
                match has_known_form(&shown) {
                    true => "hidden, as it holds a key".to_owned(),
                    false => text::excerpt(&shown, SHOWN),
                }
            }
        };
        let line = lines::of(&self.text, &at.path);
        if line.is_none()
            && let Some((file, line)) = self.in_included(&at.path)
        {
            return Declared {
                file,
                ..self.declared(&at.path, value, Some(line))
            };
        }
        self.declared(&at.path, value, line)
    }

    /// A key whose value is a secret, whatever it is called.
    pub(crate) fn declare_secret(&self, at: &At<'_>) -> Declared {
        Declared {
            value: "set in plain text".to_owned(),
            ..self.declare(at)
        }
    }

    /// File and line of a key that an included file brings; the last file that has it counts.
    fn in_included(&self, path: &[String]) -> Option<(String, usize)> {
        self.included.iter().rev().find_map(|(at, shown, text)| {
            let below = path.strip_prefix(at.as_slice())?;
            Some((shown.clone(), lines::of(text, below)?))
        })
    }

    /// A key that is not written, and what counts in its place.
    pub(crate) fn absent(&self, path: &str, counts: &str) -> Declared {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        self.declared(&path, format!("not set ({counts})"), None)
    }

    /// The key as it is to be shown, or what counts where it is not written.
    pub(crate) fn declare_or(&self, path: &str, counts: &str) -> Declared {
        self.at(path)
            .map_or_else(|| self.absent(path, counts), |at| self.declare(&at))
    }

    fn declared(&self, path: &[String], value: String, line: Option<usize>) -> Declared {
        Declared {
            path: text::excerpt(&written_path(path), 200),
            value,
            file: self.shown.clone(),
            line,
        }
    }
}
