//! The local code that an MCP server's command line starts, as files with a digest.
//!
//! What cannot be hashed is never left out without a word: it is `not_hashed`, and `not-established [local-command]` says so.

mod compiled;
mod imports;
mod package;
mod shell;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::package::Pieces;
use self::words::{Reader, Target};
use super::paths::{Kind as Entry, Paths};
use super::{Observation, Trees};
use crate::policy::LocalFiles;

/// Endings of files that some interpreter runs or loads.
const CODE: [&str; 29] = [
    "js", "mjs", "cjs", "ts", "mts", "cts", "tsx", "jsx", "node", "wasm", "so", "dylib", "py",
    "pyw", "pyc", "pyz", "pyd", "sh", "bash", "zsh", "fish", "rb", "pl", "php", "lua", "r", "jar",
    "class", "dll",
];

/// What is asked about one server.
pub(super) struct Question<'a> {
    pub(super) paths: &'a Paths,
    /// The definition with OpenClaw's own names of keys.
    pub(super) server: &'a Map<String, Value>,
    /// The folder of the plugin that defines it; its files have a digest of their own.
    pub(super) plugin: Option<&'a Path>,
    /// Home, workspaces and state directory: a package lies below one of them, and is none of them.
    pub(super) roots: &'a [PathBuf],
    /// What policy wants hashed.
    pub(super) wanted: LocalFiles,
}

/// What was found of one server.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// The files that have a digest.
    pub(super) trees: Trees,
    /// Code that the command line starts and no digest holds: why not, safe to show.
    pub(super) not_hashed: Vec<String>,
    /// Programs that only root can change, and interpreters that PATH finds; safe to show.
    pub(super) system: Vec<String>,
    /// Compiled code of a package, which runs in place of the sources; safe to show.
    pub(super) cache: Option<String>,
    pub(super) observations: Vec<Observation>,
}

/// Finds the local code of one server.
pub(super) fn read(question: &Question<'_>) -> Local {
    let named = Reader::read(question);
    let mut local = Local {
        system: named.system.into_iter().collect(),
        not_hashed: named.open.into_iter().collect(),
        ..Local::default()
    };
    let targets: BTreeSet<Target> = named
        .targets
        .into_iter()
        .filter(|target| !is_of_plugin(question, target.path()))
        .collect();
    match question.wanted {
        LocalFiles::None if !targets.is_empty() => {
            local
                .not_hashed
                .push("policy says `local = \"none\"` for its files".to_owned());
        }
        LocalFiles::None => {}
        wanted => {
            let mut pieces = Pieces::new(question.paths, question.roots);
            for target in &targets {
                pieces.add(target, wanted == LocalFiles::File);
            }
            pieces.finish(&mut local);
        }
    }
    local.not_hashed.sort();
    local.not_hashed.dedup();
    local
}

/// Finds the local code of several command lines as one set of files: each script alone, with what it names. What lies where `apart` says
/// so is judged elsewhere.
pub(super) fn of_commands(
    paths: &Paths,
    roots: &[PathBuf],
    commands: &[Map<String, Value>],
    apart: &dyn Fn(&Path) -> bool,
) -> Local {
    let mut local = Local::default();
    let mut pieces = Pieces::new(paths, roots);
    let mut targets = BTreeSet::new();
    for server in commands {
        let named = Reader::read(&Question {
            paths,
            server,
            plugin: None,
            roots,
            wanted: LocalFiles::File,
        });
        local.system.extend(named.system);
        local.not_hashed.extend(named.open);
        targets.extend(named.targets);
    }
    for target in targets.iter().filter(|target| !apart(target.path())) {
        pieces.add(target, true);
    }
    pieces.finish(&mut local);
    for list in [&mut local.system, &mut local.not_hashed] {
        list.sort();
        list.dedup();
    }
    local
}

fn is_of_plugin(question: &Question<'_>, path: &Path) -> bool {
    let real = |path: &Path| question.paths.real(path).ok();
    question
        .plugin
        .and_then(real)
        .zip(real(path))
        .is_some_and(|(plugin, file)| file.starts_with(plugin))
}

/// Whether the name of a file says that an interpreter runs or loads it.
fn is_code(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| CODE.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Whether anybody may start a file as a program.
fn is_program(paths: &Paths, path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    paths.kind(path) == Entry::File
        && paths
            .real(path)
            .and_then(std::fs::metadata)
            .is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

/// Whether a file lies where systems keep programs, and it and all folders above it belong to root and only root can write them.
fn is_of_system(paths: &Paths, file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(real) = paths.real(file) else {
        return false;
    };
    let roots_own = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
    };
    [
        "/usr", "/bin", "/sbin", "/lib", "/opt", "/nix", "/snap", "/System",
    ]
    .iter()
    .any(|root| real.starts_with(root))
        && real.ancestors().all(roots_own)
}

#[cfg(test)]
mod tests;
