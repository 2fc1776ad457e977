//! Rules: pure functions of a subject, the evidence about it and policy. One file a rule; the catalogue names every rule once.

mod catalogue;
mod hygiene;
mod integrity;
mod pinning;
mod provenance;
mod review;

use jiff::civil::Date;

pub use catalogue::{catalogue, rule};

use crate::evidence::Evidence;
use crate::finding::{Draft, Level, Location};
use crate::inventory::{Inventory, Subject};
use crate::lock::{Lock, Package};
use crate::policy::{Policy, Requirements};
use crate::review::Reviews;

/// One rule of the catalogue.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Stable id; a retired one is never used again.
    pub id: &'static str,
    /// The group it belongs to.
    pub group: Group,
    /// Its level where policy says nothing.
    pub level: Level,
    /// Whether no policy, flag or exception may lower it.
    pub fixed: bool,
    /// When it fires, in one line.
    pub summary: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// How it judges.
    pub(crate) check: Check,
}

/// The groups of rules; the outcomes of a subject are told by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Is it what was locked, recorded and published?
    Integrity,
    /// Would a reinstall bring the same?
    Pinning,
    /// Who signed and published it?
    Provenance,
    /// Has somebody read it?
    Review,
    /// Are the operator's own files in order?
    Hygiene,
}

impl Group {
    /// The name in documentation and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Pinning => "pinning",
            Self::Provenance => "provenance",
            Self::Review => "review",
            Self::Hygiene => "hygiene",
        }
    }
}

/// How a rule judges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// One subject at a time.
    Subject(fn(&View<'_>) -> Vec<Draft>),
    /// The installation or the operator's files as a whole.
    Whole(fn(&Whole<'_>) -> Vec<Draft>),
    /// By a verb of its own, or by the pipeline after all other rules: what it would judge is not known to a rule.
    Elsewhere,
}

/// One subject with everything that is known about it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// What can be proven about it.
    pub evidence: &'a Evidence,
    /// What policy asks of it.
    pub requirements: &'a Requirements,
    /// Its entry in the lock.
    pub locked: Option<&'a Package>,
    /// Everything else.
    pub whole: &'a Whole<'a>,
}

/// The installation and the operator's files.
#[derive(Clone, Copy)]
pub(crate) struct Whole<'a> {
    /// What is there.
    pub inventory: &'a Inventory,
    /// What was pinned.
    pub lock: &'a Lock,
    /// What is allowed.
    pub policy: &'a Policy,
    /// What was read.
    pub reviews: &'a Reviews,
    /// How the operator's files are named in locations.
    pub names: &'a Names,
    /// The day as of which everything is judged (UTC).
    pub today: Date,
    /// Whether facts of a registry may be fetched.
    pub online: bool,
    /// Whether an installation was looked at; false judges only the operator's files.
    pub installed: bool,
}

/// The operator's files as they are to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub policy: String,
    pub lock: String,
    pub reviews: String,
}

impl View<'_> {
    /// The line of the lock that this subject's entry starts on; line 1 when it has none.
    pub fn lock_line(&self) -> Option<Location> {
        Some(Location { file: self.whole.names.lock.clone(), line: self.locked.map_or(1, |entry| entry.line) })
    }

    /// A violation about this subject, located at its line of the lock.
    pub fn draft(&self, message: impl Into<String>) -> Draft {
        Draft::new(message).subject(&self.subject.id).at(self.lock_line())
    }
}
