//! The two sides of a merge of the lock that git could not finish, put together.
//!
//! What one side locked counts, whichever side that is: the entry may be of another machine, where alone it could be locked again. An entry
//! that the other side took out comes back in this way, and a check names it where it is not installed. What both sides say differently
//! is chosen, never guessed.

use std::path::Path;

use super::{Lock, LockChange, LockedPackage, LockedRelease, changes};
use crate::error::OperatorError;
use crate::operator_file::Take;
use crate::toml_file::{Checked, fail, whole_conflict};

/// A lock with the entries of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// This side, with what comes from the other. Where both sides differ it holds what was chosen, and this side's without a choice.
    pub lock: Lock,
    /// What comes from the other side.
    pub changes: Vec<LockChange>,
    /// The ids of entries that only this side has.
    pub only_ours: Vec<String>,
    /// What both sides say differently of one entry, from this side to the other.
    pub differing: Vec<LockChange>,
}

/// The lock at `path` whose `text` holds git's conflict markers, without them.
///
/// # Errors
/// There are no markers, they are not in order, or one of the sides is no lock by itself.
pub fn merged(path: &Path, text: &str, take: Option<Take>) -> Checked<Merged> {
    let (ours, theirs) = whole_conflict(path, text)?;
    let (ours, theirs) = (side(path, &ours)?, side(path, &theirs)?);
    let (here, there) = (ours.ids(), theirs.ids());
    let only_ours = here.iter().filter(|id| !there.contains(id)).cloned();
    let differing = changes(&ours, &theirs).into_iter();
    let differing =
        differing.filter(|change| here.contains(&change.id) && there.contains(&change.id));
    let (first, second) = match take {
        Some(Take::Theirs) => (&theirs, &ours),
        _ => (&ours, &theirs),
    };
    let more = |p: &&LockedPackage| first.package(&p.id).is_none();
    let packages = first
        .packages
        .iter()
        .chain(second.packages.iter().filter(more));
    let more = |r: &&LockedRelease| first.release(&r.repository, &r.tag).is_none();
    let releases = first
        .releases
        .iter()
        .chain(second.releases.iter().filter(more));
    let lock = Lock::new(packages.cloned().collect(), releases.cloned().collect())
        .or_else(|error| fail(OperatorError::whole(path, error.to_string())))?;
    Ok(Merged {
        changes: changes(&ours, &lock),
        only_ours: only_ours.collect(),
        differing: differing.collect(),
        lock,
    })
}

/// One side as a lock. In which line an entry is differs between two sides that say the same.
fn side(path: &Path, text: &str) -> Checked<Lock> {
    let mut lock = Lock::parse(path, text)?;
    lock.packages.iter_mut().for_each(|entry| entry.line = 0);
    lock.releases.iter_mut().for_each(|entry| entry.line = 0);
    Ok(lock)
}

impl Lock {
    /// How output names its entries.
    fn ids(&self) -> Vec<String> {
        let packages = self.packages.iter().map(|entry| entry.id.to_string());
        let releases = self.releases.iter().map(LockedRelease::id);
        packages.chain(releases).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = 1\nrevision = 1\n";

    fn entry(name: &str, digit: char) -> String {
        format!(
            "\n[[package]]\nid = \"skill:{name}\"\nkind = \"skill\"\nsource = \"path\"\ntree = \"git-sha256:{}\"\n",
            digit.to_string().repeat(64)
        )
    }

    fn release(digit: char) -> String {
        let commit = digit.to_string().repeat(40);
        format!("\n[[release]]\nrepository = \"r\"\ntag = \"v1\"\ncommit = \"{commit}\"\n")
    }

    fn merge(ours: &str, theirs: &str, take: Option<Take>) -> Checked<Merged> {
        let text = format!("{HEAD}<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n");
        merged(Path::new("openclaw-verify.lock"), &text, take)
    }

    #[test]
    fn what_one_side_locked_counts() {
        let (alpha, beta, same) = (entry("alpha", 'a'), entry("beta", 'b'), entry("same", 'c'));
        let ours = format!("{alpha}{same}");
        let theirs = format!("{beta}{same}{}", release('1'));
        let whole = merge(&ours, &theirs, None).expect("merged");
        let expected = format!("{HEAD}{alpha}{beta}{same}{}", release('1'));
        let text = whole.lock.write();
        assert!(text.ends_with(&expected), "{text}");
        let added: Vec<String> = whole
            .changes
            .iter()
            .map(|change| change.id.clone())
            .collect();
        assert_eq!(added, ["skill:beta", "r@v1"]);
        assert_eq!(whole.only_ours, ["skill:alpha"]);
        assert_eq!(whole.differing, []);
    }

    #[test]
    fn what_both_say_differently_is_chosen() {
        let ours = format!("{}{}", entry("alpha", 'a'), release('1'));
        let theirs = format!("{}{}", entry("alpha", 'b'), release('2'));
        let open = merge(&ours, &theirs, None).expect("merged");
        let ids: Vec<&str> = open
            .differing
            .iter()
            .map(|change| change.id.as_str())
            .collect();
        assert_eq!(ids, ["skill:alpha", "r@v1"]);
        for (take, side) in [(Take::Ours, &ours), (Take::Theirs, &theirs)] {
            let taken = merge(&ours, &theirs, Some(take)).expect("merged");
            let text = taken.lock.write();
            assert!(text.ends_with(&format!("{HEAD}{side}")), "{text}");
        }
    }

    #[test]
    fn a_side_that_is_no_lock_is_an_error() {
        let one = entry("one", 'a');
        assert!(merge(&one, "[[packge]]\n", Some(Take::Ours)).is_err());
        assert!(merge(&one, "<<<<<<< HEAD\n", Some(Take::Ours)).is_err());
        assert!(merge(&format!("{one}{one}"), "", Some(Take::Ours)).is_err());
    }
}
