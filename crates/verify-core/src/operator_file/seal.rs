//! What a signed file of the operator says of itself, and whether a file is root's alone.
//!
//! The first line of a signed file is a comment: what the file is for, and a number that each signed write raises. It is signed with
//! the rest, so a lock cannot be passed off as a policy, and an older file is known by its number.

use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::read;

const START: &str = "# openclaw-verify signed: ";

/// What a file of the operator is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names of the files")]
pub enum Purpose {
    Lock,
    Policy,
    Reviews,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Policy, Self::Lock, Self::Reviews];

    /// The word in the first line of a signed file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Policy => "policy",
            Self::Reviews => "reviews",
        }
    }

    /// The purpose of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first line of a signed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// What the file is for.
    pub purpose: Purpose,
    /// Raised by each signed write.
    pub serial: u64,
}

impl Seal {
    /// What the first line of `text` says; none where it is no such line, in exactly one spelling.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (line, _) = text.split_once('\n')?;
        let (purpose, serial) = line.strip_prefix(START)?.split_once(' ')?;
        let seal = Self {
            purpose: Purpose::parse(purpose)?,
            serial: serial.parse().ok()?,
        };
        (seal.line() == line).then_some(seal)
    }

    /// As [`Seal::of`]; of a file in the middle of a merge that git could not finish, the seal with the highest serial of both sides.
    #[must_use]
    pub fn of_either_side(text: &str) -> Option<Self> {
        if !text.starts_with("<<<<<<<") {
            return Self::of(text);
        }
        let sides = text.split_inclusive('\n').skip(1);
        let sides = sides.take_while(|line| !line.starts_with(">>>>>>>"));
        sides.filter_map(Self::of).max_by_key(|seal| seal.serial)
    }

    /// `text` with this first line, in place of the one that it may have.
    #[must_use]
    pub fn put(self, text: &str) -> String {
        format!("{}\n{}", self.line(), Self::without(text))
    }

    /// `text` without such a first line.
    #[must_use]
    pub fn without(text: &str) -> &str {
        match text.split_once('\n') {
            Some((line, rest)) if line.starts_with(START) => rest,
            _ => text,
        }
    }

    fn line(self) -> String {
        format!("{START}{} {}", self.purpose, self.serial)
    }
}

/// Why a place is not root's alone. Completes a sentence that starts with the path.
#[derive(Debug, Error)]
pub enum NotRootsAlone {
    /// The path is relative, so where it leads depends on the folder at hand.
    #[error("is no absolute path")]
    Relative,
    /// Something at or above it.
    #[error("{}{why}", .below.as_deref().map(|place| format!("lies below {}, which ", place.display())).unwrap_or_default())]
    Open {
        /// The folder above it that is meant; none for the place itself.
        below: Option<PathBuf>,
        /// What is wrong with it.
        why: String,
    },
}

/// Whether only root can change what is at `path`: it and each folder above it belong to root, others cannot write to them, and none is a
/// link.
///
/// # Errors
/// What is not so.
pub fn roots_alone(path: &Path) -> Result<(), NotRootsAlone> {
    if !path.is_absolute() {
        return Err(NotRootsAlone::Relative);
    }
    for place in path.ancestors() {
        let open = |why: String| NotRootsAlone::Open {
            below: (place != path).then(|| place.to_owned()),
            why,
        };
        let found = fs::symlink_metadata(place)
            .map_err(|error| open(format!("cannot be looked at: {error}")))?;
        let why = if found.is_symlink() {
            "is a link"
        } else if found.uid() != 0 {
            "does not belong to root"
        } else if found.permissions().mode() & 0o022 != 0 {
            "others than root can write to"
        } else if place == path && !found.is_file() {
            let kind = read::kind_of(&found);
            return Err(open(format!("is {kind}, not a regular file")));
        } else {
            continue;
        };
        return Err(open(why.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_has_one_spelling() {
        let seal = Seal {
            purpose: Purpose::Lock,
            serial: 7,
        };
        let text = seal.put("version = 1\n");
        assert_eq!(text, "# openclaw-verify signed: lock 7\nversion = 1\n");
        assert_eq!(Seal::of(&text), Some(seal));
        let next = Seal { serial: 8, ..seal };
        assert_eq!(Seal::without(&next.put(&text)), "version = 1\n");
        for other in [
            "",
            "version = 1\n",
            "# openclaw-verify signed: lock 7",
            "# openclaw-verify signed: lock 07\n",
            "# openclaw-verify signed: lock +7\n",
            "# openclaw-verify signed: lock  7\n",
            "# openclaw-verify signed: lock 7 \n",
            "# openclaw-verify signed: lock 7\r\n",
            "# openclaw-verify signed: locks 7\n",
            " # openclaw-verify signed: lock 7\n",
            "\n# openclaw-verify signed: lock 7\n",
            "# openclaw-verify signed: lock 99999999999999999999\n",
        ] {
            assert_eq!(Seal::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_not_roots_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("write");
        // The system's temporary folder can be written by everyone.
        assert!(roots_alone(&file).is_err());
        assert!(roots_alone(Path::new("etc/passwd")).is_err());
        assert!(roots_alone(Path::new("/etc")).is_err());
        assert!(roots_alone(&folder.path().join("none")).is_err());
    }
}
