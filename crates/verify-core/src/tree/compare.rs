//! What differs between two trees, file by file.

use std::cmp::Ordering;
use std::collections::BTreeSet;

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

/// As [`compare`], of trees whose root is the nearest folder above all their files: where a file elsewhere moved the root, those that
/// stayed where they are keep one path. Paths are then relative to the outer of the two roots.
#[must_use]
pub(crate) fn compare_rooted(old: &Manifest, new: &Manifest) -> Vec<FileChange> {
    let plain = compare(old, new);
    let outward = prefixes(old, new).into_iter();
    let outward = outward.filter_map(|prefix| Some(compare(&below(old, &prefix)?, new)));
    let inward = prefixes(new, old).into_iter();
    let inward = inward.filter_map(|prefix| Some(compare(old, &below(new, &prefix)?)));
    let moved = outward.chain(inward).filter(|changes| !changes.is_empty());
    moved
        .min_by_key(Vec::len)
        .filter(|changes| changes.len() < plain.len())
        .unwrap_or(plain)
}

/// Most files by which a moved root is looked for.
const MAX_TRIED: usize = 8;

/// Folders of `outer` in which files of `inner` may lie with their whole paths.
fn prefixes(inner: &Manifest, outer: &Manifest) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in inner.entries().iter().take(MAX_TRIED) {
        let end = format!("/{}", entry.path);
        let same = outer.entries().iter();
        let same = same.filter(|other| other.id == entry.id && other.mode == entry.mode);
        let folders = same.filter_map(|other| other.path.strip_suffix(&end));
        found.extend(folders.take(MAX_TRIED).map(str::to_owned));
    }
    found
}

/// The same tree with its root further out.
fn below(manifest: &Manifest, prefix: &str) -> Option<Manifest> {
    let entries = manifest.entries().iter().map(|entry| TreeEntry {
        path: format!("{prefix}/{}", entry.path),
        ..entry.clone()
    });
    Manifest::new(entries.collect()).ok()
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

    #[test]
    fn a_root_that_moved_leaves_files_where_they_are() {
        let make = |entries: &[(&str, &str)]| {
            let entry = |&(path, content): &(&str, &str)| TreeEntry {
                path: path.to_owned(),
                mode: Mode::Regular,
                id: BlobId::of(content.as_bytes()),
            };
            Manifest::new(entries.iter().map(entry).collect()).expect("manifest")
        };
        let shown = |old: &Manifest, new: &Manifest| -> Vec<String> {
            let changes = compare_rooted(old, new).into_iter();
            changes
                .map(|change| format!("{} {}", change.kind.as_str(), change.path))
                .collect()
        };
        let inner = make(&[("lib/a.py", "1"), ("tool.py", "2")]);
        let outer = make(&[
            ("mcp/lib/a.py", "1"),
            ("mcp/tool.py", "2"),
            ("venv/bin/python", "3"),
        ]);
        assert_eq!(shown(&inner, &outer), ["added venv/bin/python"]);
        assert_eq!(shown(&outer, &inner), ["removed venv/bin/python"]);
        let changed = make(&[
            ("mcp/lib/a.py", "1"),
            ("mcp/tool.py", "evil"),
            ("venv/bin/python", "3"),
        ]);
        let expected = ["changed mcp/tool.py", "added venv/bin/python"];
        assert_eq!(shown(&inner, &changed), expected);
        // Nothing but the folder changed: that is a change, and is shown as one.
        let moved = make(&[("mcp/lib/a.py", "1"), ("mcp/tool.py", "2")]);
        assert_eq!(shown(&inner, &moved).len(), 4);
        assert_eq!(shown(&inner, &inner), [] as [String; 0]);
    }
}
