//! The local code that an MCP server's command line starts, as files with a digest.
//!
//! What cannot be hashed is never left out without a word: it is `not_hashed`, and `not-established [local-command]` says so.

mod compiled;
mod environments;
mod imports;
mod links;
mod others;
mod package;
pub(super) mod python;
mod settings;
mod shell;
mod sourced;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::package::Pieces;
use self::words::{Reader, Target};
use super::context::HomeReaders;
use super::paths::{Kind as Entry, Paths};
use super::search_path::Expands;
use super::{NotCovered, NotCoveredGroup, Observation, Trees, environment};
use crate::policy::LocalFiles;
use crate::subject::SubjectId;

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
    /// Where it is started if it names no folder.
    pub(super) started_in: &'a [PathBuf],
    /// Where npm keeps what was installed globally.
    pub(super) prefixes: &'a [PathBuf],
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
    /// Programs that are named and not hashed.
    pub(super) system: Vec<System>,
    /// What of it reads files of the home folder before its own work.
    pub(super) reads: HomeReaders,
    /// Compiled code of a package, which runs in place of the sources; safe to show.
    pub(super) cache: Option<String>,
    pub(super) observations: Vec<Observation>,
    /// What is set in files of variables that an interpreter reads by itself.
    pub(super) of_files: Vec<Observation>,
    /// What stands in files of variables whose values decide what is run: the file and the name, with the form of what is secret.
    pub(super) values: BTreeMap<String, Value>,
}

/// A program that is started and not hashed; safe to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum System {
    /// Only root can change it.
    Program(String),
    /// It is named without a place.
    ByPath(String),
}

impl System {
    /// It as something that is not judged, of the subject `id`.
    pub(super) fn not_covered(&self, id: &SubjectId) -> NotCovered {
        match self {
            Self::Program(place) => NotCovered::new(
                NotCoveredGroup::Elsewhere,
                format!("the program {place} of {id}"),
                "its place is the system's: only root can change it",
            ),
            Self::ByPath(name) => NotCovered::new(
                NotCoveredGroup::Elsewhere,
                format!("the program {name} (found by PATH) of {id}"),
                "the PATH of OpenClaw decides which file it is; a search path that others can write is a finding",
            ),
        }
    }
}

/// Finds the local code of one server.
pub(super) fn read(question: &Question<'_>) -> Local {
    let named = Reader::read(question);
    let mut local = Local::default();
    let targets: BTreeSet<Target> = named
        .targets
        .iter()
        .filter(|target| !is_of_plugin(question, target.path()))
        .cloned()
        .collect();
    match question.wanted {
        LocalFiles::None if !targets.is_empty() || !named.modules.is_empty() => {
            local
                .not_hashed
                .push("policy says `local = \"none\"` for its files".to_owned());
        }
        LocalFiles::None => {}
        wanted => {
            let small = wanted == LocalFiles::File;
            let mut pieces = Pieces::new(question.paths, question.roots, small);
            pieces.add_all(&targets, small);
            if !small {
                pieces.settings(&named.settings);
            }
            pieces.modules(&named.modules);
            pieces.shadows(&named.shadowed);
            pieces.finish(&mut local);
        }
    }
    local.take(question.paths, named);
    local
}

impl Local {
    /// Takes over what was found on a command line itself.
    fn take(&mut self, paths: &Paths, named: words::Named) {
        self.system.extend(named.system);
        self.not_hashed.extend(named.open);
        self.reads.join(named.reads);
        for file in &named.variables {
            environment::file(paths, file, Expands::Variables, &mut self.of_files);
        }
        for file in &named.interpolated {
            self.values.extend(environment::listed(paths, file));
        }
        self.system.sort();
        self.system.dedup();
        self.not_hashed.sort();
        self.not_hashed.dedup();
    }
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
    let mut pieces = Pieces::new(paths, roots, false);
    let (mut targets, mut settings) = (BTreeSet::new(), BTreeSet::new());
    for server in commands {
        let mut named = Reader::read(&Question {
            paths,
            server,
            plugin: None,
            roots,
            started_in: &[],
            prefixes: &[],
            wanted: LocalFiles::File,
        });
        targets.append(&mut named.targets);
        settings.append(&mut named.settings);
        pieces.modules(&named.modules);
        pieces.shadows(&named.shadowed);
        local.take(paths, named);
    }
    targets.retain(|target| !apart(target.path()));
    settings.retain(|file| !apart(file));
    pieces.add_all(&targets, true);
    pieces.settings(&settings);
    pieces.finish(&mut local);
    local.take(paths, words::Named::default());
    local
}

/// What is odd about the files of a folder of compiled code of Python.
pub(super) fn compiled_oddities(paths: &Paths, cache: &Path) -> Vec<Observation> {
    compiled::observations(paths, cache)
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

/// Whether a file or folder and all folders above it belong to root, and only root can write them.
fn only_root_writes(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    path.ancestors().all(|path| {
        std::fs::metadata(path).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
    })
}

/// Whether a file lies where systems keep programs, and only root can change it or put another in its place.
pub(super) fn is_of_system(paths: &Paths, file: &Path) -> bool {
    let Ok(real) = paths.real(file) else {
        return false;
    };
    [
        "/usr", "/bin", "/sbin", "/lib", "/opt", "/nix", "/snap", "/System",
    ]
    .iter()
    .any(|root| real.starts_with(root))
        && only_root_writes(&real)
}

#[cfg(test)]
mod tests;
