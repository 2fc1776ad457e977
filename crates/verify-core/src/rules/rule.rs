//! What a rule is: its id, its level, the stages at which it speaks, and how it judges.

use schemars::JsonSchema;
use serde::Serialize;

use super::{View, Whole};
use crate::finding::{Draft, Level, RemedyKind};

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
    /// At which stages it speaks.
    pub stages: Stages,
    /// What clears its findings, unless a finding says otherwise.
    pub clears: RemedyKind,
    /// When it fires, in one line.
    pub summary: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// How it judges.
    pub(crate) check: Check,
}

/// What of a subject is there when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// It is installed.
    Installed,
    /// Its files are staged, and OpenClaw asks whether to install them.
    Staged,
    /// It is an archive that is not installed.
    Packed,
    /// Only its name is known, and what a registry or a clone says of it.
    Announced,
    /// Only what the lock says of it is known.
    LockOnly,
    /// The question is how the machine is set up, not what is installed on it.
    Host,
}

/// The stages at which a rule speaks: one at least, so that a rule cannot be forgotten everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    first: Stage,
    more: &'static [Stage],
}

impl Stages {
    /// At every stage.
    pub const ALL: Self = Self::of(
        Stage::Installed,
        &[
            Stage::Staged,
            Stage::Packed,
            Stage::Announced,
            Stage::LockOnly,
            Stage::Host,
        ],
    );

    /// At these stages.
    #[must_use]
    pub const fn of(first: Stage, more: &'static [Stage]) -> Self {
        Self { first, more }
    }

    /// Whether `stage` is one of them.
    #[must_use]
    pub fn contains(self, stage: Stage) -> bool {
        self.first == stage || self.more.contains(&stage)
    }
}

/// The groups of rules; the outcomes of a subject are reported by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Is it what was locked, recorded and published?
    Integrity,
    /// Would a reinstall bring the same?
    Pinning,
    /// Who signed and published it?
    Provenance,
    /// Has it been reviewed?
    Review,
    /// Is something bad known about it?
    Advisory,
    /// Are the operator's own files in order?
    Hygiene,
    /// Who can reach the gateway?
    Exposure,
    /// Who may talk to the agent, and as whom?
    Access,
    /// What may the agent run, and where?
    Execution,
    /// Who can read secrets, and change what decides?
    Secrets,
    /// What does OpenClaw run as, and on what?
    Platform,
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
            Self::Advisory => "advisory",
            Self::Hygiene => "hygiene",
            Self::Exposure => "exposure",
            Self::Access => "access",
            Self::Execution => "execution",
            Self::Secrets => "secrets",
            Self::Platform => "platform",
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
    /// After all others: it judges which exceptions were used.
    Last(fn(&Whole<'_>, &[bool]) -> Vec<Draft>),
}
