//! The local script or program that an MCP server's command line names, as files with a digest.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Trees;
use super::paths::{Kind as Entry, Located, Paths};
use crate::tree::{LeaveOut, TreeSpec};

/// Programs that run the first argument that is no option.
const INTERPRETERS: [&str; 14] = [
    "node", "bun", "deno", "tsx", "ts-node", "python", "python3", "uv", "ruby", "perl", "bash",
    "sh", "zsh", "php",
];
/// Words between an interpreter and its script that are no script.
const SUBCOMMANDS: [&str; 2] = ["run", "exec"];
/// Files that make a folder a package.
const MANIFESTS: [&str; 2] = ["package.json", "pyproject.toml"];
/// Most files and bytes of a package that is hashed as one; of a larger one only the script itself.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 256 << 20;
/// Entries of a package that are no code of it: history, environments, caches.
const NOT_CODE: [&str; 8] = [
    ".git",
    ".venv",
    "venv",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".cache",
];

/// The trees of a server's own files; empty where its command line names none that can be found.
pub(super) fn trees(paths: &Paths, server: &Map<String, Value>, roots: &[&Path]) -> Trees {
    script(paths, server).map_or_else(Trees::default, |file| of_file(paths, &file, roots))
}

/// The file that the command line names.
fn script(paths: &Paths, server: &Map<String, Value>) -> Option<PathBuf> {
    let command = server.get("command")?.as_str()?.trim();
    let args: Vec<&str> = server
        .get("args")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let cwd = server.get("cwd").and_then(Value::as_str);
    let located = |word: &str| -> Option<PathBuf> {
        let path = match (paths.locate(word), cwd) {
            (Located::At(path), _) => path,
            (Located::Unknown(_), Some(cwd)) if !word.starts_with(['/', '~', '$']) => {
                match paths.locate(cwd) {
                    Located::At(folder) => super::paths::normalize(&folder.join(word)),
                    _ => return None,
                }
            }
            _ => return None,
        };
        (paths.kind(&path) == Entry::File).then_some(path)
    };
    let name = command.rsplit('/').next().unwrap_or_default();
    let interpreter = INTERPRETERS.iter().any(|known| {
        name == *known
            || name
                .strip_prefix(known)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    });
    if interpreter {
        let words = args
            .iter()
            .filter(|word| !word.starts_with('-') && !SUBCOMMANDS.contains(word));
        return words.take(2).find_map(|word| located(word));
    }
    if !command.contains('/') && !command.starts_with('~') {
        return None;
    }
    let file = located(command)?;
    // A program of the system is the system's.
    (!is_of_system(&file)).then_some(file)
}

/// Whether a file and all folders above it belong to root and only root can write them.
fn is_of_system(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.ancestors().all(|above| {
        std::fs::metadata(above).is_ok_and(|found| {
            found.uid() == 0 && found.mode() & 0o022 == 0
                || found.mode() & 0o1000 != 0 && above != file
        })
    }) && ["/usr", "/bin", "/opt", "/nix"]
        .iter()
        .any(|root| file.starts_with(root))
}

fn of_file(paths: &Paths, file: &Path, roots: &[&Path]) -> Trees {
    let Ok(file) = paths.real(file) else {
        return Trees::default();
    };
    let Some(folder) = file.parent() else {
        return Trees::default();
    };
    // Never a home or a workspace as a whole: the nearest folder below one of them that is a package.
    let is_root = |folder: &Path| roots.contains(&folder) || folder.parent().is_none();
    let inside = |folder: &Path| roots.iter().any(|root| folder.starts_with(root));
    let package = folder
        .ancestors()
        .take_while(|above| inside(above) && !is_root(above))
        .find(|above| {
            MANIFESTS
                .iter()
                .any(|name| paths.kind(&above.join(name)) == Entry::File)
        });
    match package.filter(|package| is_small(package)) {
        Some(package) => of_package(paths, package),
        None => alone(paths, folder, &file),
    }
}

fn of_package(paths: &Paths, package: &Path) -> Trees {
    let modules = package.join("node_modules");
    let mut leave_out: Vec<LeaveOut> = NOT_CODE
        .iter()
        .map(|name| LeaveOut::Entry((*name).to_owned()))
        .collect();
    leave_out.push(LeaveOut::Folder("node_modules".to_owned()));
    let has_modules = paths.kind(&modules) == Entry::Folder;
    Trees {
        tree: Some(TreeSpec {
            root: package.to_owned(),
            boundary: package.to_owned(),
            leave_out,
        }),
        dependencies: has_modules.then(|| TreeSpec::whole(modules)),
        siblings: None,
    }
}

/// The file alone: its folder without everything else.
fn alone(paths: &Paths, folder: &Path, file: &Path) -> Trees {
    let own = file.file_name().unwrap_or_default();
    let others = paths.list(folder).unwrap_or_default().into_iter();
    let leave_out = others
        .filter(|entry| entry.name != own)
        .map(|entry| LeaveOut::Entry(entry.name.to_string_lossy().into_owned()));
    Trees {
        tree: Some(TreeSpec {
            root: folder.to_owned(),
            boundary: folder.to_owned(),
            leave_out: leave_out.collect(),
        }),
        ..Trees::default()
    }
}

/// Whether a package is small enough to be hashed whole, without what is left out of it.
fn is_small(package: &Path) -> bool {
    let (mut files, mut bytes) = (0, 0);
    let mut open = vec![package.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let skipped = name == "node_modules" || NOT_CODE.iter().any(|known| name == *known);
            if folder == package && skipped {
                continue;
            }
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                files += 1;
                bytes += metadata.len();
            }
            if files > MAX_FILES || bytes > MAX_BYTES {
                return false;
            }
        }
    }
    true
}
