//! One object by its id, loose or packed, within a limit of bytes and of work.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::sync::Arc;

use flate2::bufread::ZlibDecoder;

use super::pack::{DeltaError, EntryKind, Pack, apply_delta, compressed_limit};
use super::repository::unsafe_place;
use super::{GitError, Repository};
use crate::digest::{GitOid, from_hex};
use crate::read::{self, ReadError};

/// A SHA-1 object id.
pub(super) type Id = [u8; 20];

/// Deltas from an object to its base. git writes at most 50 unless configured otherwise, and accepts 4,095.
const CHAIN_LIMIT: usize = 1024;
/// Smallest limit for the bases of a delta: they may be larger than what is built from them.
const BASE_LIMIT: u64 = 16 << 20;
/// Bytes of bases that are kept, because neighbours in a tree share them.
const CACHE_LIMIT: usize = 64 << 20;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A folder.
    Tree,
    /// The content of a file, or the target of a symlink.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The word that git uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    fn from_word(word: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag]
            .into_iter()
            .find(|kind| kind.as_str().as_bytes() == word)
    }
}

/// An object whose bytes have the id that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The SHA-1 id of an object with these bytes. `None` when the bytes carry a known collision attack.
#[must_use]
pub fn object_id(kind: ObjectKind, bytes: &[u8]) -> Option<GitOid> {
    hash(kind, bytes).map(|id| GitOid::sha1(&id))
}

impl Repository {
    /// Reads one object of at most `limit` bytes, with a budget of work of its own.
    ///
    /// # Errors
    /// [`GitError::Missing`], [`GitError::TooLarge`], [`GitError::WrongId`], or what is wrong with the repository.
    pub fn read(&self, oid: &GitOid, limit: u64) -> Result<Object, GitError> {
        ObjectReader::new(self, 16 * limit.max(BASE_LIMIT)).read(oid, limit)
    }
}

/// Which pack, and the offset in it.
type Place = (usize, u64);

/// Reads many objects with one budget of work, so that a small repository cannot cost a long time.
#[derive(Debug)]
pub struct ObjectReader<'r> {
    repository: &'r Repository,
    budget: u64,
    bases: HashMap<Place, (ObjectKind, Arc<Vec<u8>>)>,
    cached: usize,
}

impl<'r> ObjectReader<'r> {
    /// A reader that inflates and copies at most `budget` bytes in all.
    #[must_use]
    pub fn new(repository: &'r Repository, budget: u64) -> Self {
        Self {
            repository,
            budget,
            bases: HashMap::new(),
            cached: 0,
        }
    }

    /// Reads one object of at most `limit` bytes and checks its id.
    ///
    /// # Errors
    /// As [`Repository::read`], and [`GitError::Exhausted`].
    pub fn read(&mut self, oid: &GitOid, limit: u64) -> Result<Object, GitError> {
        let id = from_hex(oid.as_str()).and_then(|bytes| Id::try_from(bytes).ok());
        let id =
            id.ok_or_else(|| GitError::Unsupported("SHA-256 ids are not read yet".to_owned()))?;
        let object = match self.loose(&id, oid, limit)? {
            Some(object) => object,
            None => self
                .packed(&id, oid, limit)?
                .ok_or_else(|| GitError::Missing(oid.clone()))?,
        };
        if hash(object.kind, &object.bytes) == Some(id) {
            Ok(object)
        } else {
            Err(GitError::WrongId(oid.clone()))
        }
    }

