//! Places of OpenClaw's own from which code or state is taken without a record: staging copies, shell snapshots, copies of the config,
//! compile caches.

mod programs;
mod snapshot;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::Config;
use super::paths::{Kind as Entry, Paths};
use super::search_path::{self, Expands};
use super::{Hazard, Observation, ownership};
use crate::json;
use crate::read::ReadError;
use crate::text;

/// Most bytes of a snapshot or of a copy of the config.
const MAX_FILE: u64 = 4 << 20;
/// Most captures that are looked into for a `node_modules` folder above their files.
const MAX_CAPTURES: usize = 1000;
/// What lies around the state directory.
pub(super) struct Around<'a> {
    /// Temporary folders of what runs OpenClaw.
    pub(super) temporary: &'a [PathBuf],
    /// The host package.
    pub(super) host: Option<&'a Path>,
    /// Folders of the programs `node` that may run OpenClaw.
    pub(super) node_folders: &'a [PathBuf],
    /// Definitions of MCP servers.
    pub(super) servers: &'a [Value],
    /// Seconds since the epoch.
    pub(super) now: i64,
}

/// Looks at all of them.
pub(super) fn read(
    paths: &Paths,
    config: &Config,
    around: &Around<'_>,
    found: &mut Vec<Observation>,
) {
    let temporary = if paths.relocated() {
        &[]
    } else {
        around.temporary
    };
    staging_modules(paths, temporary, found);
    snapshots(paths, around.now, found);
    programs::of_agents(paths, around, found);
    programs::by_name(paths, around, found);
    backups(paths, config, found);
    for folder in temporary {
        for name in COMPILE_CACHES {
            compile_cache(paths, &folder.join(name), found);
        }
    }
    if let (Some(home), None) = (&paths.home, paths.not_here()) {
        for folder in TYPESCRIPT_CACHES {
            compile_cache(paths, &home.join(folder), found);
        }
    }
}

/// Where OpenClaw keeps the JavaScript that it makes of plugins in TypeScript, below the home folder. [S `resolveJitiFsCacheRoot`]
const TYPESCRIPT_CACHES: [&str; 2] = [".cache/openclaw/jiti", "Library/Caches/openclaw/jiti"];
/// What OpenClaw takes from beside the program that runs it before its own: the Control UI, and what draws the agent's pages.
/// [S `resolveControlUiRootSync`, `resolveA2uiRoot`]
const BESIDE_NODE: [&str; 2] = ["control-ui", "a2ui"];

/// Node's caches of OpenClaw's own code in a temporary folder: of the program, and of the workers that it starts for a gateway.
/// [S `resolvePackagedCompileCacheDirectory`, `snapshotNodeWorkerEnv`, `resolvePreferredOpenClawTmpDir`]
const COMPILE_CACHES: [&str; 2] = [
    "node-compile-cache/openclaw",
    "openclaw/node-worker-compile-cache",
];
/// Where OpenClaw looks for the plugins that come with it while these are switched off: it makes this folder, and leaves it empty.
/// [S `DISABLED_BUNDLED_PLUGINS_DIR`]
const NO_BUNDLED_PLUGINS: &str = "openclaw-empty-bundled-plugins";

/// Folders whose every file has to equal one of a judged subject.
pub(super) fn staged(
    paths: &Paths,
    node_folders: &[PathBuf],
    temporary: &[PathBuf],
) -> Vec<PathBuf> {
    let own = ["tmp/plugin-captures", "cache/control-ui-assets"].map(|name| paths.state.join(name));
    let temporary = if paths.relocated() { &[] } else { temporary };
    let empty = temporary
        .iter()
        .map(|folder| folder.join(NO_BUNDLED_PLUGINS));
    let beside = node_folders
        .iter()
        .flat_map(|folder| BESIDE_NODE.map(|name| folder.join(name)));
    own.into_iter()
        .chain(beside)
        .chain(empty)
        .filter(|folder| paths.kind(folder) == Entry::Folder)
        .collect()
}

