//! The index of a work tree: which files git tracks, and the object of each. Format: `gitformat-index(5)`, versions 2 to 4.
//!
//! A split index, which names a part of itself in another file, and an index of SHA-256 objects are [`GitError::Unsupported`].

use std::path::Path;

use sha1::{Digest as _, Sha1};

use super::GitError;
use crate::digest::GitOid;
use crate::read::{self, ReadError};

/// Most bytes of an index: some million files.
const MAX_BYTES: u64 = 128 << 20;
/// Most files.
const MAX_ENTRIES: usize = 1_000_000;
/// Longest path.
const MAX_PATH: usize = 4096;
/// Bytes of an entry in front of its path.
const FIXED: usize = 62;
/// Where in them the mode, the object and the flags are.
const MODE: usize = 24;
const OBJECT: usize = 40;
const FLAGS: usize = 60;
/// The entry has two more bytes of flags.
const EXTENDED: u16 = 0x4000;
/// Where in the flags the stage is: two bits.
const STAGE: u16 = 12;
/// Bytes of a SHA-1.
const SHA1: usize = 20;

/// One tracked file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Path below the work tree. Other bytes than UTF-8 are replaced.
    pub path: String,
    /// The object with its content.
    pub object: GitOid,
    /// Kind and permissions, as git keeps them.
    pub mode: u32,
    /// 0; in the middle of a merge that git could not finish 1 for what both sides began with, 2 for this side, 3 for the other.
    pub stage: u8,
}

