//! Are the operator's own files in order?

pub(super) mod advisories_stale;
pub(super) mod exception_expired;
pub(super) mod exception_expiring;
pub(super) mod exception_unused;
pub(super) mod other_state;
pub(super) mod rule_unmatched;
pub(super) mod trust_expiring;
pub(super) mod trust_unused;

use super::Whole;
use crate::evidence::review::{ReviewEntry, ReviewStatus};
use crate::review::Trust;
use crate::subject::SubjectId;

/// The entries of `trust` in the operator's file that make each judged subject count as reviewed; the one that lasts longest is first.
fn relied_on<'a>(whole: &'a Whole<'_>) -> Vec<(&'a SubjectId, &'a [ReviewEntry])> {
    let trusted = whole.judged.iter().flat_map(|judged| {
        judged
            .evidence
            .review
            .required
            .iter()
            .filter_map(|reading| match &reading.status {
                ReviewStatus::Trusted(entries) => Some((&judged.subject.id, entries.as_slice())),
                _ => None,
            })
    });
    trusted.collect()
}

/// The publisher of an entry, safe to show.
fn publisher(trust: &Trust) -> String {
    crate::text::excerpt(&trust.publisher, 120)
}
