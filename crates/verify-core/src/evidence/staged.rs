//! Copies of code that OpenClaw makes and loads in place of the originals: each file of a copy has to equal a file of a subject.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Evidence, Part};
use crate::inventory::{Hazard, Inventory, Observation};
use crate::read::{self, ReadError};
use crate::text;
use crate::tree::{BlobId, ManifestStore, TreeEntry, TreeSpec};

/// Endings of files that are loaded, run, shown by a browser, read as settings or sent as prompt. An executable file counts whatever its
/// name. The gateway sends `x.js.br` or `x.js.gz` in the place of `x.js`.
const CODE: [&str; 25] = [
    "tsx",
    "jsx",
    "html",
    "js",
    "mjs",
    "cjs",
    "ts",
    "mts",
    "cts",
    "node",
    "wasm",
    "so",
    "json",
    "sh",
    "py",
    "br",
    "gz",
    "css",
    "svg",
    "webmanifest",
    "map",
    "md",
    "yaml",
    "yml",
    "toml",
];
/// Most findings.
const MAX_NAMED: usize = 20;
/// Most files of one folder that are named.
const MAX_SHOWN: usize = 5;
/// Most entries of all copies; the copies of a real installation have some thousands.
const MAX_ENTRIES: usize = 500_000;
/// Deepest folder.
const MAX_DEPTH: usize = 64;
/// Most bytes of one file.
const MAX_FILE: u64 = 256 << 20;

/// What in the staged folders equals nothing that was measured. What equals a file of a tree that the lock holds, and that was replaced
/// since, is weak: the gateway still runs what was locked.
pub(super) fn read<'a>(
    inventory: &Inventory,
    measured: impl Iterator<Item = &'a Evidence>,
    manifests: Option<&ManifestStore>,
) -> Vec<Observation> {
    if inventory.staged.is_empty() {
        return Vec::new();
    }
    let parts: Vec<&Part> = measured
        .flat_map(|evidence| [&evidence.tree, &evidence.dependencies, &evidence.siblings])
        .collect();
    let known: HashSet<Named> = parts
        .iter()
        .filter_map(|part| part.tree())
        .flat_map(|tree| tree.manifest.entries().iter().map(named))
        .collect();
    // A manifest hashes to its digest, and the digest is the lock's: a forged one in the store is not read.
    let locked: HashSet<Named> = parts
        .iter()
        .filter(|part| part.differs())
        .filter_map(|part| manifests?.get(&part.locked?).ok().flatten())
        .flat_map(|manifest| {
            let entries = manifest.entries().iter().map(named);
            entries.collect::<Vec<_>>()
        })
        .collect();
    // A link out of a copy may lead to what is judged in its own place.
    let trees = inventory
        .subjects
        .iter()
        .flat_map(|subject| subject.trees.all().cloned());
    let host = inventory.host.iter();
    let host = host.map(|host| TreeSpec::whole(&host.absolute));
    let mut walk = Walk {
        known: &known,
        locked: &locked,
        judged: trees.chain(host).collect(),
        entry: String::new(),
        left: MAX_ENTRIES,
        strange: Vec::new(),
        replaced: Vec::new(),
    };
    for place in &inventory.staged {
        walk.folder(&place.absolute, &place.absolute, &place.shown, 0);
    }
    let mut subjects = inventory.subjects.iter();
    let installing = subjects.find(|subject| subject.is_being_installed());
    let installing = installing.map(|subject| subject.place.shown.as_str());
    // What must not be missed comes before what is only noted.
    let mut found: Vec<Observation> = walk
        .strange
        .into_iter()
        .map(|folder| folder.observation(installing))
        .chain(walk.replaced)
        .collect();
    found.truncate(MAX_NAMED);
    found
}

/// What is strange in one entry of a staged folder. OpenClaw makes and removes such an entry as one, and so do people: each file by
/// itself would be thousands of findings, and a copy that is moved in part is of no use.
struct Strange {
    folder: String,
    count: usize,
    /// The first of them: the place, and why.
    some: Vec<(String, String)>,
}