/// `node_modules` that Node searches upwards from a capture: OpenClaw makes none above a capture's own files.
fn staging_modules(paths: &Paths, temporary: &[PathBuf], found: &mut Vec<Observation>) {
    let captures = paths.state.join("tmp/plugin-captures");
    let mut folders = vec![paths.state.join("tmp"), captures.clone()];
    let copies = paths.list(&captures).unwrap_or_default();
    if copies.len() > MAX_CAPTURES {
        let why = format!("holds more than {MAX_CAPTURES} copies; the rest was not looked at");
        paths.refuse_because(&captures, why);
    }
    for entry in copies.into_iter().take(MAX_CAPTURES) {
        folders.push(entry.path.join("captures"));
        folders.push(entry.path);
    }
    // Without room in the state directory OpenClaw makes its copies here.
    folders.extend_from_slice(temporary);
    for folder in folders {
        let modules = folder.join("node_modules");
        if paths.is_there(&modules) {
            found.push(Observation::Unexplained {
                hazard: Hazard::StagingModules,
                place: paths.shown(&modules),
                why: "Node would search it from the copies of plugins that OpenClaw loads"
                    .to_owned(),
                weak: false,
            });
        }
    }
}

/// The user to whom the state directory belongs.
fn owner(paths: &Paths) -> Option<u32> {
    let state = std::fs::metadata(&paths.state).ok()?;
    Some(state.uid())
}

fn snapshots(paths: &Paths, now: i64, found: &mut Vec<Observation>) {
    let owner = owner(paths);
    for entry in paths
        .list(&paths.state.join("cache/shell-snapshots"))
        .unwrap_or_default()
    {
        if entry.path.extension().is_none_or(|end| end != "sh") {
            continue;
        }
        let mut say = |why: String, weak: bool| {
            found.push(Observation::Unexplained {
                hazard: Hazard::ShellSnapshot,
                place: paths.shown(&entry.path),
                why,
                weak,
            });
        };
        let metadata = match std::fs::symlink_metadata(&entry.path) {
            Ok(metadata) => metadata,
            Err(error) => {
                say(format!("cannot be looked at: {error}"), false);
                continue;
            }
        };
        if !metadata.is_file() {
            say("is no regular file".to_owned(), false);
            continue;
        }
        if metadata.mtime() > now.saturating_add(60) {
            say(
                "has a time in the future, so OpenClaw would never make it anew".to_owned(),
                false,
            );
        }
        if owner.is_some_and(|owner| owner != metadata.uid()) {
            say(
                "belongs to another user than the state directory".to_owned(),
                false,
            );
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            say("can be written by others".to_owned(), false);
        }
        match paths.text(&entry.path, MAX_FILE) {
            Ok(text) => {
                if let Err(line) = snapshot::is_written_by_openclaw(&text) {
                    let line = text::excerpt(line.trim(), 120);
                    say(
                        format!("holds what OpenClaw's writer cannot produce: {line}"),
                        false,
                    );
                }
                let path = snapshot::search_path_of(&text);
                if let Some(why) =
                    path.and_then(|path| search_path::open_entry(paths, &path, Expands::Shell))
                {
                    say(format!("sets PATH, and in it {why}"), false);
                }
                for name in snapshot::replaced_programs(&text) {
                    say(
                        format!("replaces the program {name} by an alias or a function"),
                        true,
                    );
                }
            }
            Err(error) => say(format!("cannot be read: {error}"), false),
        }
    }
}

