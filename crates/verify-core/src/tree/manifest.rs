//! The listing behind a tree digest: `mode oid path` for every file and symlink, as `git ls-tree -r` shows it.
//!
//! A manifest hashes to the digest, so a stored one need not be trusted: its reader takes [`Manifest::digest`] and compares.

use std::fmt::Write as _;

use super::object::{BlobId, Mode, TreeHasher};
use crate::digest::{TreeDigest, from_hex};

/// One file or symlink of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeEntry {
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
    entries: Vec<TreeEntry>,
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
    /// Whether the file system seems to keep no modes, as a Windows drive or a share: every file is a program, also the manifest, which
    /// neither npm nor git makes one. The bit alone starts nothing: what is started is decided by content.
    pub(crate) fn is_without_modes(&self) -> bool {
        let mut files = self
            .entries()
            .iter()
            .filter(|entry| entry.mode != Mode::Symlink);
        files.all(|entry| entry.mode == Mode::Executable)
    }

    /// The manifest of these entries, in any order.
    ///
    /// # Errors
    /// When a path is unusable, stands twice, or is a file and a folder at once.
    pub fn new(mut entries: Vec<TreeEntry>) -> Result<Self, ManifestError> {
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
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&TreeEntry> {
        self.entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()
            .and_then(|at| self.entries.get(at))
    }

    /// The id that `git write-tree` gives this listing in a SHA-256 repository.
    #[must_use]
    pub fn digest(&self) -> TreeDigest {
        // A tree object begins with its length: first the lengths of all folders in the order in which they open, then the ids.
        let (mut lengths, mut open) = (Vec::new(), Vec::new());
        self.each_step(|step| match step {
            Step::Open => {
                open.push(lengths.len());
                lengths.push(0_u64);
            }
            Step::Entry(entry) => add(
                &mut lengths,
                &open,
                entry.mode.as_str(),
                name_of(&entry.path),
            ),
            Step::Close(name) => {
                open.pop();
                add(&mut lengths, &open, FOLDER, name);
            }
        });
        let (mut lengths, mut open, mut root) =
            (lengths.into_iter(), Vec::<TreeHasher>::new(), [0; 32]);
        self.each_step(|step| match step {
            Step::Open => open.push(TreeHasher::new(lengths.next().unwrap_or(0))),
            Step::Entry(entry) => {
                if let Some(folder) = open.last_mut() {
                    folder.push(entry.mode.as_str(), name_of(&entry.path), &entry.id.0);
                }
            }
            Step::Close(name) => {
                let id = open.pop().map_or([0; 32], TreeHasher::finish);
                match open.last_mut() {
                    Some(above) => above.push(FOLDER, name, &id),
                    None => root = id,
                }
            }
        });
        TreeDigest(root)
    }

    /// Every entry between the opening and closing of its folders, the root among them.
    ///
    /// Sorted by the bytes of the whole path, the entries of a folder stand together, and folders close in git's order, which sorts
    /// a folder as if its name ended in `/`.
    fn each_step<'a>(&'a self, mut take: impl FnMut(Step<'a>)) {
        let mut folder = "";
        take(Step::Open);
        for entry in &self.entries {
            let parent = parent_of(&entry.path);
            while !is_same_or_inside(parent, folder) {
                take(Step::Close(name_of(folder)));
                folder = parent_of(folder);
            }
            while folder.len() < parent.len() {
                let from = if folder.is_empty() {
                    0
                } else {
                    folder.len() + 1
                };
                let end = parent
                    .get(from..)
                    .and_then(|rest| rest.find('/'))
                    .map_or(parent.len(), |at| from + at);
                folder = parent.get(..end).unwrap_or(parent);
                take(Step::Open);
            }
            take(Step::Entry(entry));
        }
        while !folder.is_empty() {
            take(Step::Close(name_of(folder)));
            folder = parent_of(folder);
        }
        take(Step::Close(""));
    }

    /// The bytes that `git ls-tree -r -z` prints: `mode blob oid TAB path NUL`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            let id = entry.id.hex();
            for part in [entry.mode.as_str(), " blob ", &id, "\t", &entry.path, "\0"] {
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        bytes
    }

    /// Reads what [`Manifest::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| ManifestError::Malformed { number: 1 })?;
        let mut entries = Vec::new();
        for line in text.split_inclusive('\0') {
            let malformed = ManifestError::Malformed {
                number: entries.len() + 1,
            };
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
            let _ = writeln!(
                text,
                "{} blob {}\t{}",
                entry.mode.as_str(),
                entry.id.hex(),
                quoted(&entry.path)
            );
        }
        text
    }
}

