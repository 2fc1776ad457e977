//! Whether a work tree holds what its commit holds.

use super::tree::read_blob;
use super::{Attributes, CommitTree, GitError, ObjectReader, Repository, TreeLimits};
use crate::tree::{BlobId, ChangeKind, FileChange, Manifest, compare};

/// What the comparison of a work tree with its commit gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckoutState {
    /// Byte for byte the commit's files.
    Equal,
    /// These files differ only as the line-ending attributes of the commit say: a note. Paths are untrusted text.
    EqualAfterEol(Vec<String>),
    /// Something else differs; the commit is the old tree.
    Different(Vec<FileChange>),
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
    worktree: &Manifest,
    limits: &TreeLimits,
) -> Result<CheckoutState, GitError> {
    let mut reader = ObjectReader::new(repository, limits.work);
    let mut changes = compare(&commit.manifest(&mut reader, limits)?, worktree);
    if changes.is_empty() {
        return Ok(CheckoutState::Equal);
    }
    let attributes = Attributes::of_commit(commit, &mut reader)?;
    let mut converted = Vec::new();
    for change in changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Changed)
    {
        let wanted = commit
            .entries
            .binary_search_by(|entry| entry.path.cmp(&change.path))
            .ok()
            .map(|at| &commit.entries[at]);
        let (Some(wanted), Some(found)) = (wanted, worktree.get(&change.path)) else {
            continue;
        };
        let checked_out =
            attributes.checked_out(&wanted.path, &read_blob(&mut reader, wanted, limits)?);
        if wanted.mode == found.mode
            && checked_out.is_some_and(|bytes| BlobId::of(&bytes) == found.id)
        {
            converted.push(change.path.clone());
        }
    }
    changes.retain(|change| !converted.contains(&change.path));
    Ok(if changes.is_empty() {
        CheckoutState::EqualAfterEol(converted)
    } else {
        CheckoutState::Different(changes)
    })
}
