//! Environments of Python (`.venv`) [PEP 405]: the interpreter that is started, and the packages that it loads.
//!
//! An environment is taken whole: its links to the interpreter by their text, `pyvenv.cfg`, and the packages without what Python compiled of
//! them. Of one that is too large the packages are left out, and that is said.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::super::paths::{Kind as Entry, Paths, normalize};
use super::compiled;
use super::words::{is_python, name_of};
use crate::read;

/// The file that makes a folder an environment.
const CONFIG: &str = "pyvenv.cfg";
/// Most files and bytes of one that is hashed whole.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 256 << 20;
/// Most links whose targets are looked at.
const MAX_LINKS: usize = 200;
/// Most bytes of a `.pth` file or `pyvenv.cfg`.
const MAX_TEXT: u64 = 1 << 20;

/// What stands for an environment.
#[derive(Debug, Default)]
pub(in super::super) struct Environment {
    /// What counts where its packages do not: whole paths.
    pub(in super::super) kept: Option<Vec<PathBuf>>,
    /// Folders of compiled code.
    pub(in super::super) caches: Vec<PathBuf>,
    /// Links that lead out of it.
    pub(in super::super) links: Vec<PathBuf>,
    /// Where they lead: real paths.
    pub(in super::super) outside: BTreeSet<PathBuf>,
    /// More links lead out of it than were looked at.
    pub(in super::super) more_links: bool,
    /// Folders that its `.pth` files add to where Python looks for modules, with the file.
    pub(in super::super) added: Vec<(PathBuf, PathBuf)>,
    /// Folders of packages.
    pub(in super::super) sites: Vec<PathBuf>,
    /// Whether it also takes the packages of the system and of the user.
    pub(in super::super) takes_others: bool,
}

/// The environment in which a path lies.
pub(super) fn around(paths: &Paths, path: &Path) -> Option<PathBuf> {
    let mut above = path.ancestors().skip(1);
    let found = above.find(|folder| is_environment(paths, folder))?;
    paths.real(found).ok()
}

pub(super) fn is_environment(paths: &Paths, folder: &Path) -> bool {
    folder.parent().is_some() && paths.kind(&folder.join(CONFIG)) == Entry::File
}

/// Looks through an environment. `small`: only what starts it, without its packages.
pub(in super::super) fn read(paths: &Paths, folder: &Path, small: bool) -> io::Result<Environment> {
    let sites = sites(paths, folder);
    let mut found = match small {
        true => None,
        false => looked_through(paths, folder)?,
    }
    .unwrap_or_else(|| Environment {
        kept: Some(start_of(paths, folder, &sites)),
        ..Environment::default()
    });
    if let Some(kept) = &found.kept {
        let links: Vec<PathBuf> = kept
            .iter()
            .flat_map(|place| links_in(paths, place))
            .collect();
        for link in links {
            found.link(paths, folder, link);
        }
    }
    let text = paths.text(&folder.join(CONFIG), MAX_TEXT);
    found.takes_others = text.unwrap_or_default().lines().any(|line| {
        line.split_once('=').is_some_and(|(key, value)| {
            key.trim() == "include-system-site-packages"
                && value.trim().eq_ignore_ascii_case("true")
        })
    });
    for site in &sites {
        found.added.extend(added_by(paths, site));
    }
    found.sites = sites;
    Ok(found)
}

/// Everything in it; none where that is too much, or holds what no digest can stand for.
fn looked_through(paths: &Paths, root: &Path) -> io::Result<Option<Environment>> {
    let mut found = Environment::default();
    let (mut files, mut bytes) = (0, 0);
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        paths.listed(&folder);
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let metadata = std::fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                if path.ends_with("__pycache__") && compiled::is_cache(&path) {
                    paths.listed(&path);
                    found.caches.push(path);
                } else {
                    open.push(path);
                }
                continue;
            }
            if metadata.is_symlink() {
                found.link(paths, root, path);
            } else if !metadata.is_file() {
                return Ok(None);
            }
            files += 1;
            bytes += metadata.len();
            if files > MAX_FILES || bytes > MAX_BYTES {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}

impl Environment {
    /// Notes a link where it leads out of the environment.
    fn link(&mut self, paths: &Paths, root: &Path, link: PathBuf) {
        let Ok(real) = paths.real(&link) else {
            // In a copy it leads out of it; one that leads nowhere loads nothing.
            self.links.push(link);
            return;
        };
        if real.starts_with(root) && !passes_outside(root, &link) {
            return;
        }
        self.links.push(link);
        if real.starts_with(root) {
            return;
        }
        if self.outside.len() < MAX_LINKS {
            self.outside.insert(real);
        } else if !self.outside.contains(&real) {
            self.more_links = true;
        }
    }
}

