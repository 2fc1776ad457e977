//! Hashes of a skill's files that other tools write into their records, recomputed to find out whether the files still are
//! what was recorded. A match is never evidence: anyone who can change the files can change the record.
//!
//! 1. OpenClaw `fileTreeSha256` (`skills/lifecycle/skill-tree-digest.ts`): certain.
//! 2. ClawHub `fingerprint` and 3. `skills-lock.json` `computedHash`: their order is that of JavaScript's `localeCompare`, which
//!    depends on the version of ICU. They are computed only when all names are of a class whose order every version agrees on.
//! 4. ToolHive `contentDigest` (`pkg/skills/lockfile/contentdigest.go`): certain.

use std::cmp::Ordering;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed};
use ignore::gitignore::GitignoreBuilder;
use sha2::{Digest as _, Sha256};

use crate::digest::to_hex;
use crate::read;

/// Most entries of a skill that are hashed.
const MAX_ENTRIES: usize = 20_000;
/// Most bytes of a skill that are hashed.
const MAX_BYTES: u64 = 64 << 20;
/// Deepest folder that is walked.
const MAX_DEPTH: usize = 64;

/// Why a hash was not computed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HashError {
    /// The recorded hash cannot be of these files: its algorithm refuses what is here. Safe to show.
    #[error("{0}")]
    Impossible(String),
    /// Nothing can be said. Safe to show.
    #[error("{0}")]
    Unknown(String),
}

/// OpenClaw's `fileTreeSha256` of the folder `root`: `sha256:<64 hex>`.
pub(super) fn file_tree(root: &Path) -> Result<String, HashError> {
    let mut budget = Budget::default();
    let mut json = String::from("[");
    let mut stack = vec![children(root, "", &mut budget)?];
    while let Some(level) = stack.last_mut() {
        let Some(entry) = level.pop() else {
            stack.pop();
            continue;
        };
        if stack.len() == 1 && matches!(entry.path.as_str(), ".clawhub" | ".clawdhub") {
            continue;
        }
        let quoted =
            serde_json::to_string(&entry.path).map_err(|e| HashError::Unknown(e.to_string()))?;
        if json.len() > 1 {
            json.push(',');
        }
        match entry.kind {
            Kind::Folder => {
                json.push_str(&format!("{{\"path\":{quoted},\"type\":\"directory\"}}"));
                if stack.len() >= MAX_DEPTH {
                    return Err(HashError::Unknown(format!(
                        "folders are nested deeper than {MAX_DEPTH} levels"
                    )));
                }
                stack.push(children(root, &entry.path, &mut budget)?);
            }
            Kind::File => {
                let digest =
                    to_hex(&file(root, &entry.path, &mut budget, Sha256::new())?.finalize());
                json.push_str(&format!(
                    "{{\"path\":{quoted},\"type\":\"file\",\"sha256\":\"{digest}\"}}"
                ));
            }
            Kind::Other(what) => {
                let shown = crate::text::excerpt(&entry.path, 80);
                return Err(HashError::Impossible(format!(
                    "{shown} is {what}, which a recorded tree never holds"
                )));
            }
        }
    }
    json.push(']');
    Ok(format!(
        "sha256:{}",
        to_hex(&Sha256::digest(json.as_bytes()))
    ))
}

/// ClawHub's `fingerprint` of the folder `root`: 64 hex digits.
pub(super) fn clawhub_fingerprint(root: &Path) -> Result<String, HashError> {
    fingerprint(root, sort_like_javascript)
}

/// The `computedHash` of `skills-lock.json` of the folder `root`: 64 hex digits.
pub(super) fn skills_lock(root: &Path) -> Result<String, HashError> {
    computed(root, sort_like_javascript)
}

/// ToolHive's `contentDigest` of the folder `root`: `sha256:<64 hex>`.
pub(super) fn toolhive(root: &Path) -> Result<String, HashError> {
    let mut budget = Budget::default();
    let mut files = files(root, &mut budget, &|_, _| false)?;
    files.sort_unstable();
    let mut hash = Sha256::new();
    for path in files {
        let content = file(root, &path, &mut budget, Sha256::new())?.finalize();
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(content);
        hash.update(b"\n");
    }
    Ok(format!("sha256:{}", to_hex(&hash.finalize())))
}

type Sort = fn(&mut [String]) -> Result<(), HashError>;

