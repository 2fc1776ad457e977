//! Objects and refs of a git repository that may belong to an attacker, read without git.
//!
//! Only a folder's objects and refs are read. No configuration of the repository decides anything, no replace ref is followed, no
//! hook, filter or other program runs. Every file's type is looked at before it is opened, so a FIFO cannot hang the caller; sizes
//! are bounded before anything is inflated, the bases of deltas included; and the id of every object is computed again from its
//! bytes, with detection of the known SHA-1 collision attacks, so neither a swapped object nor a forged index can lie.
//!
//! Kinds of repository that are not read (SHA-256, reftable, partial clones, alternates, linked worktrees) are
//! [`GitError::Unsupported`], never guessed at. Formats: `gitformat-pack(5)`, `gitformat-loose(5)`, `gitrepository-layout(5)`.

mod attributes;
mod checkout;
mod index;
mod objects;
mod pack;
mod refs;
mod repository;
mod tree;
mod unmerged;

pub use attributes::Attributes;
pub use checkout::{CheckoutState, compare_checkout};
pub use index::{IndexEntry, tracked};
pub use objects::{Object, ObjectKind, ObjectReader, object_id};
pub use refs::is_valid_tag_name;
pub use repository::Repository;
pub use tree::{CommitEntry, CommitTree, TreeLimits};
pub use unmerged::unmerged_sides;

use crate::digest::GitOid;

/// Why something was not read from a repository. All texts are safe to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The path holds no git repository.
    #[error("{0}")]
    NotARepository(String),
    /// A kind of repository that is not read: nothing is established.
    #[error("{0}")]
    Unsupported(String),
    /// Something lies in the repository that an honest one never holds, such as a FIFO in place of a file.
    #[error("{place} {why}")]
    Unsafe {
        /// Where, relative to the repository's folder.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The repository does not hold this object.
    #[error("object {0} is missing")]
    Missing(GitOid),
    /// The object, or one that it is a delta of, is larger than the caller accepts.
    #[error("object {oid} is larger than the {limit} bytes accepted")]
    TooLarge {
        /// The object that was asked for.
        oid: GitOid,
        /// Bytes accepted.
        limit: u64,
    },
    /// The bytes stored under this id have another id, or are made to collide with it.
    #[error("what is stored as object {0} does not have that id")]
    WrongId(GitOid),
    /// A file of the repository cannot be read as what it should be.
    #[error("{place} is damaged: {why}")]
    Damaged {
        /// Where, relative to the repository's folder.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Reading would take more work than the caller allows.
    #[error("{0}")]
    Exhausted(String),
    /// The operating system refused.
    #[error("cannot read {place}: {source}")]
    Io {
        /// Where, relative to the repository's folder.
        place: String,
        /// What it said.
        source: std::io::Error,
    },
}

impl GitError {
    fn damaged(place: &str, why: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.to_owned(),
            why: why.into(),
        }
    }

    /// The error for a file of the repository at `place` that could not be read.
    fn from_read(place: &str, error: crate::read::ReadError) -> Self {
        use crate::read::ReadError;
        let place = crate::text::excerpt(place, 200);
        match error {
            ReadError::Io(source) => Self::Io { place, source },
            other => Self::Unsafe {
                place,
                why: other.to_string(),
            },
        }
    }
}
