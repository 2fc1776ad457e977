//! The listing behind a tree digest: `mode oid path` for every file and symlink, as `git ls-tree -r` shows it.
//!
//! A manifest hashes to the digest, so a stored one need not be trusted: whoever reads it takes [`Manifest::digest`] and compares.

use std::fmt::Write as _;

use super::object::{BlobId, Mode, TreeObject};
use crate::digest::{TreeDigest, from_hex};

/// One file or symlink of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root, `/` between names. May hold anything but NUL: pass it through [`crate::text::visible`] to show it.
    pub path: String,
    /// Kind and executable bit.
    pub mode: Mode,
    /// Id of the bytes, or of the target of a symlink.
    pub id: BlobId,
}

/// Every file and symlink of a tree, sorted by the bytes of the path. Folders follow from the paths; empty ones do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

/// Why entries or bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A line that is not `mode blob oid TAB path`.
    #[error("malformed entry {number}")]
    Malformed {
        /// Counted from 1.
        number: usize,
    },
    /// A path with an empty name, `.`, `..` or NUL.
    #[error("unusable path `{}`", crate::text::excerpt(.0, 200))]
    Path(String),
    /// The same path twice, or a path that is a file and a folder.
    #[error("the path `{}` stands twice", crate::text::excerpt(.0, 200))]
    Twice(String),
}

impl Manifest {
    /// The manifest of these entries, in any order.
    ///
    /// # Errors
    /// When a path is unusable, stands twice, or is a file and a folder at once.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, ManifestError> {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut folder = "";
        for (at, entry) in entries.iter().enumerate() {
            check_path(&entry.path)?;
            if at > 0 && entries[at - 1].path == entry.path {
                return Err(ManifestError::Twice(entry.path.clone()));
            }
            let parent = parent_of(&entry.path);
            if parent != folder {
                check_folders_are_no_files(&entries, folder, parent)?;
                folder = parent;
            }
        }
        Ok(Self { entries })
    }

    /// The entries, sorted by the bytes of their paths.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().and_then(|at| self.entries.get(at))
    }

    /// The id that `git write-tree` gives this listing in a SHA-256 repository.
    #[must_use]
    pub fn digest(&self) -> TreeDigest {
        // Sorted by the bytes of the whole path, entries of one folder stand together and folders close in git's order: git sorts a
        // folder as if its name ended in `/`.
        let mut open: Vec<(&str, TreeObject)> = Vec::new();
        let mut root = TreeObject::default();
        for entry in &self.entries {
            let parent = parent_of(&entry.path);
            while let Some((folder, _)) = open.last() {
                if is_same_or_inside(parent, folder) {
                    break;
                }
                close_folder(&mut open, &mut root);
            }
            let mut from = open.last().map_or(0, |(folder, _)| folder.len() + 1);
            while from < parent.len() {
                let end = parent[from..].find('/').map_or(parent.len(), |at| from + at);
                open.push((&parent[..end], TreeObject::default()));
                from = end + 1;
            }
            let object = open.last_mut().map_or(&mut root, |(_, object)| object);
            object.push(entry.mode.as_str(), name_of(&entry.path), &entry.id.0);
        }
        while !open.is_empty() {
            close_folder(&mut open, &mut root);
        }
        TreeDigest(root.id())
    }

    /// The bytes that `git ls-tree -r -z` prints: `mode blob oid TAB path NUL`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            bytes.extend_from_slice(format!("{} blob {}\t{}\0", entry.mode.as_str(), entry.id.hex(), entry.path).as_bytes());
        }
        bytes
    }

    /// Reads what [`Manifest::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::Malformed { number: 1 })?;
        let mut entries = Vec::new();
        for line in text.split_inclusive('\0') {
            let malformed = ManifestError::Malformed { number: entries.len() + 1 };
            entries.push(parse_entry(line).ok_or(malformed)?);
        }
        Self::new(entries)
    }

    /// The text that `git ls-tree -r` prints for people: one line an entry, unusual paths in quotes with C escapes.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} blob {}\t{}", entry.mode.as_str(), entry.id.hex(), quoted(&entry.path));
        }
        text
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let (head, path) = line.strip_suffix('\0')?.split_once('\t')?;
    let mut words = head.split(' ');
    let mode = Mode::parse(words.next()?)?;
    let (kind, id) = (words.next()?, words.next()?);
    if kind != "blob" || words.next().is_some() {
        return None;
    }
    let id = from_hex(id)?.try_into().ok()?;
    Some(Entry { path: path.to_owned(), mode, id: BlobId(id) })
}