fn fingerprint(root: &Path, sort: Sort) -> Result<String, HashError> {
    let mut budget = Budget::default();
    let mut builder = GitignoreBuilder::new("");
    for name in [".gitignore", ".clawhubignore", ".clawdhubignore"] {
        match read::text(&root.join(name), 1 << 20) {
            Ok(text) => {
                for line in text.lines() {
                    builder
                        .add_line(None, line)
                        .map_err(|e| HashError::Unknown(format!("{name}: {e}")))?;
                }
            }
            Err(read::ReadError::NotFound) => {}
            Err(error) => return Err(HashError::Unknown(format!("{name} {error}"))),
        }
    }
    let ignored = builder
        .build()
        .map_err(|e| HashError::Unknown(e.to_string()))?;
    let skip = |name: &str, _: &Kind| name.starts_with('.') || name == "node_modules";
    let mut files = files(root, &mut budget, &skip)?;
    files.retain(|path| !ignored.matched_path_or_any_parents(path, false).is_ignore());
    sort(&mut files)?;
    let mut lines = Vec::with_capacity(files.len());
    for path in files {
        let digest = to_hex(&file(root, &path, &mut budget, Sha256::new())?.finalize());
        lines.push(format!("{path}:{digest}"));
    }
    Ok(to_hex(&Sha256::digest(lines.join("\n").as_bytes())))
}

fn computed(root: &Path, sort: Sort) -> Result<String, HashError> {
    let mut budget = Budget::default();
    let skip = |name: &str, kind: &Kind| {
        *kind == Kind::Folder && (name == ".git" || name == "node_modules")
    };
    let mut files = files(root, &mut budget, &skip)?;
    sort(&mut files)?;
    let mut hash = Sha256::new();
    for path in files {
        hash.update(path.as_bytes());
        hash = file(root, &path, &mut budget, hash)?;
    }
    Ok(to_hex(&hash.finalize()))
}

/// Whether the order of `localeCompare` is certain for a path of a hash: ASCII letters, digits and `-_./`, on which all versions of ICU
/// agree.
fn certain(path: &str) -> bool {
    path.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
}

fn sort_like_javascript(paths: &mut [String]) -> Result<(), HashError> {
    if let Some(odd) = paths.iter().find(|path| !certain(path)) {
        let shown = crate::text::excerpt(odd, 80);
        return Err(HashError::Unknown(format!(
            "the order of {shown} among the other names depends on the version of ICU"
        )));
    }
    sort_by_collation(paths)
}

