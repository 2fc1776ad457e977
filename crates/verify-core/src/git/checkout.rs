//! Whether a work tree holds what its commit holds.

use std::collections::BTreeMap;

use super::tree::{blob_digest, read_blob};
use super::{Attributes, CommitTree, EntryMode, GitError, ObjectReader, Repository, TreeLimits};

/// A file of a work tree, as the tree walker lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorktreeEntry {
    /// `/` between names, relative to the work tree.
    pub path: String,
    /// What kind of file.
    pub mode: EntryMode,
    /// SHA-256 of git's blob encoding of its raw bytes, or of a symlink's target.
    pub digest: [u8; 32],
}

/// What the comparison of a work tree with its commit gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckoutState {
    /// Byte for byte the commit's files.
    Equal,
    /// These files differ only as the line-ending attributes of the commit say: a note.
    EqualAfterEol(Vec<String>),
    /// Something else differs.
    Different(Vec<CheckoutDifference>),
}

/// One difference; the path is untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CheckoutDifference {
    /// In the work tree only.
    Added(String),
    /// In the commit only.
    Removed(String),
    /// Other content, or a symlink with another target.
    Changed(String),
    /// The same content as another kind of file.
    ModeChanged(String),
}

/// Compares the files of a work tree with those of a commit. `worktree` is what the walker found, without what does not belong to
/// the comparison (the top `.git` and `node_modules`, OpenClaw's package lock). Filters, `ident` and re-encodings are never
/// applied: a file that needs them differs.
///
/// # Errors
/// What keeps an object of the commit from being read.
pub fn compare_checkout(
    repository: &Repository,
    commit: &CommitTree,
    worktree: &[WorktreeEntry],
    limits: &TreeLimits,
) -> Result<CheckoutState, GitError> {
    let mut reader = ObjectReader::new(repository, limits.work);
    let mut found: BTreeMap<&str, &WorktreeEntry> = worktree.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut attributes: Option<Attributes> = None;
    let mut converted = Vec::new();
    let mut differences = Vec::new();
    for wanted in &commit.entries {
        let Some(entry) = found.remove(wanted.path.as_str()) else {
            differences.push(CheckoutDifference::Removed(wanted.path.clone()));
            continue;
        };
        let blob = read_blob(&mut reader, wanted, limits)?;
        let mut same = blob_digest(&blob) == entry.digest;
        if !same && wanted.mode != EntryMode::Symlink && wanted.mode == entry.mode {
            if attributes.is_none() {
                attributes = Some(Attributes::of_commit(commit, &mut reader)?);
            }
            let crlf = attributes.as_ref().and_then(|attributes| attributes.checked_out(&wanted.path, &blob));
            if crlf.is_some_and(|bytes| blob_digest(&bytes) == entry.digest) {
                converted.push(wanted.path.clone());
                same = true;
            }
        }
        if !same {
            differences.push(CheckoutDifference::Changed(wanted.path.clone()));
        } else if wanted.mode != entry.mode {
            differences.push(CheckoutDifference::ModeChanged(wanted.path.clone()));
        }
    }
    differences.extend(found.into_keys().map(|path| CheckoutDifference::Added(path.to_owned())));
    differences.sort();
    Ok(match (differences.is_empty(), converted.is_empty()) {
        (true, true) => CheckoutState::Equal,
        (true, false) => CheckoutState::EqualAfterEol(converted),
        (false, _) => CheckoutState::Different(differences),
    })
}
