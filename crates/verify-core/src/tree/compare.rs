//! What differs between two trees, file by file.

use std::cmp::Ordering;

use super::manifest::{Manifest, TreeEntry};
use super::object::Mode;

/// One path that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// Path relative to the root. May hold anything but NUL: pass it through [`crate::text::visible`] to show it.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a path between the old tree and the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Only in the new tree.
    Added,
    /// Only in the old tree.
    Removed,
    /// A file with other bytes (and perhaps another mode).
    Changed,
    /// A file with the same bytes that its owner may execute now, or no longer.
    ModeChanged,
    /// A symlink with another target.
    Retargeted,
    /// A file in place of a symlink, or the other way.
    TypeChanged,
}

impl ChangeKind {
    /// The word for it in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::ModeChanged => "mode-changed",
            Self::Retargeted => "retargeted",
            Self::TypeChanged => "type-changed",
        }
    }
}

/// Every path that differs, sorted by its bytes. Empty exactly when both trees have the same digest.
#[must_use]
pub fn compare(old: &Manifest, new: &Manifest) -> Vec<FileChange> {
    let mut changes = Vec::new();
    let mut add = |entry: &TreeEntry, kind| {
        changes.push(FileChange {
            path: entry.path.clone(),
            kind,
        })
    };
    let (mut old, mut new) = (
        old.entries().iter().peekable(),
        new.entries().iter().peekable(),
    );
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.path.cmp(&after.path),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some(before), Some(after)) => {
                if let Some(kind) = difference(before, after) {
                    add(after, kind);
                }
            }
            (Some(before), None) => add(before, ChangeKind::Removed),
            (None, Some(after)) => add(after, ChangeKind::Added),
            (None, None) => {}
        }
    }
}

fn difference(before: &TreeEntry, after: &TreeEntry) -> Option<ChangeKind> {
    match (before.mode == Mode::Symlink, after.mode == Mode::Symlink) {
        (false, false) if before.id != after.id => Some(ChangeKind::Changed),
        (false, false) if before.mode != after.mode => Some(ChangeKind::ModeChanged),
        (true, true) if before.id != after.id => Some(ChangeKind::Retargeted),
        (false, false) | (true, true) => None,
        (true, false) | (false, true) => Some(ChangeKind::TypeChanged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::BlobId;

    #[test]
    fn every_kind_of_change_is_named() {
        let make = |entries: &[(&str, Mode, &str)]| {
            let entry = |&(path, mode, content): &(&str, Mode, &str)| TreeEntry {
                path: path.to_owned(),
                mode,
                id: BlobId::of(content.as_bytes()),
            };
            Manifest::new(entries.iter().map(entry).collect()).expect("manifest")
        };
        use Mode::{Executable, Regular, Symlink};
        let old = make(&[
            ("both", Regular, "1"),
            ("bytes", Regular, "1"),
            ("gone", Regular, "1"),
            ("link", Symlink, "1"),
            ("mode", Regular, "1"),
            ("same", Regular, "1"),
            ("type", Regular, "1"),
        ]);
        let new = make(&[
            ("both", Executable, "2"),
            ("bytes", Regular, "2"),
            ("link", Symlink, "2"),
            ("mode", Executable, "1"),
            ("new", Regular, "1"),
            ("same", Regular, "1"),
            ("type", Symlink, "1"),
        ]);
        let found: Vec<_> = compare(&old, &new)
            .into_iter()
            .map(|c| format!("{} {}", c.path, c.kind.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                "both changed",
                "bytes changed",
                "gone removed",
                "link retargeted",
                "mode mode-changed",
                "new added",
                "type type-changed"
            ]
        );
        assert!(compare(&old, &old).is_empty());
    }
}
