//! Code that keys of the config name: folders to load from, programs to start, and the scripts that these are given.

use std::path::{Path, PathBuf};

use super::super::super::super::settings::is_command;
use super::super::super::{At, Machine};
use super::Below;

type Place = (&'static str, PathBuf, Below);

/// Keys with folders, or files, that OpenClaw loads code or skills from.
const LOADED: [&str; 4] = [
    "plugins.load.paths",
    "skills.load.extraDirs",
    "hooks.internal.load.extraDirs",
    "hooks.transformsDir",
];
/// Keys with servers, each of which starts a command.
const SERVERS: [&str; 2] = ["mcp.servers", "nodeHost.mcp.servers"];
/// Ends of names of files that an interpreter runs.
const SCRIPTS: [&str; 16] = [
    "js", "mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx", "py", "sh", "bash", "rb", "pl", "php",
    "lua", "jar",
];
/// Files that say that a folder is a package.
const MANIFESTS: [&str; 2] = ["package.json", "pyproject.toml"];
/// How far above a script its package is looked for.
const MAX_ABOVE: usize = 4;
/// Most places that are named.
const MAX_PLACES: usize = 2000;

/// Folders that OpenClaw loads from because a key says so.
pub(super) fn folders(machine: &Machine) -> Vec<Place> {
    let keys = LOADED.iter().filter_map(|key| machine.at(key));
    let written = keys.flat_map(|at| match at.value.as_str() {
        Some(one) => vec![one],
        None => at.texts(),
    });
    written
        .filter_map(|written| machine.located(written))
        .map(|place| ("code that OpenClaw loads", place, Below::All))
        .take(MAX_PLACES)
        .collect()
}

/// Programs that OpenClaw starts because a key says so, and their scripts with the packages in which these lie.
pub(super) fn programs(machine: &Machine) -> Vec<Place> {
    let mut found = Vec::new();
    let servers = SERVERS.iter().filter_map(|key| machine.at(key));
    for server in servers.flat_map(|at| at.members().map(|(_, at)| at).collect::<Vec<_>>()) {
        let text = |key: &str| server.child(key).and_then(|at| at.value.as_str());
        let from = text("cwd").or(text("workingDirectory"));
        let from = from.and_then(|from| machine.located(from));
        let command = text("command").into_iter();
        let written = server.child("args");
        let words = command.chain(written.iter().flat_map(At::texts));
        let files = words.filter_map(|word| file(machine, word, from.as_deref()));
        found.extend(files.flat_map(|file| of_script(machine, "what an MCP server runs", file)));
    }
    let mut open = vec![machine.root()];
    while let Some(at) = open.pop() {
        if found.len() > MAX_PLACES {
            break;
        }
        match at.value.as_str() {
            Some(word) if is_command(&at.path) => {
                let file = file(machine, word, None).into_iter();
                found.extend(
                    file.flat_map(|file| of_script(machine, "what the config starts", file)),
                );
            }
            _ => {
                open.extend(at.members().map(|(_, at)| at).collect::<Vec<_>>());
                open.extend(at.items());
            }
        }
    }
    found
}

/// The file that a word of a command line means, where it is a program or a script.
fn file(machine: &Machine, word: &str, from: Option<&Path>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let place = machine.located(word).or_else(|| {
        let meant = machine.meant(word)?;
        (!meant.starts_with('-')).then(|| from.map(|from| from.join(&meant)))?
    })?;
    let found = std::fs::metadata(&place).ok()?;
    let end = place.extension().and_then(|end| end.to_str());
    let is_script = end.is_some_and(|end| SCRIPTS.contains(&end.to_ascii_lowercase().as_str()));
    (found.is_file() && (is_script || found.permissions().mode() & 0o111 != 0)).then_some(place)
}

/// A script, and the folder of its package: what it loads lies there.
fn of_script(machine: &Machine, what: &'static str, file: PathBuf) -> Vec<Place> {
    let places = machine.places();
    let holds_more = |folder: &Path| {
        let mut known = places.home.iter().chain([&places.state]);
        folder.parent().is_none() || known.any(|place| place.starts_with(folder))
    };
    let folders = file.ancestors().skip(1).take(MAX_ABOVE);
    let package = folders
        .take_while(|folder| !holds_more(folder))
        .find(|folder| MANIFESTS.iter().any(|name| folder.join(name).is_file()))
        .map(|folder| (what, folder.to_owned(), Below::All));
    let itself = (what, file, Below::Nothing);
    std::iter::once(itself).chain(package).collect()
}
