//! What a rule gets to see: one subject with the evidence about it, or the installation as a whole.

use jiff::civil::Date;

use super::Stage;
use crate::advisories::AdvisoriesUsed;
use crate::evidence::{Evidence, TagFacts};
use crate::finding::{Draft, Level, Location};
use crate::inventory::machine::Machine;
use crate::inventory::staged::request::Extent;
use crate::inventory::{Inventory, Observation, Subject};
use crate::lock::{Lock, LockedPackage};
use crate::policy::{Exception, OriginProof, Policy, RequirementOrigin, Requirements};
use crate::review::Reviews;
use crate::subject::{Kind, Source, SubjectId};

/// One subject with everything that is known about it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// What can be proven about it.
    pub evidence: &'a Evidence,
    /// What policy requires of it.
    pub requirements: &'a Requirements<'a>,
    /// Its entry in the lock.
    pub locked: Option<&'a LockedPackage>,
    /// Everything else.
    pub whole: &'a Whole<'a>,
}

/// One subject that is judged in this run.
pub(crate) struct Judged<'a> {
    pub subject: &'a Subject,
    pub evidence: &'a Evidence,
    pub requirements: Requirements<'a>,
}

/// The installation and the operator's files.
pub(crate) struct Whole<'a> {
    /// What is there.
    pub inventory: &'a Inventory,
    /// What the files showed that belongs to no subject.
    pub observed: &'a [Observation],
    /// The subjects that are judged, sorted by id.
    pub judged: &'a [Judged<'a>],
    /// What was pinned.
    pub lock: &'a Lock,
    /// What is allowed.
    pub policy: &'a Policy,
    /// The operator's own reviews file.
    pub reviews: &'a Reviews,
    /// How the operator's files are named in locations.
    pub names: &'a Names,
    /// The index of advisories that was looked into, where there was one.
    pub advisories: Option<&'a AdvisoriesUsed>,
    /// The day as of which everything is judged (UTC).
    pub today: Date,
    /// What of the subjects is there.
    pub stage: Stage,
    /// How much of it.
    pub extent: Extent,
    /// Whether every subject is judged. Otherwise nothing may be said about entries that match none.
    pub full: bool,
    /// Whether the operator allowed the network, and so asked for what only a registry knows.
    pub online: bool,
    /// Release tags that were asked about, rather than found behind an installed subject.
    pub releases: &'a [TagFacts],
}

/// The operator's files as they are to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub policy: String,
    pub lock: String,
    pub reviews: String,
}

impl Whole<'_> {
    /// Everything that was observed about the installation as a whole.
    pub(crate) fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.inventory.observations.iter().chain(self.observed)
    }

    /// Every judged subject.
    pub(crate) fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.judged.iter().map(|judged| View {
            subject: judged.subject,
            evidence: judged.evidence,
            requirements: &judged.requirements,
            locked: self.lock.package(&judged.subject.id),
            whole: self,
        })
    }

    /// How the machine is set up, where that is the question.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        self.inventory.machine.as_ref()
    }

    /// Whether an exception is about what is judged here: the machine, or what is installed on it.
    pub(crate) fn is_about(&self, exception: &Exception) -> bool {
        (exception.package == SubjectId::machine()) == self.machine().is_some()
    }

    /// The one subject that the question is about, before it is installed.
    pub(crate) fn asked_about(&self) -> Option<&SubjectId> {
        let before = matches!(self.stage, Stage::Announced | Stage::Staged | Stage::Packed);
        self.judged
            .first()
            .filter(|_| before)
            .map(|judged| &judged.subject.id)
    }

    /// A place in the policy.
    pub(crate) fn in_policy(&self, line: usize) -> Option<Location> {
        Some(Location {
            file: self.names.policy.clone(),
            line,
        })
    }

    /// A place in the operator's reviews file.
    pub(crate) fn in_reviews(&self, line: usize) -> Option<Location> {
        Some(Location {
            file: self.names.reviews.clone(),
            line,
        })
    }

    /// The place of a subject in the lock; its first line when it has no entry. How the machine is set up is judged without a lock too.
    pub(crate) fn in_lock(&self, subject: Option<&SubjectId>) -> Option<Location> {
        if self.stage == Stage::Host {
            return None;
        }
        let line = subject
            .and_then(|id| self.lock.package(id))
            .map_or(1, |entry| entry.line);
        Some(Location {
            file: self.names.lock.clone(),
            line,
        })
    }
}

impl View<'_> {
    /// A violation about this subject, located at its line of the lock.
    pub(crate) fn draft(&self, message: impl Into<String>) -> Draft {
        // Of an archive that is not locked there is no line of the lock to point at.
        let located = self.whole.stage != Stage::Packed || self.locked.is_some();
        let place = located.then(|| self.whole.in_lock(Some(&self.subject.id)));
        Draft::new(message)
            .subject(&self.subject.id)
            .at(place.flatten())
    }

    /// A draft that asks for a lock or a review, or silence where neither can be had: while something of the subject has no digest, that
    /// is the one thing to say of it, and it is said at a level that nothing lowers.
    pub(crate) fn once_digested(&self, draft: Draft) -> Draft {
        if self.whole.stage == Stage::Installed && self.evidence.is_unsafe() {
            draft.at_most(Level::Allow)
        } else {
            draft
        }
    }

    /// Whether the subject is proven to come from whom its name says.
    pub(crate) fn proof(&self) -> OriginProof {
        self.evidence.origin_proof()
    }

    /// The operator's rule that asks for less of this name and does not count, because a name proves nothing: the line of the policy, and
    /// what would make it count. None where the rule counts, or asks for no less than the preset.
    pub(crate) fn rule_without_proof(&self) -> Option<(usize, &'static str)> {
        let RequirementOrigin::Policy { line } = self.requirements.from else {
            return None;
        };
        if !self.requirements.needs_proof() || self.proof() == OriginProof::Verified {
            return None;
        }
        let way = match (self.subject.kind, self.subject.source) {
            (_, Source::Npm | Source::NpmPack) => {
                "its registry knows who published it: check once with the network allowed, then lock that"
            }
            (_, Source::Git) => "a signed tag proves it: a [[release]] of the policy says whose",
            (Kind::Skill, _) => {
                "a signature proves it: a [[skill-signer]] of the policy says whose"
            }
            _ => "nothing proves where it came from, so only a review clears it",
        };
        Some((line, way))
    }

    /// The draft with the rule that does not count, where there is one.
    pub(crate) fn with_rule_without_proof(&self, draft: Draft) -> Draft {
        match self.rule_without_proof() {
            None => draft,
            Some((line, way)) => draft
                .evidence(format!(
                    "the [[rule]] in line {line} asks for less and does not count: its origin is not verified"
                ))
                .evidence(format!("  {way}"))
                .at(self.whole.in_policy(line)),
        }
    }
}
