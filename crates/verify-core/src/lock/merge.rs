//! The two sides of a merge of the lock that git could not finish, put together.
//!
//! What one side locked counts, whichever side that is: the entry may be of another machine, where alone it could be locked again. An entry
//! that the other side took out comes back in this way, and a check names it where it is not installed. What both sides say differently
//! is chosen, never guessed, and an entry is taken whole: git puts lines of either side beside those in conflict, so that the file alone
//! can hold an entry that neither side had.

use std::path::Path;

use super::{Lock, LockChange, LockedPackage, LockedRelease, changes};
use crate::error::OperatorError;
use crate::operator_file::Take;
use crate::toml_file::{Checked, OneSide, fail, whole_sides};

/// The keys that name an entry: another value is another entry.
const NAMES: [&str; 3] = ["id", "repository", "tag"];

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
    /// The ids of those of which it is not known which of the lines in the file are of which side: neither side can be taken.
    pub unknown: Vec<String>,
}

/// The lock at `path` whose `text` holds git's conflict markers, without them. `kept` is what git keeps of both sides while the merge is
/// open ([`crate::git::unmerged_sides`]): without it, whose the lines of an entry beside those in conflict are is not known.
///
/// # Errors
/// There are no markers, they are not in order, or one of the sides is no lock by itself.
pub fn merged(
    path: &Path,
    text: &str,
    take: Option<Take>,
    kept: Option<&(String, String)>,
) -> Checked<Merged> {
    let [ours_text, theirs_text] = whole_sides(path, text)?;
    let parsed = |one: &OneSide| Lock::parse(path, &one.text);
    let (mut ours, mut theirs) = (parsed(&ours_text)?, parsed(&theirs_text)?);
    let mut mixed = ours.mixed(&ours_text);
    mixed.extend(theirs.mixed(&theirs_text));
    ours.forget_lines();
    theirs.forget_lines();
    let whole = |text: &str| {
        let mut lock = Lock::parse(path, text).ok()?;
        lock.forget_lines();
        Some(lock)
    };
    if let Some((here, there)) = kept.and_then(|(here, there)| whole(here).zip(whole(there))) {
        let [here, there] = [&here, &there];
        whole_entries(
            [&mut ours.packages, &mut theirs.packages],
            [&here.packages, &there.packages],
            |a, b| a.id == b.id,
        );
        whole_entries(
            [&mut ours.releases, &mut theirs.releases],
            [&here.releases, &there.releases],
            |a, b| a.id() == b.id(),
        );
        mixed.clear();
    }
    joined(path, &ours, &theirs, take, &mixed)
}