impl Strange {
    fn observation(self, installing: Option<&str>) -> Observation {
        match <[_; 1]>::try_from(self.some) {
            Ok([(place, why)]) if self.count == 1 && installing.is_none() => {
                unexplained(&place, &why, false)
            }
            some => {
                let some = some.map_or_else(|some| some, Vec::from);
                let some = some
                    .into_iter()
                    .map(|(place, why)| format!("{place}: {why}"));
                Observation::StagedCopies {
                    folder: self.folder,
                    count: self.count,
                    some: some.collect(),
                    installing: installing.map(str::to_owned),
                }
            }
        }
    }
}

/// Content and name: a copy keeps both, and under another name a harmless file can do harm.
type Named = (BlobId, String);

fn named(entry: &TreeEntry) -> Named {
    (entry.id, name_of(&entry.path).to_owned())
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

struct Walk<'a> {
    known: &'a HashSet<Named>,
    locked: &'a HashSet<Named>,
    judged: Vec<TreeSpec>,
    /// The entry of a staged folder that is walked, safe to show.
    entry: String,
    left: usize,
    strange: Vec<Strange>,
    replaced: Vec<Observation>,
}

impl Walk<'_> {
    /// What vanishes under the walk is no finding: a gateway makes and removes copies while it runs.
    fn folder(&mut self, root: &Path, folder: &Path, shown: &str, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let shown = format!("{shown}/{}", text::visible(&name.to_string_lossy()));
            if depth == 0 {
                self.entry.clone_from(&shown);
            }
            let Some(left) = self.left.checked_sub(1).filter(|_| depth < MAX_DEPTH) else {
                self.say(&shown, "more is there than could be looked at");
                return;
            };
            self.left = left;
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                self.folder(root, &path, &shown, depth + 1);
            } else if metadata.is_symlink() {
                self.link(root, &path, &shown);
            } else if metadata.is_file() {
                let executable = metadata.permissions().mode() & 0o111 != 0;
                if executable || is_code(&path) {
                    self.file(&path, &shown);
                }
            }
        }
    }

    fn link(&mut self, root: &Path, path: &Path, shown: &str) {
        // A link that leads nowhere loads nothing.
        let Ok(target) = fs::canonicalize(path) else {
            return;
        };
        let inside = target.starts_with(root);
        if !inside && !self.judged.iter().any(|judged| judged.holds(&target)) {
            self.say(shown, "it is a link to a place that no subject covers");
        }
    }

    fn file(&mut self, path: &Path, shown: &str) {
        let id = match read::bytes(path, MAX_FILE) {
            Ok(bytes) => BlobId::of(&bytes),
            Err(ReadError::NotFound) => return,
            Err(error) => return self.say(shown, &format!("it cannot be read: {error}")),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = (id, name.into_owned());
        if self.known.contains(&named) {
            return;
        }
        if self.locked.contains(&named) {
            self.replaced.push(unexplained(
                shown,
                "it equals a file of a locked tree that was replaced since",
                true,
            ));
        } else {
            self.say(
                shown,
                "it equals no file of that name in an installed subject",
            );
        }
    }

    /// The last of `strange` is of the entry that is walked now, where there is any of it: an entry is walked to its end before the next.
    fn say(&mut self, place: &str, why: &str) {
        let one = (place.to_owned(), why.to_owned());
        match self.strange.last_mut() {
            Some(last) if last.folder == self.entry => {
                last.count += 1;
                if last.some.len() < MAX_SHOWN {
                    last.some.push(one);
                }
            }
            _ => self.strange.push(Strange {
                folder: self.entry.clone(),
                count: 1,
                some: vec![one],
            }),
        }
    }
}

fn unexplained(place: &str, why: &str, weak: bool) -> Observation {
    Observation::Unexplained {
        hazard: Hazard::StagedCode,
        place: place.to_owned(),
        why: why.to_owned(),
        weak,
    }
}

fn is_code(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // `x.so.1`
    if name.contains(".so.") {
        return true;
    }
    let end = path
        .extension()
        .map(|end| end.to_string_lossy().to_ascii_lowercase());
    // Without an ending it is taken before one with: `require("./lib")` finds `lib` first.
    end.is_none_or(|end| CODE.contains(&end.as_str()))
}