fn check_path(path: &str) -> Result<(), ManifestError> {
    let bad = |name: &str| name.is_empty() || name == "." || name == ".." || name.contains('\0');
    if path.split('/').any(bad) { Err(ManifestError::Path(path.to_owned())) } else { Ok(()) }
}

/// A folder that opens at `parent` and was not open at `before` must not be a file too.
fn check_folders_are_no_files(entries: &[Entry], before: &str, parent: &str) -> Result<(), ManifestError> {
    let ends = parent.match_indices('/').map(|(at, _)| at).chain(std::iter::once(parent.len()));
    for folder in ends.map(|end| &parent[..end]).filter(|folder| !is_same_or_inside(before, folder)) {
        if entries.binary_search_by(|entry| entry.path.as_str().cmp(folder)).is_ok() {
            return Err(ManifestError::Twice(folder.to_owned()));
        }
    }
    Ok(())
}

fn close_folder(open: &mut Vec<(&str, TreeObject)>, root: &mut TreeObject) {
    if let Some((folder, object)) = open.pop() {
        let above = open.last_mut().map_or(root, |(_, object)| object);
        above.push("40000", name_of(folder), &object.id());
    }
}

/// The folder of `path`, empty for the root.
fn parent_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

fn name_of(path: &str) -> &str {
    path.rfind('/').map_or(path, |at| &path[at + 1..])
}

/// Whether the folder `path` is `folder` or lies below it; the root is the empty text.
pub(crate) fn is_same_or_inside(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// git's `quote_c_style` with `core.quotePath` on.
fn quoted(path: &str) -> String {
    let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if path.bytes().all(plain) {
        return path.to_owned();
    }
    let mut text = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            b if plain(b) => text.push(char::from(b)),
            b => {
                let _ = write!(text, "\\{b:03o}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry { path: path.to_owned(), mode: Mode::Regular, id: BlobId::of(path.as_bytes()) }
    }

    fn manifest(paths: &[&str]) -> Result<Manifest, ManifestError> {
        Manifest::new(paths.iter().map(|path| entry(path)).collect())
    }

    #[test]
    fn a_path_is_never_file_and_folder() {
        assert!(manifest(&["a", "a.b", "a0", "b/a/c"]).is_ok());
        for paths in [["a", "a.b", "a/b"], ["a/b", "a/b.c", "a/b/c"], ["a", "a/b/c", "a/b/d"], ["x", "x", "y"]] {
            assert!(matches!(manifest(&paths), Err(ManifestError::Twice(_))), "{paths:?}");
        }
    }

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        for path in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\0b"] {
            assert!(matches!(manifest(&[path]), Err(ManifestError::Path(_))), "{path:?}");
        }
    }

    #[test]
    fn bytes_read_back_and_other_bytes_do_not() {
        let whole = manifest(&["a\nb", "c d", "é/\"x\""]).expect("manifest");
        assert_eq!(Manifest::parse(&whole.to_bytes()), Ok(whole.clone()));
        let mut cut = whole.to_bytes();
        cut.pop();
        assert!(Manifest::parse(&cut).is_err());
        assert!(Manifest::parse(b"160000 commit abc\tx\0").is_err());
        assert!(whole.to_text().contains("\"a\\nb\"\n"));
        assert!(whole.to_text().contains("\"\\303\\251/\\\"x\\\"\"\n"));
    }

    #[test]
    fn ten_thousand_levels_fold_without_recursion() {
        let deep = vec!["d"; 10_000].join("/");
        assert_eq!(manifest(&[&deep]).map(|m| m.digest()), manifest(&[&deep]).map(|m| m.digest()));
    }
}
