//! The order in which evidence is built, as types: what was measured, then what its tags prove, then what reviews say of it. Trust in a
//! publisher stands on a verified origin, so reviews come last; rules take nothing but the last of the three.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::review::{self, ReviewContext};
use super::{
    AdvisoriesAsked, AnnouncedFacts, Evidence, ReleaseRules, SkillTrust, advisories, core_release,
    elsewhere, tag,
};
use crate::digest::TreeDigest;
use crate::error::Result;
use crate::inventory::{Observation, Subject};
use crate::lock::Lock;
use crate::policy::Policy;
use crate::subject::SubjectId;

/// What was read, hashed and compared with published archives.
#[derive(Debug, Default)]
pub(crate) struct Measured(BTreeMap<SubjectId, Evidence>, Vec<Observation>);

/// Also what the release tags prove.
#[derive(Debug)]
pub(crate) struct Tagged(BTreeMap<SubjectId, Evidence>, Vec<Observation>);

/// Also what the reviews say: all that can be known.
#[derive(Debug, Default)]
pub(crate) struct Evidences(BTreeMap<SubjectId, Evidence>, Vec<Observation>);

impl Measured {
    /// Of one subject.
    pub(crate) fn one(id: &SubjectId, evidence: Evidence) -> Self {
        Self(BTreeMap::from([(id.clone(), evidence)]), Vec::new())
    }

    /// Its own digest; none when nothing was measured of it, and `Some(None)` when that has no digest.
    pub(crate) fn tree(&self, id: &SubjectId) -> Option<Option<TreeDigest>> {
        let evidence = self.0.get(id)?;
        Some(evidence.tree.tree().map(|tree| tree.digest))
    }

    /// With what was announced of it.
    pub(crate) fn announce(&mut self, id: &SubjectId, announced: AnnouncedFacts) {
        if let Some(evidence) = self.0.get_mut(id) {
            evidence.announced = Some(announced);
        }
    }

    /// `observed`: what the files showed that belongs to no subject.
    pub(super) fn new(all: BTreeMap<SubjectId, Evidence>, observed: Vec<Observation>) -> Self {
        Self(all, observed)
    }

    /// Looks up what advisories say of each subject and of what it brings along.
    ///
    /// # Errors
    /// When the index is damaged.
    pub(crate) fn advise(
        &mut self,
        subjects: &[Subject],
        asked: &AdvisoriesAsked<'_>,
    ) -> Result<()> {
        for subject in subjects {
            if let Some(evidence) = self.0.get_mut(&subject.id) {
                evidence.advisories = advisories::advised(subject, evidence, asked)?;
            }
        }
        Ok(())
    }

    /// Verifies the tags that git subjects were installed from, against what `lock` remembers of them, and the signatures of skills.
    ///
    /// # Errors
    /// When a file that says whom to trust cannot be read.
    pub(crate) fn tags(
        mut self,
        subjects: &[Subject],
        lock: &Lock,
        rules: &ReleaseRules<'_>,
        skills: &SkillTrust<'_>,
        now: jiff::Timestamp,
    ) -> Result<Tagged> {
        for subject in subjects {
            let Some(evidence) = self.0.get_mut(&subject.id) else {
                continue;
            };
            evidence.core_release = core_release::judge(subject, evidence, lock, rules, now)?;
            evidence.git.tag = tag(subject, lock, rules, now)?;
            evidence.git.tag_elsewhere = elsewhere(subject, evidence.git.tag.as_ref());
            evidence.signature = skills.judge(subject, &evidence.tree, now)?;
        }
        Ok(Tagged(self.0, self.1))
    }
}

impl Tagged {
    /// Compared with another lock from now on, under which tags have to be verified anew.
    pub(crate) fn against(mut self, lock: &Lock) -> Measured {
        for (id, evidence) in &mut self.0 {
            let entry = lock.package(id);
            let parts = [
                (&mut evidence.tree, entry.and_then(|entry| entry.tree)),
                (
                    &mut evidence.dependencies,
                    entry.and_then(|entry| entry.dependencies),
                ),
                (
                    &mut evidence.siblings,
                    entry.and_then(|entry| entry.siblings),
                ),
            ];
            for (part, locked) in parts {
                part.relocked(locked, entry.is_some());
            }
        }
        Measured(self.0, self.1)
    }

    /// Adds what the reviews say.
    pub(crate) fn reviews(
        mut self,
        subjects: &[Subject],
        policy: &Policy,
        given: &ReviewContext<'_>,
    ) -> Evidences {
        review::judge(&mut self.0, subjects, policy, given);
        Evidences(self.0, self.1)
    }
}

impl Evidences {
    /// What the files showed that belongs to no subject.
    pub(crate) fn observed(&self) -> &[Observation] {
        &self.1
    }
}

impl Deref for Tagged {
    type Target = BTreeMap<SubjectId, Evidence>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Deref for Evidences {
    type Target = BTreeMap<SubjectId, Evidence>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