    fn loose(&mut self, id: &Id, oid: &GitOid, limit: u64) -> Result<Option<Object>, GitError> {
        let (folder, name) = oid.as_str().split_at(2);
        let place = format!("objects/{folder}/{name}");
        let folder = self.repository.git_dir.join("objects").join(folder);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(found) => {
                return Err(unsafe_place(
                    &place,
                    format!("lies in {}, not a folder", read::kind_of(&found)),
                ));
            }
            Err(_) => return Ok(None),
        }
        let (file, stored) = match read::open(&folder.join(name)) {
            Ok((file, metadata)) => (file, metadata.len()),
            Err(ReadError::NotFound) => return Ok(None),
            Err(error) => return Err(GitError::from_read(&place, error)),
        };
        let mut stream =
            BufReader::with_capacity(4096, ZlibDecoder::new(BufReader::with_capacity(4096, file)));
        let damaged = |why: &str| GitError::damaged(&place, why);
        let mut head = Vec::with_capacity(32);
        (&mut stream)
            .take(32)
            .read_until(0, &mut head)
            .map_err(|_| damaged("it cannot be inflated"))?;
        let (kind, size) = parse_head(&head).ok_or_else(|| damaged("it has no header"))?;
        if size > limit {
            return Err(GitError::TooLarge {
                oid: oid.clone(),
                limit,
            });
        }
        if stored > compressed_limit(size) {
            return Err(damaged(
                "the file is longer than an object of its size can be",
            ));
        }
        self.spend(size)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(64 << 10));
        stream
            .take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| damaged("it cannot be inflated"))?;
        if bytes.len() as u64 != size {
            return Err(GitError::WrongId(GitOid::sha1(id)));
        }
        Ok(Some(Object { kind, bytes }))
    }

    fn packed(&mut self, id: &Id, oid: &GitOid, limit: u64) -> Result<Option<Object>, GitError> {
        let repository = self.repository;
        for (nth, pack) in repository.packs.iter().enumerate() {
            if let Some(offset) = pack.find(id)? {
                return self.unpack(nth, pack, offset, oid, limit).map(Some);
            }
        }
        Ok(None)
    }

    /// The object at `offset`, built from the whole object at the end of its chain of deltas.
    fn unpack(
        &mut self,
        nth: usize,
        pack: &Pack,
        offset: u64,
        oid: &GitOid,
        limit: u64,
    ) -> Result<Object, GitError> {
        let base_limit = limit.max(BASE_LIMIT);
        let too_large = || GitError::TooLarge {
            oid: oid.clone(),
            limit,
        };
        let mut deltas = Vec::new();
        let mut at = offset;
        let (kind, mut bytes) = loop {
            if let Some((kind, bytes)) = self.bases.get(&(nth, at)) {
                break (*kind, Arc::clone(bytes));
            }
            let entry = pack.entry(at)?;
            let whole_limit = if deltas.is_empty() { limit } else { base_limit };
            let next = match entry.kind {
                EntryKind::Whole(_) if entry.size > whole_limit => return Err(too_large()),
                EntryKind::Whole(kind) => {
                    self.spend(entry.size)?;
                    let bytes = Arc::new(pack.inflate(&entry)?);
                    self.keep((nth, at), kind, &bytes);
                    break (kind, bytes);
                }
                _ if entry.size > base_limit => return Err(too_large()),
                EntryKind::OffsetDelta(base) => base,
                EntryKind::IdDelta(base) => pack.find(&base)?.ok_or_else(|| {
                    GitError::damaged(pack.place(), "the base of a delta is not in the pack")
                })?,
            };
            if deltas.len() == CHAIN_LIMIT {
                return Err(GitError::damaged(
                    pack.place(),
                    "a chain of deltas does not end",
                ));
            }
            deltas.push((at, entry));
            at = next;
        };
        while let Some((at, entry)) = deltas.pop() {
            self.spend(entry.size)?;
            let delta = pack.inflate(&entry)?;
            let result_limit = if deltas.is_empty() { limit } else { base_limit };
            let result =
                apply_delta(&bytes, &delta, result_limit.min(self.budget)).map_err(|error| {
                    match error {
                        DeltaError::TooLarge => too_large(),
                        DeltaError::Damaged => {
                            GitError::damaged(pack.place(), "a delta cannot be applied")
                        }
                    }
                })?;
            self.spend(result.len() as u64)?;
            bytes = Arc::new(result);
            self.keep((nth, at), kind, &bytes);
        }
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(Object {
            kind,
            bytes: Arc::unwrap_or_clone(bytes),
        })
    }

    fn keep(&mut self, at: Place, kind: ObjectKind, bytes: &Arc<Vec<u8>>) {
        // What does not fit is read again when it is needed. Large objects are seldom bases.
        if self.cached + bytes.len() <= CACHE_LIMIT && bytes.len() <= CACHE_LIMIT / 16 {
            self.cached += bytes.len();
            self.bases.insert(at, (kind, Arc::clone(bytes)));
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), GitError> {
        // The fixed part keeps millions of empty objects from being free.
        self.budget = self.budget.checked_sub(bytes + 64).ok_or_else(|| {
            GitError::Exhausted(
                "reading these objects takes more work than an honest repository needs".to_owned(),
            )
        })?;
        Ok(())
    }
}

fn hash(kind: ObjectKind, bytes: &[u8]) -> Option<Id> {
    let mut hasher = sha1collisiondetection::Sha1CD::default();
    hasher.update(format!("{} {}\0", kind.as_str(), bytes.len()));
    hasher.update(bytes);
    hasher.finalize_cd().ok().map(Into::into)
}

/// Kind and size from `<kind> <size>` and a NUL.
fn parse_head(head: &[u8]) -> Option<(ObjectKind, u64)> {
    let text = head.strip_suffix(&[0])?;
    let space = text.iter().position(|byte| *byte == b' ')?;
    let (kind, size) = (text.get(..space)?, text.get(space + 1..)?);
    if size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((
        ObjectKind::from_word(kind)?,
        std::str::from_utf8(size).ok()?.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_git_ids() {
        let id = object_id(ObjectKind::Blob, b"hello\n").map(|id| id.to_string());
        assert_eq!(
            id.as_deref(),
            Some("ce013625030ba8dba906f756967f9e9ca394464a")
        );
    }

    #[test]
    fn heads_are_strict() {
        assert_eq!(parse_head(b"tag 12\0"), Some((ObjectKind::Tag, 12)));
        for head in [
            &b"tag 12"[..],
            b"tag\0",
            b"tag \0",
            b"tag +1\0",
            b"note 1\0",
            b"",
            b"tag 99999999999999999999\0",
        ] {
            assert_eq!(parse_head(head), None);
        }
    }
}
