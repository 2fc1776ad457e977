//! What the reviews of a run are asked with, and their answers in the words of the evidence.

use jiff::civil::Date;

use super::super::BaseSources;
use super::{Insufficient, ReadPart, ReviewEntry, ReviewStatus, ReviewedTree};
use crate::digest::TreeDigest;
use crate::finding::Location;
use crate::inventory::Subject;
use crate::review::diff::CostLimits;
use crate::review::{
    Content, Contents, Criteria, EntryOrigin, Question, ReviewIndex, ReviewVerdict, Step, Trust,
};
use crate::text;

/// The reviews of a run, and how their files are named.
pub(crate) struct ReviewContext<'r> {
    pub index: ReviewIndex<'r>,
    pub own: &'r str,
    /// Imports by name, and how their files are shown.
    pub imports: Vec<(&'r str, &'r str)>,
    pub today: Date,
    /// Where the files behind reviewed digests can be had.
    pub bases: BaseSources<'r>,
    /// How long lines are counted.
    pub limits: CostLimits,
}

impl ReviewContext<'_> {
    /// Every place that holds one of the known trees, in an order that does not change.
    pub(crate) fn find(
        &self,
        subject: &Subject,
        part: ReadPart,
        known: &[ReviewedTree],
    ) -> Vec<(TreeDigest, Contents<'static>)> {
        let digests: Vec<TreeDigest> = known.iter().map(|known| known.digest).collect();
        let found = match part {
            ReadPart::Own => self.bases.find(subject, &digests),
            ReadPart::Dependencies | ReadPart::Siblings => self.bases.kept(&digests),
        };
        let mut found: Vec<_> = found
            .into_iter()
            .flat_map(|(digest, places)| places.into_iter().map(move |place| (digest, place)))
            .collect();
        found.sort_by(|(a, one), (b, other)| (a, &one.place).cmp(&(b, &other.place)));
        found
    }

    /// Other generations of a subject that are on the disk, whether reviewed or not.
    pub(crate) fn generations(
        &self,
        subject: &Subject,
        installed: Content,
    ) -> Vec<(TreeDigest, Contents<'static>)> {
        let mut found = Vec::new();
        self.bases.generations(subject, &mut |digest, contents| {
            if Content::Tree(digest) != installed {
                found.push((digest, contents));
            }
        });
        found
    }

    pub(super) fn at(&self, origin: EntryOrigin<'_>, line: usize) -> Location {
        let file = match origin {
            EntryOrigin::Own => self.own,
            EntryOrigin::Import(name) => self
                .imports
                .iter()
                .find(|(own, _)| *own == name)
                .map_or(name, |(_, shown)| *shown),
        };
        Location {
            file: file.to_owned(),
            line,
        }
    }

    pub(super) fn status(&self, verdict: ReviewVerdict<'_>) -> ReviewStatus {
        let steps = |steps: Vec<Step<'_>>, which: &dyn Fn(&Step<'_>) -> bool| {
            steps
                .iter()
                .filter(|step| which(step))
                .map(|step| self.step(step))
                .collect()
        };
        match verdict {
            ReviewVerdict::Reviewed(path) => ReviewStatus::Reviewed(steps(path, &|_| true)),
            ReviewVerdict::Trusted(trusts) => {
                ReviewStatus::Trusted(trusts.into_iter().map(|trust| self.trust(trust)).collect())
            }
            ReviewVerdict::AgentOnly(path) => {
                ReviewStatus::AgentOnly(steps(path, &|step| step.review.agent.is_some()))
            }
            ReviewVerdict::Expired(path) => {
                ReviewStatus::Expired(steps(path, &|step| step.review.expired(self.today)))
            }
            ReviewVerdict::TrustEnded(trust) => ReviewStatus::Expired(vec![self.trust(trust)]),
            // A violation has a finding of its own; that does not make it reviewed.
            ReviewVerdict::Unreviewed | ReviewVerdict::Violation(_) => ReviewStatus::Unreviewed,
        }
    }

    /// Entries about what is asked that do not make it count.
    pub(super) fn insufficient(&self, question: &Question<'_>) -> Vec<Insufficient> {
        let less = Question {
            wanted: Criteria::SafeToLoad,
            publishers: &[],
            ..*question
        };
        let read = match self.status(self.index.judge(&less)) {
            ReviewStatus::Reviewed(steps) => steps,
            _ => Vec::new(),
        };
        let read = read
            .into_iter()
            .map(|step| Insufficient::Criteria(less.wanted, step));
        let Question {
            subject,
            wanted,
            publishers,
            ..
        } = *question;
        let trusts = self.index.trusted_otherwise(subject, wanted, publishers);
        let trusted = trusts.into_iter().map(|trust| Insufficient::Publisher {
            trusted: text::excerpt(&trust.publisher, 120),
            is_verified: !publishers.is_empty(),
            at: self.at(EntryOrigin::Own, trust.line),
        });
        read.chain(trusted).collect()
    }

    fn step(&self, step: &Step<'_>) -> ReviewEntry {
        let review = step.review;
        ReviewEntry {
            by: text::excerpt(&review.by, 120),
            model: review
                .agent
                .as_ref()
                .map(|agent| text::excerpt(&agent.model, 80)),
            date: review.date,
            until: review.until,
            reason: String::new(),
            at: self.at(step.origin, review.line),
        }
    }

    fn trust(&self, trust: &Trust) -> ReviewEntry {
        ReviewEntry {
            by: text::excerpt(&trust.by, 120),
            model: None,
            date: trust.start,
            until: Some(trust.until),
            reason: String::new(),
            at: self.at(EntryOrigin::Own, trust.line),
        }
    }
}