/// A config that OpenClaw would not take, beside a copy that loads more: OpenClaw puts the copy back.
fn backups(paths: &Paths, config: &Config, found: &mut Vec<Observation>) {
    let odd = !config.complete || super::settings::has_unknown_key(&config.value);
    let size = |file: &Path| {
        let metadata = paths.real(file).and_then(std::fs::symlink_metadata);
        metadata.map_or(0, |metadata| metadata.len())
    };
    let now = size(&paths.state.join("openclaw.json"));
    for name in ["openclaw.json.last-good", "openclaw.json.bak"] {
        let file = paths.state.join(name);
        let copy = match paths.text(&file, MAX_FILE) {
            Ok(text) => json::json5(&text).map(|parsed| parsed.value).ok(),
            Err(ReadError::NotFound) => continue,
            Err(_) => None,
        };
        let suspicious = odd
            || copy
                .as_ref()
                .is_some_and(|copy| looks_cut(&config.value, now, copy, size(&file)));
        if !suspicious {
            continue;
        }
        let more = copy
            .as_ref()
            .is_none_or(|copy| loads_more(copy, &config.value));
        if more {
            found.push(Observation::Unexplained {
                hazard: Hazard::ConfigBackup,
                place: paths.shown(&file),
                why: if odd {
                    "the config has keys that OpenClaw does not know, and this copy, which it would put back, loads more"
                } else {
                    "beside this copy the config looks cut off, so OpenClaw would put the copy back, and it loads more"
                }
                .to_owned(),
                weak: false,
            });
        }
    }
}

/// Whether OpenClaw takes the config for one that was cut off, beside an older copy. [S `resolveConfigObserveSuspiciousReasons`]
fn looks_cut(config: &Value, size: u64, copy: &Value, copy_size: u64) -> bool {
    let lost = |place: &str| copy.pointer(place).is_some() && config.pointer(place).is_none();
    let only_updates = config
        .as_object()
        .is_some_and(|keys| keys.len() == 1 && keys.contains_key("update"));
    (copy_size >= 512 && size < copy_size / 2)
        || lost("/meta")
        || lost("/gateway/mode")
        || only_updates
}

/// Whether `copy` names something to load or start that `config` does not.
fn loads_more(copy: &Value, config: &Value) -> bool {
    const PLACES: [&str; 16] = [
        "/plugins/load/paths",
        "/plugins/entries",
        "/mcp/servers",
        "/hooks/internal",
        "/skills/load/extraDirs",
        "/secrets/providers",
        "/nodeHost",
        "/models/providers",
        "/browser",
        "/agents",
        "/tools",
        "/security",
        "/hooks/mappings",
        "/env",
        "/media",
        "/channels",
    ];
    PLACES.iter().any(|place| {
        let there = copy.pointer(place);
        there.is_some() && there != config.pointer(place)
    })
}

/// A cache of compiled code, of Node or for TypeScript: it runs in place of the sources.
fn compile_cache(paths: &Paths, folder: &Path, found: &mut Vec<Observation>) {
    paths.looked_at(folder);
    paths.listed(folder);
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return;
    };
    if entries.next().is_none() {
        return;
    }
    found.push(Observation::CompileCache {
        place: paths.shown(folder),
        python: false,
        writable: written_by_others(paths, folder),
    });
}

/// The first of a folder and those above it in which others could put what is read there, and that they can.
fn written_by_others(paths: &Paths, folder: &Path) -> Option<String> {
    let owner = owner(paths);
    for (at, above) in folder.ancestors().enumerate() {
        let Ok(metadata) = std::fs::symlink_metadata(above) else {
            continue;
        };
        let foreign = metadata.uid() != 0 && owner.is_some_and(|owner| owner != metadata.uid());
        if (at < 2 && foreign) || ownership::can_be_replaced_below(&metadata) {
            let above = text::visible(&above.to_string_lossy()).into_owned();
            return Some(format!("{above} can be written by others"));
        }
    }
    None
}

/// What a variable names as the place of Node's cache, where no other user can put anything: what is observed of it, if it holds anything.
/// `None` where others can, or could make it first.
pub(super) fn own_compile_cache(paths: &Paths, folder: &Path) -> Option<Option<Observation>> {
    let usable = folder.is_absolute() && !paths.relocated();
    let made = usable && std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    if !made || written_by_others(paths, folder).is_some() {
        return None;
    }
    let mut found = Vec::new();
    compile_cache(paths, folder, &mut found);
    Some(found.pop())
}
