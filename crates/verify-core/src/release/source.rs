//! Where tags come from: a local repository, or the bytes of one tag object.

use std::cell::RefCell;

use super::tag::Tag;
use crate::digest::GitOid;
use crate::git::{GitError, ObjectKind, ObjectReader, Repository, object_id};

/// What a tag's ref names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTag {
    /// The id in the ref. The bytes are known to have it.
    pub oid: GitOid,
    /// What the object is; anything but a tag is a lightweight tag.
    pub kind: ObjectKind,
    /// The bytes of a tag object; empty for other objects.
    pub bytes: Vec<u8>,
}

/// What is known about the object that a tag points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagTarget {
    /// It is there, and this is what it is.
    Is(ObjectKind),
    /// It is not there.
    Missing,
    /// This source cannot tell.
    NotLookedAt,
}

/// A place from which tags are read.
pub trait TagSource {
    /// What `refs/tags/<name>` names; `None` when there is no such tag.
    ///
    /// # Errors
    /// What keeps it from being read.
    fn tag(&self, name: &str) -> Result<Option<RawTag>, GitError>;

    /// What the object `oid` is.
    ///
    /// # Errors
    /// What keeps it from being read.
    fn target(&self, oid: &GitOid) -> Result<TagTarget, GitError>;
}

/// Bytes of an object that a tag points at, read to see what it is. No commit is near this size.
const TARGET_LIMIT: u64 = 16 << 20;

/// Bytes that reading one tag and its target may inflate and copy, and reading all tags of a repository.
const WORK_FOR_ONE: u64 = 256 << 20;
const WORK_FOR_ALL: u64 = 8 << 30;

impl TagSource for Repository {
    fn tag(&self, name: &str) -> Result<Option<RawTag>, GitError> {
        Tags::new(self, WORK_FOR_ONE).tag(name)
    }

    fn target(&self, oid: &GitOid) -> Result<TagTarget, GitError> {
        Tags::new(self, WORK_FOR_ONE).target(oid)
    }
}

/// Many tags of one repository, read with one budget of work and one cache of bases.
pub(super) struct Tags<'r> {
    repository: &'r Repository,
    reader: RefCell<ObjectReader<'r>>,
}

impl<'r> Tags<'r> {
    pub(super) fn all(repository: &'r Repository) -> Self {
        Self::new(repository, WORK_FOR_ALL)
    }

    fn new(repository: &'r Repository, work: u64) -> Self {
        Self {
            repository,
            reader: RefCell::new(ObjectReader::new(repository, work)),
        }
    }
}

impl TagSource for Tags<'_> {
    fn tag(&self, name: &str) -> Result<Option<RawTag>, GitError> {
        let Some(oid) = self.repository.tag(name)? else {
            return Ok(None);
        };
        let object = self.reader.borrow_mut().read(&oid, Tag::MAX as u64)?;
        let bytes = if object.kind == ObjectKind::Tag {
            object.bytes
        } else {
            Vec::new()
        };
        Ok(Some(RawTag {
            oid,
            kind: object.kind,
            bytes,
        }))
    }

    fn target(&self, oid: &GitOid) -> Result<TagTarget, GitError> {
        match self.reader.borrow_mut().read(oid, TARGET_LIMIT) {
            Ok(object) => Ok(TagTarget::Is(object.kind)),
            Err(GitError::Missing(_)) => Ok(TagTarget::Missing),
            Err(error) => Err(error),
        }
    }
}

/// The bytes of one tag object, without a repository: whatever name is asked for, this is the tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct SingleObject<'a>(pub(super) &'a [u8]);

impl TagSource for SingleObject<'_> {
    fn tag(&self, _name: &str) -> Result<Option<RawTag>, GitError> {
        let damaged = || GitError::Damaged {
            place: "the tag object".into(),
            why: "its bytes are made to collide with others".into(),
        };
        let oid = object_id(ObjectKind::Tag, self.0).ok_or_else(damaged)?;
        Ok(Some(RawTag {
            oid,
            kind: ObjectKind::Tag,
            bytes: self.0.to_vec(),
        }))
    }

    fn target(&self, _oid: &GitOid) -> Result<TagTarget, GitError> {
        Ok(TagTarget::NotLookedAt)
    }
}