/// Both sides put together.
fn joined(
    path: &Path,
    ours: &Lock,
    theirs: &Lock,
    take: Option<Take>,
    mixed: &[String],
) -> Checked<Merged> {
    let (here, there) = (ours.ids(), theirs.ids());
    let only_ours = here.iter().filter(|id| !there.contains(id)).cloned();
    let differing = changes(ours, theirs).into_iter();
    let differing: Vec<LockChange> = differing
        .filter(|change| here.contains(&change.id) && there.contains(&change.id))
        .collect();
    let (first, second) = match take {
        Some(Take::Theirs) => (theirs, ours),
        _ => (ours, theirs),
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
    let mut unknown: Vec<String> = differing.iter().map(|change| change.id.clone()).collect();
    unknown.retain(|id| mixed.contains(id));
    unknown.dedup();
    Ok(Merged {
        changes: changes(ours, &lock),
        only_ours: only_ours.collect(),
        differing,
        unknown,
        lock,
    })
}

/// Puts in the place of each entry in which git may have mixed the `sides` the whole one that it `kept` of either.
/// What both say, and one of them said before, git took whole.
fn whole_entries<T: Clone + PartialEq>(
    sides: [&mut Vec<T>; 2],
    kept: [&[T]; 2],
    is_same: impl Fn(&T, &T) -> bool,
) {
    let [ours, theirs] = sides;
    let is_whole = |one: &T| kept.iter().any(|side| side.contains(one));
    let clean: Vec<T> = ours
        .iter()
        .filter(|one| theirs.contains(one) && is_whole(one))
        .cloned()
        .collect();
    for (side, kept) in [ours, theirs].into_iter().zip(kept) {
        for entry in side.iter_mut().filter(|entry| !clean.contains(entry)) {
            if let Some(whole) = kept.iter().find(|one| is_same(one, entry)) {
                *entry = whole.clone();
            }
        }
    }
}

impl Lock {
    /// In which line an entry is differs between two sides that say the same.
    fn forget_lines(&mut self) {
        self.packages.iter_mut().for_each(|entry| entry.line = 0);
        self.releases.iter_mut().for_each(|entry| entry.line = 0);
    }

    /// The ids of the entries of which a line of `side`, besides those that name the entry, is outside of the conflicts.
    fn mixed(&self, side: &OneSide) -> Vec<String> {
        let lines: Vec<&str> = side.text.lines().collect();
        let is_mixed = |line: usize| {
            let of_entry = lines.iter().zip(&side.outside).skip(line);
            let mut of_entry = of_entry.take_while(|(line, _)| !line.starts_with('['));
            of_entry.any(|(line, outside)| {
                let key = line.split('=').next().unwrap_or_default().trim();
                let says = !key.is_empty() && !key.starts_with('#');
                *outside && says && !NAMES.contains(&key)
            })
        };
        let packages = self.packages.iter();
        let packages = packages.map(|one| (one.line, one.id.to_string()));
        let releases = self.releases.iter().map(|one| (one.line, one.id()));
        let entries = packages.chain(releases);
        entries
            .filter(|(line, _)| is_mixed(*line))
            .map(|(_, id)| id)
            .collect()
    }

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
        merged(Path::new("openclaw-verify.lock"), &text, take, None)
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

    /// Here one side changed the version and both changed the tree, so git takes the version without a word.
    #[test]
    fn an_entry_is_taken_whole_or_not_at_all() {
        let full = |version: &str, digit| {
            let version = format!("version = \"{version}\"\nsource");
            entry("alpha", digit).replace("source", &version)
        };
        let (ours, theirs) = (full("1.4.0", 'b'), full("1.5.0", 'a'));
        let mixed = full("1.5.0", 'b');
        let (above, line_of_ours) = mixed.split_at(mixed.find("tree").expect("a tree"));
        let (_, line_of_theirs) = theirs.split_at(theirs.find("tree").expect("a tree"));
        let text = format!(
            "{HEAD}{above}<<<<<<< HEAD\n{line_of_ours}=======\n{line_of_theirs}>>>>>>> branch\n"
        );
        let path = Path::new("openclaw-verify.lock");
        let kept = (format!("{HEAD}{ours}"), format!("{HEAD}{theirs}"));
        for (take, side) in [(Take::Ours, &ours), (Take::Theirs, &theirs)] {
            let taken = merged(path, &text, Some(take), Some(&kept)).expect("merged");
            assert_eq!(taken.unknown.len(), 0);
            let written = taken.lock.write();
            assert!(written.ends_with(&format!("{HEAD}{side}")), "{written}");
            let open = merged(path, &text, Some(take), None).expect("merged");
            assert_eq!(open.unknown, ["skill:alpha"]);
        }
        let said = merged(path, &text, None, Some(&kept)).expect("merged");
        let keys: Vec<&str> = said.differing.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(keys, ["version", "tree"], "both are said");
        // The same mixture without any line of it in conflict, because another entry is.
        let text = format!(
            "{HEAD}{mixed}<<<<<<< HEAD\n=======\n{}>>>>>>> b\n",
            entry("z", '1')
        );
        let said = merged(path, &text, None, Some(&kept)).expect("merged");
        assert_eq!(said.differing.len(), 2, "{:?}", said.differing);
        // What only one side changed git took whole.
        let text = text.replace(&mixed, &theirs);
        let said = merged(path, &text, None, Some(&kept)).expect("merged");
        assert_eq!(said.differing, []);
    }

    #[test]
    fn a_side_that_is_no_lock_is_an_error() {
        let one = entry("one", 'a');
        assert!(merge(&one, "[[packge]]\n", Some(Take::Ours)).is_err());
        assert!(merge(&one, "<<<<<<< HEAD\n", Some(Take::Ours)).is_err());
        assert!(merge(&format!("{one}{one}"), "", Some(Take::Ours)).is_err());
    }
}
