//! The outcomes of one subject: what the rules said, and what their silence means.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Group, Judged, Stage, Whole};
use crate::evidence::{Evidence, ReviewFacts};
use crate::fact::Outcome;
use crate::inventory::{Observation, Subject};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeNote;

/// The outcome by subject and group, before levels and exceptions.
pub(crate) type Said = BTreeMap<(SubjectId, Group), Outcome>;

/// What an intact verdict stands on. Ordered by strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Basis {
    /// Matches what was first seen; its origin was not checked.
    Locked,
    /// Equals the published archive.
    Archive,
    /// And the archive's origin is verified.
    Signed,
}

impl Basis {
    /// The word in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Archive => "archive",
            Self::Signed => "signed",
        }
    }
}

/// Outcomes by group of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outcomes {
    /// Is it what was locked?
    pub integrity: Outcome,
    /// Would a reinstall bring the same?
    pub pinning: Outcome,
    /// Is it known who published it?
    pub provenance: Outcome,
    /// Has it been reviewed?
    pub review: Outcome,
    /// Is something bad known about it?
    pub advisory: Outcome,
}

impl Outcomes {
    /// The groups with their names, in the order of the report.
    #[must_use]
    pub fn all(&self) -> [(&'static str, Outcome); 5] {
        [
            ("integrity", self.integrity),
            ("pinning", self.pinning),
            ("provenance", self.provenance),
            ("review", self.review),
            ("advisory", self.advisory),
        ]
    }
}

/// The outcomes of a subject, and what an intact verdict stands on.
pub(crate) fn of(whole: &Whole<'_>, judged: &Judged<'_>, said: &Said) -> (Outcomes, Option<Basis>) {
    let Judged {
        subject, evidence, ..
    } = judged;
    let said = |group| said.get(&(subject.id.clone(), group)).copied();
    // What is not installed and has other files than the lock is not the thing that is locked, whatever is said of it.
    let other = whole.stage == Stage::Packed && evidence.tree.differs();
    let locked = whole.lock.package(&subject.id).is_some() && !other;
    // An archive is never installed as it is, so nothing of it is as locked but its bytes.
    let packed = whole.stage == Stage::Packed && subject.kind != Kind::Skill;
    let otherwise = |outcome: Option<Outcome>, silent: Outcome| match outcome {
        None | Some(Outcome::NotApplicable) => silent,
        Some(outcome) => outcome,
    };
    // Nothing was found against it; whether that is an answer depends on whether the question was asked.
    let integrity = otherwise(
        said(Group::Integrity),
        if unknown(subject, evidence) {
            Outcome::NotEstablished
        } else if whole.stage == Stage::LockOnly {
            // No file was looked at.
            Outcome::NotApplicable
        } else if packed {
            evidence.published.archive.outcome()
        } else {
            of_silence(locked)
        },
    );
    let origin = evidence.git.prove_origin()
        || evidence.published.origin_is_verified()
        || evidence.folder_signer().is_some()
        || evidence.store_signer().is_some();
    let outcomes = Outcomes {
        integrity,
        pinning: otherwise(said(Group::Pinning), of_silence(locked && !packed)),
        provenance: otherwise(said(Group::Provenance), of_silence(origin)),
        review: if packed {
            said(Group::Review).unwrap_or_default()
        } else {
            review(&evidence.review, said(Group::Review))
        },
        advisory: otherwise(
            said(Group::Advisory),
            of_silence(evidence.advisories.asked > 0),
        ),
    };
    let basis = (integrity == Outcome::Verified).then(|| basis(subject, evidence, packed));
    (outcomes, basis)
}

fn of_silence(established: bool) -> Outcome {
    if established {
        Outcome::Verified
    } else {
        Outcome::NotApplicable
    }
}

/// Whether it was reviewed: nothing that policy requires may be open.
fn review(facts: &ReviewFacts, said: Option<Outcome>) -> Outcome {
    match said {
        Some(Outcome::Violated) => Outcome::Violated,
        _ if facts.undigested => Outcome::NotEstablished,
        _ if facts.required.is_empty() => Outcome::NotApplicable,
        _ => Outcome::Verified,
    }
}

/// What an intact verdict stands on. A local archive that lies in the state directory itself is no publication.
fn basis(subject: &Subject, evidence: &Evidence, packed: bool) -> Basis {
    if evidence.git.prove_origin()
        || evidence.folder_signer().is_some()
        || evidence.store_signer().is_some()
    {
        return Basis::Signed;
    }
    let published = &evidence.published;
    let dependencies = matches!(
        published.dependencies.outcome(),
        Outcome::Verified | Outcome::NotApplicable
    );
    let comparable = packed || (dependencies && subject.source == Source::Npm);
    match published.archive.verified() {
        Some(_) if comparable && published.origin_is_verified() => Basis::Signed,
        Some(_) if comparable => Basis::Archive,
        _ => Basis::Locked,
    }
}

/// Whether something about the subject could not be read, so that nothing said against it means nothing.
fn unknown(subject: &Subject, evidence: &Evidence) -> bool {
    use Observation as O;
    let unread = |observation: &O| {
        matches!(
            observation,
            O::UnsupportedSchema { .. }
                | O::ConfigFolder { .. }
                | O::UnknownLayout { .. }
                | O::Unreadable { .. }
                | O::NotInCopy { .. }
        )
    };
    let host = |note: &TreeNote| matches!(note, TreeNote::HostLinkUnknown { .. });
    let parts = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    subject.observations.iter().any(unread)
        || parts
            .iter()
            .filter_map(|part| part.tree())
            .any(|tree| tree.notes.iter().any(host))
}
