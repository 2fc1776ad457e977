//! What programs read in the home folder before their own work, where something starts such a program: the packages of the user of Python,
//! and the settings and plug-ins of Docker's command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::context::HomeReaders;
use super::listing::{Class, ListingBuilder};
use super::mcp_local::{self, python};
use super::paths::{Kind as Entry, Paths};
use super::{Subject, ids};
use crate::json;
use crate::subject::{Kind, Source, SubjectId};
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
pub(super) fn read(paths: &Paths, readers: HomeReaders) -> Vec<Subject> {
    let Some(home) = paths.home.as_ref().filter(|_| paths.not_here().is_none()) else {
        return Vec::new();
    };
    let python = readers.python.then(|| user_packages(paths, home));
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

fn subject(paths: &Paths, name: &str, place: &Path) -> Subject {
    ids::blank(
        SubjectId::new("runtime", name),
        Kind::Runtime,
        Source::Path,
        name.to_owned(),
        paths.place(place),
    )
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

/// `~/.local/lib/python3.*/site-packages` [PEP 370]: start-up files, which every Python runs, are the tree; packages the dependencies.
fn user_packages(paths: &Paths, home: &Path) -> Option<Subject> {
    let written = [home.join(".local/lib"), home.join("Library/Python")];
    let prefixes = [home.join(".local"), home.join("Library/Python")];
    let mut found = None;
    for (folder, prefix) in written.iter().zip(prefixes) {
        let Ok(root) = paths.real(folder) else {
            continue;
        };
        let sites = match folder.ends_with("Python") {
            // One prefix for each version of Python.
            true => {
                let versions = paths.list(&prefix).unwrap_or_default().into_iter();
                versions
                    .flat_map(|version| python::sites(paths, &version.path))
                    .collect()
            }
            false => python::sites(paths, &prefix),
        };
        let sites: Vec<PathBuf> = sites
            .iter()
            .filter_map(|site| paths.real(site).ok())
            .filter(|site| site.starts_with(&root))
            .collect();
        found = found.or_else(|| of_sites(paths, &root, &sites));
    }
    found
}

fn of_sites(paths: &Paths, root: &Path, sites: &[PathBuf]) -> Option<Subject> {
    let mut subject = subject(paths, "python", root);
    let (mut start, mut packages) = (Collected::new(root), Collected::new(root));
    for site in sites {
        let entries = paths.list(site).unwrap_or_default();
        let is_start = |name: &str| {
            let stem = name.split('.').next().unwrap_or_default();
            name.ends_with(".pth") || matches!(stem, "usercustomize" | "sitecustomize")
        };
        let (first, rest): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| is_start(&entry.name.to_string_lossy()));
        for entry in first {
            start.keep(&entry.path);
        }
        let taken = python::read(paths, site, false).ok();
        let Some(whole) = taken.filter(|found| found.kept.is_none()) else {
            let shown = paths.shown(site);
            subject.not_hashed.push(format!(
                "the packages in {shown} are too many or too large, and are not hashed"
            ));
            continue;
        };
        for entry in rest.iter().filter(|entry| entry.name != "__pycache__") {
            packages.keep(&entry.path);
        }
        for cache in &whole.caches {
            let place = packages.relative(cache).map(LeaveOut::Entry);
            packages.left_out.extend(place.clone());
            start.left_out.extend(place);
            subject
                .observations
                .extend(mcp_local::compiled_oddities(paths, cache));
        }
        for link in &whole.links {
            let place = packages.relative(link).map(LeaveOut::Target);
            packages.left_out.extend(place.clone());
            start.left_out.extend(place);
            let shown = paths.shown(link);
            subject
                .not_hashed
                .push(format!("{shown} leads elsewhere, and that is not hashed"));
        }
        for (place, by) in python::added_by(paths, site) {
            let (place, by) = (paths.shown(&place), paths.shown(&by));
            subject.not_hashed.push(format!(
                "{by} adds {place} to where Python looks, and that is not hashed"
            ));
        }
    }
    subject.trees.tree = start.tree();
    subject.trees.dependencies = packages.tree();
    let empty = subject.trees.tree.is_none() && subject.trees.dependencies.is_none();
    (!empty || !subject.not_hashed.is_empty()).then_some(subject)
}

/// `~/.docker`: which daemon is asked, which programs are started, and the plug-ins.
fn docker(paths: &Paths, home: &Path) -> Option<Subject> {
    let folder = home.join(".docker");
    let mut subject = subject(paths, "docker", &folder);
    let mut listing = ListingBuilder::default();
    let config = value(paths, &folder.join("config.json"), &mut subject);
    for key in DOCKER_KEYS {
        if let Some(value) = config.get(key) {
            listing.add(format!("config.json {key}"), Class::Command, value);
        }
    }
    let contexts = paths
        .list(&folder.join("contexts/meta"))
        .unwrap_or_default();
    for entry in contexts.iter().take(MAX_CONTEXTS) {
        let meta = value(paths, &entry.path.join("meta.json"), &mut subject);
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
    (!empty || !subject.not_hashed.is_empty()).then_some(subject)
}

/// A file of JSON; null where there is none.
fn value(paths: &Paths, file: &Path, subject: &mut Subject) -> Value {
    if paths.kind(file) == Entry::Nothing {
        return Value::Null;
    }
    let text = paths.text(file, MAX_FILE).ok();
    let parsed = text.and_then(|text| json::last_wins(&text).ok());
    parsed.map_or_else(
        || {
            let shown = paths.shown(file);
            subject
                .not_hashed
                .push(format!("{shown} cannot be read as JSON"));
            Value::Null
        },
        |parsed| parsed.value,
    )
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
