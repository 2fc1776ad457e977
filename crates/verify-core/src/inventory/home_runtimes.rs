//! What programs read in the home folder before their own work, where something starts such a program: the packages of the user of Python,
//! and the settings and plug-ins of Docker's command.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::context::HomeReaders;
use super::listing::{Class, ListingBuilder};
use super::mcp_local::{self, python};
use super::paths::{Kind as Entry, Paths};
use super::runtime::subject;
use super::settings::formed;
use super::{NotCovered, NotCoveredGroup, Subject};
use crate::json;
use crate::tree::{LeaveOut, TreeSpec};

/// Most bytes of a file of settings.
const MAX_FILE: u64 = 4 << 20;
/// Most contexts of Docker.
const MAX_CONTEXTS: usize = 200;
/// Keys of Docker's settings that name a program, or say which daemon is asked and what is handed to containers.
const DOCKER_KEYS: [&str; 8] = [
    "currentContext",
    "credsStore",
    "credHelpers",
    "cliPluginsExtraDirs",
    "plugins",
    "features",
    "aliases",
    "proxies",
];

/// The subjects that there are. In a copy, and for an owner who is no user of this machine, the home folder says nothing.
pub(super) fn read(
    paths: &Paths,
    readers: HomeReaders,
    not_covered: &mut Vec<NotCovered>,
) -> Vec<Subject> {
    let Some(home) = paths.home.as_ref().filter(|_| paths.not_here().is_none()) else {
        return Vec::new();
    };
    let python = readers
        .python
        .then(|| user_packages(paths, home, not_covered));
    let docker = readers.docker.then(|| docker(paths, home));
    [python, docker].into_iter().flatten().flatten().collect()
}

/// Whether the config lets agents work in a sandbox, which Docker's command makes.
pub(super) fn has_sandbox(config: &Value) -> bool {
    let agents = config.get("agents").unwrap_or(&Value::Null);
    let listed = ["entries", "list"]
        .into_iter()
        .flat_map(|key| match agents.get(key) {
            Some(Value::Object(entries)) => entries.values().collect(),
            Some(Value::Array(entries)) => entries.iter().collect(),
            _ => Vec::new(),
        });
    let mut all = agents.get("defaults").into_iter().chain(listed);
    all.any(|agent| {
        let mode = agent.pointer("/sandbox/mode").and_then(Value::as_str);
        mode.is_some_and(|mode| mode != "off")
    })
}

/// Files and folders below one root, as they are collected.
struct Collected {
    root: PathBuf,
    kept: BTreeSet<String>,
    left_out: Vec<LeaveOut>,
}

impl Collected {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            kept: BTreeSet::new(),
            left_out: Vec::new(),
        }
    }

    fn relative(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(&self.root).ok()?;
        Some(inside.to_str()?.to_owned())
    }

    fn keep(&mut self, path: &Path) {
        self.kept.extend(self.relative(path));
    }

    fn tree(mut self) -> Option<TreeSpec> {
        if self.kept.is_empty() {
            return None;
        }
        let kept = self.kept.into_iter().collect();
        self.left_out.push(LeaveOut::AllBut(kept));
        Some(TreeSpec {
            boundary: self.root.clone(),
            root: self.root,
            leave_out: self.left_out,
        })
    }
}

/// `~/.local/lib/python3.*/site-packages` [PEP 370]: start-up files, which every Python runs, and packages.
fn user_packages(paths: &Paths, home: &Path, not_covered: &mut Vec<NotCovered>) -> Option<Subject> {
    let local = home.join(".local");
    // On macOS, one prefix for each version.
    let versions = home.join("Library/Python");
    let prefixes = paths.list(&versions).unwrap_or_default().into_iter();
    let of_versions: Vec<PathBuf> = prefixes.map(|version| version.path).collect();
    [(local.join("lib"), vec![local]), (versions, of_versions)]
        .into_iter()
        .find_map(|(folder, prefixes)| {
            let root = paths.real(&folder).ok()?;
            let sites = prefixes
                .iter()
                .flat_map(|prefix| python::sites(paths, prefix));
            let real = sites.filter_map(|site| paths.real(&site).ok());
            let sites: Vec<PathBuf> = real.filter(|site| site.starts_with(&root)).collect();
            of_sites(paths, &root, &sites, not_covered)
        })
}

