//! `plugins.load.paths` of the config: a file, a plugin's folder, or a folder of plugins.

use std::path::Path;

use serde_json::Value;

use super::Observation;
use super::config::not_located;
use super::extensions::{is_ignored, unrecorded};
use super::paths::{Kind as Entry, Located};
use super::plugin::{PluginFiles, PluginOrigin, file_name};
use super::records::{Known, Plugin, Scan};
use crate::subject::{Source, SubjectId};

/// Endings of files that OpenClaw loads as plugins. [S `EXTENSION_EXTS`]
const ENDINGS: [&str; 6] = [".ts", ".js", ".mts", ".cts", ".mjs", ".cjs"];
/// Most entries that are followed, and most plugins that they may lead to.
const MAX_PATHS: usize = 1000;

/// Plugins that the config names. A linked plugin has a record, which then speaks for it.
pub(super) fn read(
    scan: &Scan<'_>,
    known: &Known,
    observations: &mut Vec<Observation>,
) -> Vec<Plugin> {
    let list = scan
        .config
        .pointer("/plugins/load/paths")
        .unwrap_or(&Value::Null);
    let list: &[Value] = list.as_array().map_or(&[], Vec::as_slice);
    let mut found = Vec::new();
    let first = observations.len();
    let mut gone = Vec::new();
    for (n, written) in list.iter().enumerate() {
        let place = format!("{}#plugins.load.paths[{n}]", scan.config_shown);
        if n >= MAX_PATHS {
            let why = format!("holds more than {MAX_PATHS} entries");
            observations.push(Observation::Unreadable { place, why });
            break;
        }
        let Some(written) = written.as_str() else {
            observations.push(Observation::Unreadable {
                place,
                why: "is no text".to_owned(),
            });
            continue;
        };
        match scan.paths.locate(written) {
            Located::At(path) => {
                let (before, said) = (found.len(), observations.len());
                entry(scan, &path, place, known, observations, &mut found);
                // A folder of plugins is the entry of none of them.
                let named = |plugin: &&mut Plugin| {
                    let folder = plugin.folder();
                    folder
                        .is_some_and(|folder| scan.paths.real(&path).is_ok_and(|it| it == *folder))
                };
                for plugin in found.iter_mut().skip(before).filter(named) {
                    plugin.subject.load_path = Some(n);
                }
                let missing = |one: &Observation| matches!(one, Observation::MissingFolder { .. });
                gone.extend(observations.iter().skip(said).any(missing).then_some(n));
            }
            // The record of a linked plugin says so already.
            Located::Elsewhere(path) if known.elsewhere(&path) => {}
            other => observations.extend(not_located(place, other)),
        }
    }
    let kept = list.iter().enumerate().filter(|(n, _)| !gone.contains(n));
    let kept = Value::Array(kept.map(|(_, written)| written.clone()).collect());
    for one in observations.iter_mut().skip(first) {
        if let Observation::MissingFolder { left, .. } = one {
            *left = Some(kept.to_string());
        }
    }
    found
}

fn entry(
    scan: &Scan<'_>,
    path: &Path,
    place: String,
    known: &Known,
    observations: &mut Vec<Observation>,
    found: &mut Vec<Plugin>,
) {
    let paths = scan.paths;
    let real = match paths.real(path) {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            observations.push(Observation::MissingFolder {
                path: paths.shown(path),
                left: None,
            });
            return;
        }
        Err(error) => {
            observations.push(Observation::Unreadable {
                place,
                why: error.to_string(),
            });
            return;
        }
    };
    // What lies in the host package is part of it. [S `isHostBundledPluginRoot`]
    if scan.host.is_some_and(|host| real.starts_with(host)) {
        return;
    }
    match paths.kind(&real) {
        Entry::File => file(scan, &real, known, found),
        Entry::Folder => {
            if known.folder(&real) {
                return;
            }
            let files = PluginFiles::read(paths, &real);
            if files.is_plugin(paths) {
                folder(scan, files, found);
            } else {
                children(scan, &real, known, observations, found);
            }
        }
        _ => observations.push(Observation::Unreadable {
            place,
            why: "is neither a file nor a folder".to_owned(),
        }),
    }
}

