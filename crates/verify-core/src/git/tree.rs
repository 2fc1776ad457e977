//! The files of a commit, as one flat listing.

use super::repository::unsafe_place;
use super::{GitError, ObjectKind, ObjectReader, Repository};
use crate::digest::GitOid;
use crate::tree::{BlobId, Manifest, Mode, TreeEntry};

/// Bytes of one commit object.
const COMMIT_LIMIT: u64 = 16 << 20;
/// Bytes of one tree object, some 500,000 names.
const TREE_LIMIT: u64 = 32 << 20;

/// How much of a commit is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeLimits {
    /// Files and folders in all.
    pub entries: usize,
    /// Folders inside each other.
    pub depth: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes that are inflated and copied in all: the measure of work.
    pub work: u64,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            depth: 256,
            file_bytes: 256 << 20,
            work: 8 << 30,
        }
    }
}

/// The listing of a commit's files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitTree {
    /// The commit.
    pub commit: GitOid,
    /// Its files and symlinks, sorted by the bytes of their paths.
    pub entries: Vec<CommitEntry>,
    /// Paths of its submodules, whose content no commit of this repository tells.
    pub submodules: Vec<String>,
}

/// A file or symlink of a commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CommitEntry {
    /// `/` between names. Never absolute, never with `.`, `..` or `.git` in it. Untrusted text otherwise.
    pub path: String,
    /// What kind of file.
    pub mode: Mode,
    /// The blob with its content.
    pub oid: GitOid,
}

impl Repository {
    /// The files of `commit`, without their content.
    ///
    /// # Errors
    /// [`GitError::Unsafe`] for names that may not be in a tree, [`GitError::Exhausted`] when a limit is reached, or what keeps
    /// an object from being read.
    pub fn commit_tree(
        &self,
        commit: &GitOid,
        limits: &TreeLimits,
    ) -> Result<CommitTree, GitError> {
        let mut reader = ObjectReader::new(self, limits.work);
        let object = reader.read(commit, COMMIT_LIMIT)?;
        let root = (object.kind == ObjectKind::Commit)
            .then(|| root_of(&object.bytes))
            .flatten();
        let root = root.ok_or_else(|| {
            unsafe_place(
                &format!("object {commit}"),
                "is no commit with a tree".to_owned(),
            )
        })?;

        let mut entries = Vec::new();
        let mut submodules = Vec::new();
        let mut pending = vec![(root, String::new(), 0)];
        let mut seen = 0;
        while let Some((oid, prefix, depth)) = pending.pop() {
            let object = reader.read(&oid, TREE_LIMIT)?;
            if object.kind != ObjectKind::Tree {
                return Err(unsafe_place(
                    &prefix,
                    "is a folder in its parent and something else as an object".to_owned(),
                ));
            }
            for raw in parse_tree(&object.bytes, &prefix)? {
                seen += 1;
                if seen > limits.entries || depth >= limits.depth {
                    return Err(GitError::Exhausted(format!(
                        "the commit has more than {} files or {} levels",
                        limits.entries, limits.depth
                    )));
                }
                let path = format!("{prefix}{}", raw.name);
                match raw.mode {
                    b"40000" => pending.push((raw.oid, format!("{path}/"), depth + 1)),
                    b"160000" => submodules.push(path),
                    // 100664 was written before 2005 ended; git reads it as 100644.
                    b"100644" | b"100664" => entries.push(CommitEntry {
                        path,
                        mode: Mode::Regular,
                        oid: raw.oid,
                    }),
                    b"100755" => entries.push(CommitEntry {
                        path,
                        mode: Mode::Executable,
                        oid: raw.oid,
                    }),
                    b"120000" => entries.push(CommitEntry {
                        path,
                        mode: Mode::Symlink,
                        oid: raw.oid,
                    }),
                    _ => {
                        return Err(unsafe_place(
                            &path,
                            "has a mode that git does not write".to_owned(),
                        ));
                    }
                }
            }
        }
        entries.sort();
        submodules.sort();
        Ok(CommitTree {
            commit: commit.clone(),
            entries,
            submodules,
        })
    }
}

impl CommitTree {
    /// The listing that the tree walker gives for a checkout of this commit, digests and all. Submodules are not part of it.
    ///
    /// # Errors
    /// As [`ObjectReader::read`]; [`GitError::Unsafe`] for a path that no checkout can have.
    pub fn manifest(
        &self,
        reader: &mut ObjectReader<'_>,
        limits: &TreeLimits,
    ) -> Result<Manifest, GitError> {
        let entry = |entry: &CommitEntry| {
            let id = BlobId::of(&read_blob(reader, entry, limits)?);
            Ok(TreeEntry {
                path: entry.path.clone(),
                mode: entry.mode,
                id,
            })
        };
        let entries = self
            .entries
            .iter()
            .map(entry)
            .collect::<Result<_, GitError>>()?;
        Manifest::new(entries)
            .map_err(|error| unsafe_place(self.commit.as_str(), error.to_string()))
    }
}

