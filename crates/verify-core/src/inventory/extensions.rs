//! `extensions` of the state directory, and `.openclaw/extensions` of every agent's workspace: folders, or links to folders, with or without
//! a record.

use std::collections::BTreeSet;
use std::path::Path;

use super::paths::{FolderEntry, Kind as Entry};
use super::plugin::{PluginFiles, PluginOrigin, own_trees};
use super::records::{Known, Plugin, Scan};
use super::{Observation, Subject, ids};
use crate::subject::{Kind, Source, SubjectId};

/// Folders that OpenClaw's scan passes over. [S `SCANNED_DIRECTORY_IGNORE_NAMES`]
const IGNORED: [&str; 9] = [
    ".git",
    ".hg",
    ".svn",
    ".turbo",
    ".yarn",
    ".yarn-cache",
    "build",
    "coverage",
    "dist",
];

/// Most plugins of one folder.
const MAX_PLUGINS: usize = 20_000;

/// Plugins without a record in the folders that OpenClaw scans.
pub(super) fn read(
    scan: &Scan<'_>,
    known: &Known,
    observations: &mut Vec<Observation>,
) -> Vec<Plugin> {
    let mut found = scan_folder(
        scan,
        &scan.paths.root("extensions"),
        PluginOrigin::Global,
        "extensions",
        known,
        observations,
    );
    let mut seen = BTreeSet::new();
    for workspace in scan.workspaces {
        let place = match &workspace.agent {
            None => "workspace".to_owned(),
            Some(agent) => format!("workspace.{agent}"),
        };
        let folder = workspace.folder.join(".openclaw/extensions");
        if let Ok(real) = scan.paths.real(&folder)
            && !seen.insert(real)
        {
            continue;
        }
        found.extend(scan_folder(
            scan,
            &folder,
            PluginOrigin::Workspace,
            &place,
            known,
            observations,
        ));
    }
    found
}

fn scan_folder(
    scan: &Scan<'_>,
    folder: &Path,
    origin: PluginOrigin,
    place: &str,
    known: &Known,
    observations: &mut Vec<Observation>,
) -> Vec<Plugin> {
    let entries = match scan.paths.list(folder) {
        Ok(entries) => entries,
        // A workspace outside a copy is reported where its path is written.
        Err(_) if scan.paths.relocated() && !folder.starts_with(&scan.paths.state) => {
            return Vec::new();
        }
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: scan.paths.shown(folder),
                why: error.to_string(),
            });
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let name = entry.name.to_string_lossy().into_owned();
        if is_ignored(&name) {
            continue;
        }
        if entry.kind == Entry::Nothing && entry.link {
            // Dangling, or out of a copy: whether it will lead to code tomorrow cannot be determined.
            observations.push(Observation::LeadsNowhere {
                place: scan.paths.shown(&entry.path),
            });
            continue;
        }
        if entry.kind != Entry::Folder {
            continue;
        }
        let real = match scan.paths.real(&entry.path) {
            Ok(real) => real,
            Err(error) => {
                observations.push(Observation::Unreadable {
                    place: scan.paths.shown(&entry.path),
                    why: error.to_string(),
                });
                continue;
            }
        };
        // Two links to one folder are one plugin for OpenClaw.
        if !seen.insert(real.clone()) || known.folder(&real) {
            continue;
        }
        if found.len() >= MAX_PLUGINS {
            let why = format!("holds more than {MAX_PLUGINS} plugins without a record");
            observations.push(Observation::Unreadable {
                place: scan.paths.shown(folder),
                why,
            });
            break;
        }
        let files = PluginFiles::read(scan.paths, &real);
        if files.is_plugin(scan.paths) {
            let id = SubjectId::new("unrecorded", &format!("{place}/{name}"));
            let mut plugin = unrecorded(scan, id, Source::Unrecorded, files, origin);
            not_recorded(scan, &entry, &real, origin, &mut plugin);
            found.push(plugin);
        }
    }
    found
}

/// Notes where a plugin without a record lies.
fn not_recorded(
    scan: &Scan<'_>,
    entry: &FolderEntry,
    real: &Path,
    origin: PluginOrigin,
    plugin: &mut Plugin,
) {
    let observations = &mut plugin.subject.observations;
    let inside = [&scan.paths.state, &scan.paths.root("extensions")]
        .iter()
        .any(|root| real.starts_with(root));
    if entry.link && !inside {
        observations.push(Observation::OutsideState {
            recorded: scan.paths.shown(real),
            canonical: scan.paths.shown(&entry.path),
        });
    }
    let place = if origin == PluginOrigin::Workspace {
        "workspace extensions"
    } else {
        "extensions"
    };
    observations.insert(0, Observation::NoRecord { place });
}

/// A subject for a plugin's folder that no record tells of.
pub(super) fn unrecorded(
    scan: &Scan<'_>,
    id: SubjectId,
    source: Source,
    files: PluginFiles,
    origin: PluginOrigin,
) -> Plugin {
    let name = files.plugin_id();
    let kind = if files.bundle.is_some() {
        Kind::Bundle
    } else {
        Kind::Plugin
    };
    let mut subject = Subject {
        version: files.version().map(str::to_owned),
        enabled: scan.activation.enabled(&name, origin, &files.channels()),
        trees: own_trees(scan.paths, &files.folder, scan.host, false),
        observations: files.observations.clone(),
        ..ids::blank(id, kind, source, name, scan.paths.place(&files.folder))
    };
    super::npm_lockfile::own_lockfile(scan.paths, &files.folder, &mut subject);
    let left_out = ["node_modules/.package-lock.json", "node_modules/openclaw"];
    subject
        .observations
        .extend(files.escapes(scan.paths, &files.folder, &left_out));
    Plugin {
        subject,
        files: Some(files),
        origin,
        key: None,
    }
}

/// Whether OpenClaw's scan passes over a folder of this name. [S `shouldIgnoreScannedDirectory`]
pub(super) fn is_ignored(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    name.is_empty()
        || name == "node_modules"
        || IGNORED.contains(&name.as_str())
        || name.ends_with(".bak")
        || name.contains(".backup-")
        || name.contains(".disabled")
}