/// A folder of plugins: each folder in it, and each file.
fn children(
    scan: &Scan<'_>,
    parent: &Path,
    known: &Known,
    observations: &mut Vec<Observation>,
    found: &mut Vec<Plugin>,
) {
    let paths = scan.paths;
    let entries = match paths.list(parent) {
        Ok(entries) => entries,
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: paths.shown(parent),
                why: error.to_string(),
            });
            return;
        }
    };
    for entry in entries {
        if found.len() >= MAX_PATHS {
            let why = format!("leads to more than {MAX_PATHS} plugins");
            observations.push(Observation::Unreadable {
                place: paths.shown(parent),
                why,
            });
            return;
        }
        let name = entry.name.to_string_lossy().into_owned();
        match (entry.kind, paths.real(&entry.path)) {
            (Entry::File, Ok(_)) => file(scan, &entry.path, known, found),
            (Entry::Folder, Ok(real)) if !is_ignored(&name) => {
                let recorded = known.folder(&real);
                let files = PluginFiles::read(paths, &real);
                if !recorded && files.is_plugin(paths) {
                    folder(scan, files, found);
                }
            }
            (Entry::Nothing, _) | (_, Err(_)) if entry.link => {
                observations.push(Observation::LeadsNowhere {
                    place: paths.shown(&entry.path),
                });
            }
            _ => {}
        }
    }
}

fn folder(scan: &Scan<'_>, files: PluginFiles, found: &mut Vec<Plugin>) {
    if found
        .iter()
        .any(|plugin| plugin.folder() == Some(&files.folder))
    {
        return;
    }
    let id = SubjectId::new("load", &files.plugin_id());
    found.push(unrecorded(
        scan,
        id,
        Source::Load,
        files,
        PluginOrigin::Config,
    ));
}

/// A single file: its folder is the plugin's root, so the whole folder is the subject. [S `discoverFromPath`]
fn file(scan: &Scan<'_>, file: &Path, known: &Known, found: &mut Vec<Plugin>) {
    let name = file_name(file);
    let Some(stem) = extension_stem(&name) else {
        return;
    };
    let real = scan.paths.real(file).unwrap_or_else(|_| file.to_owned());
    let Some(parent) = file
        .parent()
        .and_then(|parent| scan.paths.real(parent).ok())
    else {
        return;
    };
    if known.folder(&parent) {
        return;
    }
    let files = PluginFiles::read(scan.paths, &parent);
    let id = SubjectId::new("load", stem);
    let mut plugin = unrecorded(scan, id, Source::Load, files, PluginOrigin::Config);
    stem.clone_into(&mut plugin.subject.name);
    plugin.subject.enabled = scan.activation.enabled(stem, PluginOrigin::Config, &[]);
    if !real.starts_with(&parent) {
        let target = scan.paths.shown(&real);
        plugin.subject.observations.push(Observation::EntryEscapes {
            entry: crate::text::excerpt(&name, 200),
            target,
        });
    }
    found.push(plugin);
}

/// The id that OpenClaw gives a file; none when it does not load such a file. [S `isExtensionFile`]
fn extension_stem(name: &str) -> Option<&str> {
    let ending = ENDINGS.iter().find(|ending| name.ends_with(**ending))?;
    let lower = name.to_lowercase();
    let declarations = [".d.ts", ".d.mts", ".d.cts"]
        .iter()
        .any(|ending| name.ends_with(ending));
    let stem = name.strip_suffix(ending).filter(|stem| !stem.is_empty())?;
    (!declarations && !lower.contains(".test.")).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_openclaw_loads() {
        for (name, stem) in [
            ("a.ts", Some("a")),
            ("b.x.cjs", Some("b.x")),
            ("a.d.ts", None),
            ("a.Test.js", None),
            ("a.md", None),
        ] {
            assert_eq!(extension_stem(name), stem, "{name}");
        }
    }
}
