//! Reviews of other people: where they are kept, and what a new version of them brings.

use std::path::PathBuf;

use super::{Review, Reviews, Violated, Violation};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::operator_file;
use crate::text;

/// Most lines that describe a change; the rest is a number.
const MAX_LINES: usize = 20;

/// A folder of ours in which imported reviews files are kept, each as `<sha256 hex>.toml`.
///
/// What is read is hashed again, so the folder need not be trusted; what does not hash to its name counts as not there.
#[derive(Clone, Debug)]
pub struct ImportStore {
    folder: PathBuf,
}

impl ImportStore {
    /// The store in `folder`, which is made when something is first written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where the file with this digest is, or would be.
    #[must_use]
    pub fn path(&self, digest: &Sha256Digest) -> PathBuf {
        self.folder.join(format!("{}.toml", digest.hex()))
    }

    /// The file with this digest, when it is kept here whole.
    #[must_use]
    pub fn get(&self, digest: &Sha256Digest) -> Option<String> {
        let text = operator_file::read(&self.path(digest)).ok().flatten()?;
        (Sha256Digest::of(text.as_bytes()) == *digest).then_some(text)
    }

    /// Keeps a file, and says where.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, text: &str) -> Result<PathBuf> {
        let digest = Sha256Digest::of(text.as_bytes());
        let path = self.path(&digest);
        if self.get(&digest).is_none() {
            std::fs::create_dir_all(&self.folder)
                .map_err(|error| Error::io("create", &self.folder, error))?;
            operator_file::write_atomic(&path, text)?;
        }
        Ok(path)
    }
}

/// What of `old` and `new` counts and is in only one of them: one line an entry, violations first, `+` for new and `-` for gone.
/// Safe to show.
#[must_use]
pub fn changes(old: &Reviews, new: &Reviews) -> Vec<String> {
    let mut lines = Vec::new();
    for (mark, here, there) in [('+', new, old), ('-', old, new)] {
        let known: Vec<Violation> = there.violations.iter().map(unplaced_violation).collect();
        let only = here
            .violations
            .iter()
            .filter(|entry| !known.contains(&unplaced_violation(entry)));
        lines.extend(only.map(|entry| format!("{mark} {}", violation(entry))));
    }
    for (mark, here, there) in [('+', new, old), ('-', old, new)] {
        let known: std::collections::HashSet<String> = there.reviews.iter().map(key).collect();
        let only = here
            .reviews
            .iter()
            .filter(|entry| !known.contains(&key(entry)));
        lines.extend(only.map(|entry| format!("{mark} {}", review(entry))));
    }
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// All of a review but its line.
fn key(review: &Review) -> String {
    format!(
        "{:?}",
        Review {
            line: 0,
            ..review.clone()
        }
    )
}

fn unplaced_violation(violation: &Violation) -> Violation {
    Violation {
        line: 0,
        ..violation.clone()
    }
}

fn violation(entry: &Violation) -> String {
    let what = match &entry.what {
        Violated::Versions(_) => "versions".to_owned(),
        Violated::Trees(trees) => format!("{} trees", trees.len()),
    };
    format!(
        "violation of {} ({what}) by {}: {}",
        entry.package,
        text::excerpt(&entry.by, 60),
        text::excerpt(&entry.reason, 120)
    )
}

fn review(entry: &Review) -> String {
    let version = entry.version.as_deref().map_or_else(
        || entry.content.to_string(),
        |version| text::excerpt(version, 60),
    );
    format!(
        "review of {} {version} ({}) by {}",
        entry.package,
        entry.criteria,
        text::excerpt(&entry.by, 60)
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn reviews(entries: &str) -> Reviews {
        Reviews::parse(Path::new("r.toml"), &format!("version = 1\n{entries}")).expect("reviews")
    }

    #[test]
    fn a_file_that_was_swapped_is_not_there_and_heals() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ImportStore::new(dir.path().join("imports"));
        let digest = Sha256Digest::of(b"version = 1\n");
        assert_eq!(store.get(&digest), None);
        let path = store.put("version = 1\n").expect("put");
        assert_eq!(store.get(&digest).as_deref(), Some("version = 1\n"));
        std::fs::write(&path, "version = 1\n# evil\n").expect("write");
        assert_eq!(store.get(&digest), None);
        store.put("version = 1\n").expect("put");
        assert!(store.get(&digest).is_some());
    }

    #[test]
    fn changes_tell_violations_first_and_end() {
        let tree = |n: u32| format!("git-sha256:{n:064x}");
        let review = |n: u32| {
            format!(
                "[[review]]\npackage = \"npm:a\"\ntree = \"{}\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-22\n",
                tree(n)
            )
        };
        let bad = "[[violation]]\npackage = \"npm:a\"\nversions = \"*\"\nreason = \"x\u{202e}y\"\nby = \"Eve\"\ndate = 2026-11-22\n";
        let old = reviews(&[review(1), review(2)].concat());
        assert!(changes(&old, &old).is_empty());
        // The same entries at other lines are no change.
        assert!(
            changes(
                &old,
                &reviews(&format!("\n\n{}", [review(2), review(1)].concat()))
            )
            .is_empty()
        );
        let lines = changes(
            &old,
            &reviews(&[review(2), review(3), bad.to_owned()].concat()),
        );
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(
            lines[0],
            "+ violation of npm:a (versions) by Eve: x\\u{202e}y"
        );
        assert!(
            lines[1].starts_with("+ review of npm:a git-sha256:")
                && lines[2].starts_with("- review of npm:a")
        );
        let many: String = (10..60).map(review).collect();
        let lines = changes(&old, &reviews(&many));
        assert_eq!(
            (lines.len(), lines.last().map(String::as_str)),
            (MAX_LINES + 1, Some("and 32 more"))
        );
    }
}