/// The tracked files of the repository whose own folder (`.git`) is `git_dir`; none where it has no index yet.
///
/// # Errors
/// [`GitError::Unsupported`] for a form that is not read, [`GitError::Damaged`] for one that is none, and what keeps the file from being
/// read.
pub fn tracked(git_dir: &Path) -> Result<Vec<IndexEntry>, GitError> {
    match read::bytes(&git_dir.join("index"), MAX_BYTES) {
        Ok(bytes) => parse(&bytes),
        Err(ReadError::NotFound) => Ok(Vec::new()),
        Err(error) => Err(GitError::from_read("index", error)),
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<IndexEntry>, GitError> {
    let damaged = |why: &str| GitError::damaged("index", why);
    let end = bytes
        .len()
        .checked_sub(SHA1)
        .ok_or_else(|| damaged("it is too short"))?;
    let (body, sum) = bytes.split_at(end);
    // With `index.skipHash` it is zero.
    if sum.iter().any(|byte| *byte != 0) && Sha1::digest(body).as_slice() != sum {
        return Err(damaged("its checksum is another one"));
    }
    let mut reader = Reader { body, at: 0 };
    if reader.take(4) != Some(b"DIRC") {
        return Err(damaged("it is no index"));
    }
    let version = reader.number().ok_or_else(|| damaged("it is too short"))?;
    if !(2..=4).contains(&version) {
        return Err(GitError::Unsupported(format!(
            "an index of version {version} is not read"
        )));
    }
    let count = reader.number().ok_or_else(|| damaged("it is too short"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_ENTRIES {
        let why = format!("an index of more than {MAX_ENTRIES} files is not read");
        return Err(GitError::Unsupported(why));
    }
    let mut found = Vec::with_capacity(count.min(body.len() / FIXED));
    let mut path: Vec<u8> = Vec::new();
    for _ in 0..count {
        let entry = reader.entry(version, &mut path);
        found.push(entry.ok_or_else(|| damaged("an entry is cut"))?);
    }
    reader.extensions()?;
    Ok(found)
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let found = self.body.get(self.at..end)?;
        self.at = end;
        Some(found)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// One entry; `path` is that of the one before, which version 4 builds on.
    fn entry(&mut self, version: u32, path: &mut Vec<u8>) -> Option<IndexEntry> {
        let start = self.at;
        let fixed = self.take(FIXED)?;
        let mode = u32::from_be_bytes(fixed.get(MODE..MODE + 4)?.try_into().ok()?);
        let object = crate::digest::to_hex(fixed.get(OBJECT..OBJECT + SHA1)?);
        let flags = u16::from_be_bytes(fixed.get(FLAGS..FLAGS + 2)?.try_into().ok()?);
        if flags & EXTENDED != 0 {
            self.take(2)?;
        }
        let kept = match version {
            4 => path.len().checked_sub(self.offset()?)?,
            _ => 0,
        };
        path.truncate(kept);
        let rest = self.body.get(self.at..)?;
        let length = memchr::memchr(0, rest.get(..rest.len().min(MAX_PATH + 1))?)?;
        path.extend_from_slice(self.take(length)?);
        self.take(1)?;
        if version < 4 {
            // Filled up with zeros to a multiple of eight, of which one ends the path.
            let padding = (8 - (self.at - start) % 8) % 8;
            self.take(padding)?;
        }
        Some(IndexEntry {
            path: String::from_utf8_lossy(path).into_owned(),
            object: object.parse().ok()?,
            mode,
            stage: u8::try_from(flags >> STAGE & 3).ok()?,
        })
    }

    /// A number of variable length, as in the offsets of a pack.
    fn offset(&mut self) -> Option<usize> {
        let mut byte = *self.take(1)?.first()?;
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = *self.take(1)?.first()?;
            value = value
                .checked_add(1)?
                .checked_mul(128)?
                .checked_add(usize::from(byte & 0x7f))?;
        }
        Some(value)
    }

    /// Refuses what has to be understood and is not: such extensions have a small first letter.
    fn extensions(&mut self) -> Result<(), GitError> {
        while self.at < self.body.len() {
            let name = self.take(4);
            let length = self
                .number()
                .and_then(|length| usize::try_from(length).ok());
            let (Some(name), Some(length)) = (name, length) else {
                return Err(GitError::damaged("index", "an extension is cut"));
            };
            let must = name.first().is_some_and(u8::is_ascii_lowercase);
            // Folders of a sparse index are entries that end in `/`.
            if must && name != b"sdir" {
                let name = String::from_utf8_lossy(name).into_owned();
                let why = format!("an index with the extension `{name}` is not read");
                return Err(GitError::Unsupported(
                    crate::text::visible(&why).into_owned(),
                ));
            }
            if self.take(length).is_none() {
                return Err(GitError::damaged("index", "an extension is cut"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_git::git;

    #[test]
    fn every_version_is_read_as_git_writes_it() {
        for version in ["2", "3", "4"] {
            let dir = tempfile::tempdir().expect("temp dir");
            let root = dir.path();
            git(root, &["init", "-q"]);
            git(root, &["config", "index.version", version]);
            std::fs::create_dir_all(root.join("a/b")).expect("folder");
            for file in [
                ".env",
                "a/.env",
                "a/b/long-name-of-a-file.txt",
                "a/b/long-name-of-a-fine.txt",
            ] {
                std::fs::write(root.join(file), "x").expect("file");
            }
            git(root, &["add", "-f", "."]);
            // Only extended flags make it version 3.
            std::fs::write(root.join("later"), "x").expect("file");
            git(root, &["add", "-N", "later"]);
            git(root, &["update-index", "--index-version", version]);
            let found = tracked(&root.join(".git")).expect("index");
            let paths: Vec<&str> = found.iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!(
                paths,
                [
                    ".env",
                    "a/.env",
                    "a/b/long-name-of-a-file.txt",
                    "a/b/long-name-of-a-fine.txt",
                    "later"
                ],
                "{version}"
            );
            let blob = super::super::object_id(super::super::ObjectKind::Blob, b"x");
            assert_eq!(Some(&found[0].object), blob.as_ref());
        }
    }

    #[test]
    fn a_damaged_or_split_index_is_no_empty_one() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path();
        git(root, &["init", "-q"]);
        std::fs::write(root.join("a"), "x").expect("file");
        git(root, &["add", "."]);
        let file = root.join(".git/index");
        let whole = std::fs::read(&file).expect("index");
        for cut in [0, 4, 19, 40, whole.len() - 1] {
            std::fs::write(&file, &whole[..cut]).expect("index");
            assert!(tracked(&root.join(".git")).is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0x41;
            std::fs::write(&file, &other).expect("index");
            assert!(tracked(&root.join(".git")).is_err(), "{at}");
        }
        std::fs::write(&file, &whole).expect("index");
        git(root, &["update-index", "--split-index"]);
        assert!(matches!(
            tracked(&root.join(".git")),
            Err(GitError::Unsupported(_))
        ));
        std::fs::remove_file(&file).expect("index");
        assert_eq!(tracked(&root.join(".git")).expect("none").len(), 0);
    }
}