fn of_sites(
    paths: &Paths,
    root: &Path,
    sites: &[PathBuf],
    not_covered: &mut Vec<NotCovered>,
) -> Option<Subject> {
    let mut subject = subject(paths, "python", root);
    let mut found = Collected::new(root);
    for site in sites {
        let shown = paths.shown(site);
        let read = match python::read(paths, site, false) {
            Ok(read) => read,
            Err(error) => {
                paths.refuse_because(site, error.to_string());
                continue;
            }
        };
        let empty = paths.list(site).is_ok_and(|entries| entries.is_empty());
        match read.kept {
            None if empty => {}
            None => found.keep(site),
            Some(_) => {
                // What every Python reads as it starts counts all the same.
                let files = paths.list(site).unwrap_or_default().into_iter();
                let files =
                    files.filter(|entry| entry.kind == Entry::File || is_start(&entry.name));
                files.for_each(|entry| found.keep(&entry.path));
                not_covered.push(NotCovered::new(
                    NotCoveredGroup::Elsewhere,
                    format!("the packages of Python in {shown}"),
                    "they are too many or too large to be hashed; give a server an environment of its own",
                ));
            }
        }
        for cache in &read.caches {
            let place = found.relative(cache).map(LeaveOut::Entry);
            found.left_out.extend(place);
            let oddities = mcp_local::compiled_oddities(paths, cache);
            subject.observations.extend(oddities);
        }
        for link in &read.links {
            let place = found.relative(link).map(LeaveOut::Target);
            found.left_out.extend(place);
            let shown = paths.shown(link);
            let why = format!("{shown} leads elsewhere, and that is not hashed");
            subject.not_hashed.push(why);
        }
        for (place, by) in read.added.into_iter().chain(python::added_by(paths, site)) {
            let (place, by) = (paths.shown(&place), paths.shown(&by));
            let why = format!("{by} adds {place} to where Python looks, and that is not hashed");
            subject.not_hashed.push(why);
        }
    }
    subject.trees.tree = found.tree();
    subject.trees.tree.is_some().then_some(subject)
}

/// A module that Python imports as it starts.
fn is_start(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    matches!(stem, "usercustomize" | "sitecustomize")
}

/// `~/.docker`: which daemon is asked, which programs are started, and the plug-ins.
fn docker(paths: &Paths, home: &Path) -> Option<Subject> {
    let folder = home.join(".docker");
    let mut subject = subject(paths, "docker", &folder);
    let mut listing = ListingBuilder::default();
    let config = value(paths, &folder.join("config.json"));
    for key in DOCKER_KEYS {
        if let Some(value) = config.get(key) {
            let value = formed(value, false);
            listing.add(format!("config.json {key}"), Class::Command, &value);
        }
    }
    let contexts = paths
        .list(&folder.join("contexts/meta"))
        .unwrap_or_default();
    for entry in contexts.iter().take(MAX_CONTEXTS) {
        let meta = value(paths, &entry.path.join("meta.json"));
        let name = meta.get("Name").and_then(Value::as_str).unwrap_or("?");
        if let Some(endpoints) = meta.get("Endpoints") {
            listing.add(format!("context {name}"), Class::Command, endpoints);
        }
    }
    if contexts.len() > MAX_CONTEXTS {
        subject
            .not_hashed
            .push(format!("there are more than {MAX_CONTEXTS} contexts"));
    }
    subject.definition = listing.finish_unless_empty();
    plugins(paths, &folder.join("cli-plugins"), &mut subject);
    let empty = subject.definition.is_none() && subject.trees.tree.is_none();
    (!empty).then_some(subject)
}

/// A file of JSON; null where there is none.
fn value(paths: &Paths, file: &Path) -> Value {
    if paths.kind(file) == Entry::Nothing {
        return Value::Null;
    }
    let text = paths
        .text(file, MAX_FILE)
        .map_err(|error| error.to_string());
    let parsed = text.and_then(|text| json::last_wins(&text).map_err(|error| error.to_string()));
    match parsed {
        Ok(parsed) => parsed.value,
        Err(why) => {
            paths.refuse_because(file, why);
            Value::Null
        }
    }
}

/// The programs that `docker NAME` starts. Those of Docker's desktop are links to where it is installed.
fn plugins(paths: &Paths, folder: &Path, subject: &mut Subject) {
    let Ok(root) = paths.real(folder) else {
        return;
    };
    let mut found = Collected::new(&root);
    for entry in paths.list(&root).unwrap_or_default() {
        found.keep(&entry.path);
        if !entry.link {
            continue;
        }
        found
            .left_out
            .extend(found.relative(&entry.path).map(LeaveOut::Target));
        if !mcp_local::is_of_system(paths, &entry.path) && entry.kind != Entry::Nothing {
            let shown = paths.shown(&entry.path);
            subject
                .not_hashed
                .push(format!("{shown} leads elsewhere, and that is not hashed"));
        }
    }
    subject.trees.tree = found.tree();
}