/// The mode of a folder, as git writes it into a tree object.
const FOLDER: &str = "40000";

/// One step through the folders of a manifest.
enum Step<'a> {
    /// A folder begins.
    Open,
    Entry(&'a TreeEntry),
    /// The folder of this name ends; the root has none.
    Close(&'a str),
}

/// Adds the length of an entry to that of the innermost open folder.
fn add(lengths: &mut [u64], open: &[usize], mode: &str, name: &str) {
    if let Some(length) = open.last().and_then(|at| lengths.get_mut(*at)) {
        *length += TreeHasher::entry_len(mode, name);
    }
}

fn parse_entry(line: &str) -> Option<TreeEntry> {
    let (head, path) = line.strip_suffix('\0')?.split_once('\t')?;
    let mut words = head.split(' ');
    let mode = Mode::parse(words.next()?)?;
    let (kind, id) = (words.next()?, words.next()?);
    if kind != "blob" || words.next().is_some() {
        return None;
    }
    let id = from_hex(id)?.try_into().ok()?;
    Some(TreeEntry {
        path: path.to_owned(),
        mode,
        id: BlobId(id),
    })
}

fn check_path(path: &str) -> Result<(), ManifestError> {
    let bad = |name: &str| name.is_empty() || name == "." || name == ".." || name.contains('\0');
    if path.split('/').any(bad) {
        Err(ManifestError::Path(path.to_owned()))
    } else {
        Ok(())
    }
}

/// A folder that opens at `parent` and was not open at `before` must not be a file too.
fn check_folders_are_no_files(
    entries: &[TreeEntry],
    before: &str,
    parent: &str,
) -> Result<(), ManifestError> {
    let ends = parent
        .match_indices('/')
        .map(|(at, _)| at)
        .chain(std::iter::once(parent.len()));
    for folder in ends
        .map(|end| &parent[..end])
        .filter(|folder| !is_same_or_inside(before, folder))
    {
        if entries
            .binary_search_by(|entry| entry.path.as_str().cmp(folder))
            .is_ok()
        {
            return Err(ManifestError::Twice(folder.to_owned()));
        }
    }
    Ok(())
}

/// The folder of `path`, empty for the root.
fn parent_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

fn name_of(path: &str) -> &str {
    path.rfind('/').map_or(path, |at| &path[at + 1..])
}

/// Whether the folder `path` is `folder` or lies below it; the root is the empty text.
fn is_same_or_inside(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

    fn entry(path: &str) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            mode: Mode::Regular,
            id: BlobId::of(path.as_bytes()),
        }
    }

    fn manifest(paths: &[&str]) -> Result<Manifest, ManifestError> {
        Manifest::new(paths.iter().map(|path| entry(path)).collect())
    }

    #[test]
    fn a_path_is_never_file_and_folder() {
        assert!(manifest(&["a", "a.b", "a0", "b/a/c"]).is_ok());
        for paths in [
            ["a", "a.b", "a/b"],
            ["a/b", "a/b.c", "a/b/c"],
            ["a", "a/b/c", "a/b/d"],
            ["x", "x", "y"],
        ] {
            assert!(
                matches!(manifest(&paths), Err(ManifestError::Twice(_))),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        for path in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\0b"] {
            assert!(
                matches!(manifest(&[path]), Err(ManifestError::Path(_))),
                "{path:?}"
            );
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
        assert_eq!(
            manifest(&[&deep]).map(|m| m.digest()),
            manifest(&[&deep]).map(|m| m.digest())
        );
    }
}
