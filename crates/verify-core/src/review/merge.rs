//! The two sides of a merge that git could not finish, put together: entries are only added and never changed, so both sides count.

use std::path::Path;

use super::{Addition, Reviews, append};
use crate::toml_file::{Checked, whole_conflict};

/// A reviews file with the entries of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// The whole file: this side, with what only the other has added to it.
    pub text: String,
    /// The entries that come from the other side, as they are in the file.
    pub entries: Vec<String>,
}

/// The reviews file at `path` whose `text` holds git's conflict markers, with the entries of both sides.
///
/// An entry that one side took out stands in the other still, and would come back: the caller shows [`Merged::entries`] before it writes
/// them.
///
/// # Errors
/// There are no markers, they are not in order, or one of the sides is no reviews file by itself.
pub fn merged(path: &Path, text: &str) -> Checked<Merged> {
    let (ours, theirs) = whole_conflict(path, text)?;
    Reviews::parse(path, &ours)?;
    let other = Reviews::parse(path, &theirs)?;
    let additions = (other.violations.into_iter().map(Addition::Violation))
        .chain(other.trusts.into_iter().map(Addition::Trust))
        .chain(other.reviews.into_iter().map(Addition::Review));

    let mut merged = Merged {
        text: ours,
        entries: Vec::new(),
    };
    for addition in additions {
        let appended = append(path, Some(&merged.text), &addition)?;
        if appended.there.is_none() {
            merged.text = appended.text;
            merged.entries.push(appended.entry);
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = 1\n\n[[review]]\n";

    fn body(package: &str, criteria: &str) -> String {
        format!(
            "package = \"{package}\"\ntree = \"git-sha256:{}\"\ncriteria = \"{criteria}\"\nby = \"Ada\"\ndate = 2026-09-01\n",
            "0".repeat(64)
        )
    }

    fn conflict(ours: &str, theirs: &str) -> String {
        format!("{HEAD}<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n")
    }

    #[test]
    fn both_sides_count_and_what_both_have_counts_once() {
        let path = Path::new("openclaw-reviews.toml");
        let (one, two) = (
            body("path:one", "safe-to-run"),
            body("path:two", "safe-to-run"),
        );
        let whole = merged(path, &conflict(&one, &two)).expect("merged");
        let reviews = Reviews::parse(path, &whole.text).expect("reviews");
        assert_eq!(reviews.reviews.len(), 2);
        assert_eq!(whole.entries.len(), 1);

        let same = merged(path, &conflict(&one, &one)).expect("merged");
        assert_eq!((same.entries, same.text), (vec![], HEAD.to_owned() + &one));
    }

    #[test]
    fn a_side_that_is_no_reviews_file_is_an_error() {
        let path = Path::new("openclaw-reviews.toml");
        let one = body("path:one", "safe-to-run");
        for text in [
            HEAD.to_owned() + &one,
            conflict(&one, "package = \"path:two\"\n"),
            conflict(&one, "<<<<<<< HEAD\n"),
            conflict(&one, &one).replace(">>>>>>>", ""),
            conflict(&one, &one).replace("=======\n", ""),
        ] {
            assert!(merged(path, &text).is_err(), "{text}");
        }
    }
}