/// The content of a file of a commit.
pub(super) fn read_blob(
    reader: &mut ObjectReader<'_>,
    entry: &CommitEntry,
    limits: &TreeLimits,
) -> Result<Vec<u8>, GitError> {
    let object = reader.read(&entry.oid, limits.file_bytes)?;
    if object.kind == ObjectKind::Blob {
        Ok(object.bytes)
    } else {
        Err(unsafe_place(
            &entry.path,
            "is a file in its folder and something else as an object".to_owned(),
        ))
    }
}

fn root_of(commit: &[u8]) -> Option<GitOid> {
    let line = commit
        .strip_prefix(b"tree ")?
        .split(|byte| *byte == b'\n')
        .next()?;
    std::str::from_utf8(line)
        .ok()?
        .parse()
        .ok()
        .filter(|oid: &GitOid| oid.as_str().len() == 40)
}

struct RawEntry<'a> {
    mode: &'a [u8],
    name: &'a str,
    oid: GitOid,
}

fn parse_tree<'a>(bytes: &'a [u8], prefix: &str) -> Result<Vec<RawEntry<'a>>, GitError> {
    let damaged = |why: &str| {
        GitError::damaged(
            &crate::text::excerpt(&format!("folder /{prefix}"), 200),
            why,
        )
    };
    let mut entries: Vec<RawEntry<'a>> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let cut_off = || damaged("its tree object is cut off");
        let space = rest
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(cut_off)?;
        let (mode, after) = rest.split_at(space);
        let after = &after[1..];
        let nul = after
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(cut_off)?;
        let (name, after) = after.split_at(nul);
        let (id, after) = after[1..].split_first_chunk::<20>().ok_or_else(cut_off)?;
        rest = after;

        let name =
            std::str::from_utf8(name).map_err(|_| damaged("it holds a name that is not UTF-8"))?;
        if name.is_empty()
            || name.contains('/')
            || name == "."
            || name == ".."
            || name.eq_ignore_ascii_case(".git")
        {
            return Err(damaged("it holds a name that git refuses to check out"));
        }
        let entry = RawEntry {
            mode,
            name,
            oid: GitOid::sha1(id),
        };
        // A name that stands twice, or out of order, is read differently by different programs.
        if entries
            .last()
            .is_some_and(|last| sort_key(last) >= sort_key(&entry) || last.name == entry.name)
        {
            return Err(damaged("its names are not in order"));
        }
        entries.push(entry);
    }
    // `a` as a file and `a` as a folder do not stand side by side in git's order, so the check above misses them.
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(damaged("it holds a name twice"));
    }
    Ok(entries)
}

/// Git sorts a folder as if its name ended in `/`.
fn sort_key(entry: &RawEntry<'_>) -> Vec<u8> {
    let mut key = entry.name.as_bytes().to_vec();
    if entry.mode == b"40000" {
        key.push(b'/');
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(&[7; 20]);
        }
        bytes
    }

    #[test]
    fn trees_in_order_are_read() {
        let bytes = tree(&[
            ("100644", b"a"),
            ("100644", b"a.b"),
            ("40000", b"a-"),
            ("120000", b"b"),
        ]);
        assert!(parse_tree(&bytes, "").is_err(), "a- sorts before a.b");
        let bytes = tree(&[
            ("100644", b"a"),
            ("100644", b"a.b"),
            ("40000", b"ab"),
            ("120000", b"b"),
        ]);
        assert_eq!(
            parse_tree(&bytes, "").map(|entries| entries.len()).ok(),
            Some(4)
        );
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in [&b""[..], b"a/b", b".", b"..", b".git", b".GIT", b"\xff"] {
            assert!(
                parse_tree(&tree(&[("100644", name)]), "").is_err(),
                "{name:?}"
            );
        }
        assert!(parse_tree(&tree(&[("100644", b"a"), ("100644", b"a")]), "").is_err());
        assert!(
            parse_tree(
                &tree(&[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")]),
                ""
            )
            .is_err()
        );
        assert!(parse_tree(b"100644 a\0short", "").is_err());
        assert!(parse_tree(b"100644", "").is_err());
    }
}
