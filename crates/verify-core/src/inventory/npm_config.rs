//! What configures npm: `.npmrc` of the home, the state directory and its projects. They decide from where the next update
//! comes, and for `npx` what a server is at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Observation;
use super::context::Workspace;
use super::mcp_spec::address;
use super::paths::{Located, Paths};
use crate::text;

/// Most bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// Most folders above one in which a server is started.
const MAX_ABOVE: usize = 32;
/// Most projects.
const MAX_PROJECTS: usize = 20_000;
/// Settings that name a program or move what npm reads. [npm config]
const SETTINGS: [&str; 7] = [
    "script-shell",
    "node-options",
    "prefix",
    "userconfig",
    "globalconfig",
    "git",
    "shell",
];

/// Every setting that decides where code comes from or what runs it.
/// `servers`: the definitions of MCP servers, since a launcher reads its settings from the folder in which it is started, and above.
pub(super) fn read(
    paths: &Paths,
    workspaces: &[Workspace],
    servers: &[&Value],
    found: &mut Vec<Observation>,
) {
    for workspace in workspaces {
        npmrc(paths, &workspace.folder.join(".npmrc"), found);
    }
    let started_in = servers.iter().filter_map(|server| {
        let written = ["cwd", "workingDirectory"]
            .iter()
            .find_map(|key| server.get(*key)?.as_str())?;
        match paths.locate(written) {
            Located::At(folder) => Some(folder),
            _ => None,
        }
    });
    let usual = |folder: &Path| {
        folder == paths.state
            || Some(folder) == paths.home.as_deref()
            || workspaces.iter().any(|space| space.folder == folder)
    };
    let above: BTreeSet<PathBuf> = started_in
        .flat_map(|folder| {
            let above = folder.ancestors().take(MAX_ABOVE);
            above.map(Path::to_owned).collect::<Vec<_>>()
        })
        .filter(|folder| !usual(folder))
        .collect();
    for folder in above {
        npmrc(paths, &folder.join(".npmrc"), found);
    }
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        npmrc(paths, &home.join(".npmrc"), found);
    }
    let npm = paths.root("npm");
    npmrc(paths, &paths.state.join(".npmrc"), found);
    npmrc(paths, &npm.join(".npmrc"), found);
    let projects = paths.list(&npm.join("projects")).unwrap_or_default();
    for project in projects.into_iter().take(MAX_PROJECTS) {
        npmrc(paths, &project.path.join(".npmrc"), found);
    }
}

fn npmrc(paths: &Paths, file: &Path, found: &mut Vec<Observation>) {
    // npm reads what it can; a file that it cannot read it passes over.
    let Ok(content) = paths.text(file, MAX_FILE) else {
        return;
    };
    for line in content.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let value = value.trim().trim_matches(['"', '\'']);
        // `key[]=` adds to a list, which npm reads as the value where there is but one.
        let key = key.strip_suffix("[]").unwrap_or(key);
        let registry = key == "registry" || key.ends_with(":registry");
        if value.is_empty() || !(registry || SETTINGS.contains(&key)) {
            continue;
        }
        found.push(Observation::NpmConfig {
            place: paths.shown(file),
            setting: text::excerpt(key, 80),
            registry: registry.then(|| text::excerpt(&address(value), 300)),
        });
    }
}