/// Whether a link is written with an absolute path, which a tree refuses wherever it leads.
fn passes_outside(root: &Path, link: &Path) -> bool {
    let target = std::fs::read_link(link).unwrap_or_default();
    let folder = link.parent().unwrap_or(root);
    target.is_absolute() || !normalize(&folder.join(target)).starts_with(root)
}

/// What decides what runs before any package: the programs, the configuration, and the files that Python reads as it starts.
fn start_of(paths: &Paths, folder: &Path, sites: &[PathBuf]) -> Vec<PathBuf> {
    let mut kept = vec![folder.join(CONFIG), folder.join("bin")];
    for site in sites {
        let files = paths.list(site).unwrap_or_default().into_iter();
        kept.extend(
            files
                .filter(|entry| entry.kind == Entry::File)
                .map(|entry| entry.path),
        );
    }
    kept
}

fn links_in(paths: &Paths, place: &Path) -> Vec<PathBuf> {
    let is_link = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
    if is_link(place) {
        return vec![place.to_owned()];
    }
    if paths.kind(place) != Entry::Folder {
        return Vec::new();
    }
    let entries = paths.list(place).unwrap_or_default().into_iter();
    entries
        .filter(|entry| entry.link)
        .map(|entry| entry.path)
        .collect()
}

/// `lib/python3.11/site-packages` of a prefix.
pub(in super::super) fn sites(paths: &Paths, prefix: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for library in ["lib", "lib64"].map(|name| prefix.join(name)) {
        // `lib64` is a link to `lib`, where both are one.
        if std::fs::symlink_metadata(&library).is_ok_and(|metadata| metadata.is_symlink()) {
            continue;
        }
        for version in paths.list(&library).unwrap_or_default() {
            let name = version.name.to_string_lossy();
            if name.starts_with("python") || name.starts_with("pypy") {
                let site = version.path.join("site-packages");
                if paths.kind(&site) == Entry::Folder {
                    found.push(site);
                }
            }
        }
    }
    found
}

/// What the `.pth` files of a folder of packages add to it, and what packages that are installed for editing are found by. Their lines of
/// code are in the digest.
pub(in super::super) fn added_by(paths: &Paths, site: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for entry in paths.list(site).unwrap_or_default() {
        let name = entry.name.to_string_lossy();
        let finder = name.starts_with("__editable__") && name.ends_with(".py");
        if !finder && !name.ends_with(".pth") || entry.kind != Entry::File {
            continue;
        }
        let text = paths.lossy(&entry.path, MAX_TEXT).unwrap_or_default();
        let is_place = |line: &&str| match finder {
            true => line.starts_with('/'),
            false => !line.is_empty() && !line.starts_with(['#']) && !is_import(line),
        };
        let ends: &[char] = if finder { &['\'', '"'] } else { &['\n'] };
        for place in text
            .split(ends)
            .map(str::trim_end)
            .filter(is_place)
            .take(1000)
        {
            let place = normalize(&site.join(place));
            if paths.kind(&place) != Entry::Nothing && !place.starts_with(site) {
                found.push((place, entry.path.clone()));
            }
        }
    }
    found
}

fn is_import(line: &str) -> bool {
    line.starts_with("import ") || line.starts_with("import\t")
}

/// Whether a folder of packages has a module of that name.
pub(super) fn has_module(paths: &Paths, site: &Path, name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    if first.is_empty() {
        return false;
    }
    let starts = format!("{first}.");
    let is_library = |entry: io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&starts) && name.ends_with(".so")
        })
    };
    paths.kind(&site.join(first)) == Entry::Folder
        || paths.kind(&site.join(format!("{first}.py"))) == Entry::File
        || std::fs::read_dir(site).is_ok_and(|mut entries| entries.any(is_library))
}

/// What a script says to run it with, where that is a Python: the interpreter's path, or its bare name behind `env`.
pub(super) fn interpreter_of(script: &Path) -> Option<String> {
    use std::io::Read as _;
    let (file, _) = read::open(script).ok()?;
    let mut bytes = Vec::new();
    file.take(512).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let first = lines.next()?.strip_prefix("#!")?.trim();
    // pip writes a line for the shell where the path is too long for the kernel.
    let line = match lines.next().and_then(|line| line.strip_prefix("'''exec'")) {
        Some(rest) => rest.trim(),
        None => first,
    };
    let mut words = line
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']));
    let program = words.next()?;
    let program = match name_of(program).as_str() {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('='))?,
        _ => program,
    };
    is_python(&name_of(program)).then(|| program.to_owned())
}