fn sort_by_collation(paths: &mut [String]) -> Result<(), HashError> {
    let collator: CollatorBorrowed<'_> =
        Collator::try_new(Default::default(), CollatorOptions::default())
            .map_err(|error| HashError::Unknown(format!("no collation: {error}")))?;
    paths.sort_by(|a, b| collator.compare(a, b));
    if paths
        .windows(2)
        .any(|pair| collator.compare(&pair[0], &pair[1]) == Ordering::Equal)
    {
        return Err(HashError::Unknown(
            "two names are equal in the order that was used".to_owned(),
        ));
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Other(&'static str),
}

struct Entry {
    /// Relative to the root, `/` between names.
    path: String,
    kind: Kind,
}

#[derive(Default)]
struct Budget {
    entries: usize,
    bytes: u64,
}

/// The entries of a folder in *descending* order of UTF-16 code units, so that `pop` gives them ascending.
fn children(root: &Path, folder: &str, budget: &mut Budget) -> Result<Vec<Entry>, HashError> {
    let absolute = if folder.is_empty() {
        root.to_owned()
    } else {
        root.join(folder)
    };
    let unreadable = |error: std::io::Error| {
        HashError::Unknown(format!("{}: {error}", crate::text::excerpt(folder, 80)))
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(&absolute).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        budget.entries += 1;
        if budget.entries > MAX_ENTRIES {
            return Err(HashError::Unknown(format!(
                "more than {MAX_ENTRIES} entries"
            )));
        }
        let name = entry.file_name();
        let Ok(name) = std::str::from_utf8(name.as_bytes()) else {
            return Err(HashError::Impossible(
                "a name is not UTF-8, which a recorded tree never holds".to_owned(),
            ));
        };
        let path = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        let metadata = entry.metadata().map_err(unreadable)?;
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_file() {
            Kind::File
        } else {
            Kind::Other(read::kind_of(&metadata))
        };
        entries.push(Entry { path, kind });
    }
    entries.sort_by(|a, b| b.path.encode_utf16().cmp(a.path.encode_utf16()));
    Ok(entries)
}

/// All regular files below `root`, without what `skip` names; symlinks and special files do not count.
fn files(
    root: &Path,
    budget: &mut Budget,
    skip: &dyn Fn(&str, &Kind) -> bool,
) -> Result<Vec<String>, HashError> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(HashError::Unknown(format!(
                "folders are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        for entry in children(root, &folder, budget)? {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            if skip(name, &entry.kind) {
                continue;
            }
            match entry.kind {
                Kind::Folder => folders.push((entry.path, depth + 1)),
                Kind::File => found.push(entry.path),
                Kind::Other(_) => {}
            }
        }
    }
    Ok(found)
}

/// Adds the bytes of one file to `hash`.
fn file(
    root: &Path,
    path: &str,
    budget: &mut Budget,
    mut hash: Sha256,
) -> Result<Sha256, HashError> {
    let unknown = |why: &dyn std::fmt::Display| {
        HashError::Unknown(format!("{}: {why}", crate::text::excerpt(path, 80)))
    };
    let (mut file, metadata) =
        read::open(&PathBuf::from(root).join(path)).map_err(|e| unknown(&e))?;
    budget.bytes = budget.bytes.saturating_add(metadata.len());
    if budget.bytes > MAX_BYTES {
        return Err(HashError::Unknown(format!(
            "more than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    let mut buffer = vec![0; 64 << 10];
    let mut left = metadata.len();
    while left > 0 {
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = file.read(&mut buffer[..wanted]).map_err(|e| unknown(&e))?;
        if count == 0 {
            return Err(unknown(&"changed while it was read"));
        }
        hash.update(&buffer[..count]);
        left -= count as u64;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        sort_by_collation(&mut names).expect("certain");
        names
    }

    #[test]
    fn the_order_is_that_of_javascript() {
        // Made with `localeCompare` of Node 24, locale en-US.
        let want = [
            "a_b.txt",
            "a-b/x.txt",
            "ab.txt",
            "B.txt",
            "é.txt",
            "f10",
            "README.md",
            "scripts/run.sh",
            "SKILL.md",
            "Zed/z.txt",
        ];
        let mut mixed = want;
        mixed.reverse();
        assert_eq!(sorted(&mixed), want);
        assert!(
            certain("scripts/run-2_x.sh")
                && !certain("é.txt")
                && !certain("a b")
                && !certain("a+b")
        );
    }

    #[test]
    #[ignore = "needs ../shared"]
    fn vectors_of_the_original_tools() {
        let base = shared();
        let dir = tempfile::tempdir().expect("temp dir");
        let archive = std::fs::File::open(base.join("hash-vectors/tree.tar")).expect("tree.tar");
        tar::Archive::new(archive)
            .unpack(dir.path())
            .expect("unpack");
        let tree = dir.path().join("tree");
        let weather = base.join("sources/skill-weather");
        let text =
            std::fs::read_to_string(base.join("hash-vectors/vectors.json")).expect("vectors");
        let vectors: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (folder, name) in [
            (&tree, "hash-vectors/tree.tar:tree"),
            (&weather, "sources/skill-weather"),
        ] {
            let want = |key: &str| vectors[name][key].as_str().expect("vector").to_owned();
            assert_eq!(file_tree(folder), Ok(want("openclaw_fileTreeSha256")));
            assert_eq!(
                fingerprint(folder, sort_by_collation),
                Ok(want("clawhub_fingerprint"))
            );
            assert_eq!(
                computed(folder, sort_by_collation),
                Ok(want("skills_cli_computedHash"))
            );
        }
        assert_eq!(
            clawhub_fingerprint(&weather).ok(),
            vectors["sources/skill-weather"]["clawhub_fingerprint"]
                .as_str()
                .map(str::to_owned)
        );
        assert!(
            matches!(clawhub_fingerprint(&tree), Err(HashError::Unknown(_))),
            "é.txt is not certain"
        );
    }

    #[test]
    fn what_a_recorded_tree_never_holds() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).expect("link");
        assert!(matches!(
            file_tree(dir.path()),
            Err(HashError::Impossible(_))
        ));
        std::fs::remove_file(dir.path().join("link")).expect("rm");
        let mut deep = dir.path().to_owned();
        (0..MAX_DEPTH + 2).for_each(|_| deep.push("d"));
        std::fs::create_dir_all(deep).expect("mkdir");
        assert!(matches!(file_tree(dir.path()), Err(HashError::Unknown(_))));
        assert!(matches!(
            skills_lock(dir.path()),
            Err(HashError::Unknown(_))
        ));
    }

    fn shared() -> PathBuf {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/openclaw-state");
        assert!(
            folder.exists(),
            "../shared/corpus/openclaw-state is not here"
        );
        folder
    }
}
