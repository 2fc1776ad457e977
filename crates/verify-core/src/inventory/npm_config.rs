//! What configures npm: `.npmrc` of the home, the state directory and its projects. They decide from where the next update
//! comes, and for `npx` what a server is at once.

use std::path::Path;

use super::Observation;
use super::context::Workspace;
use super::mcp_spec::address;
use super::paths::Paths;
use crate::text;

/// Most bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// Most projects.
const MAX_PROJECTS: usize = 10_000;
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
pub(super) fn read(paths: &Paths, workspaces: &[Workspace], found: &mut Vec<Observation>) {
    for workspace in workspaces {
        npmrc(paths, &workspace.folder.join(".npmrc"), found);
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
