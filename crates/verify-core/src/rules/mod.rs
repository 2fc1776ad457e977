//! Rules: pure functions of a subject, the evidence about it and policy. One file a rule; the catalogue names every rule once.

mod access;
mod advisory;
mod catalogue;
pub(crate) mod checklist;
mod execution;
mod exposure;
mod host_places;
mod hygiene;
mod integrity;
mod judge;
mod machine;
pub(crate) mod outcomes;
mod pinning;
mod platform;
mod provenance;
mod remedies;
mod review;
mod rule;
mod secrets;
mod view;

pub(crate) use advisory::finding_of as finding_of_advisory;
pub use catalogue::{catalogue, rule};
pub(crate) use judge::{Judgement, judge, sort};
pub(crate) use outcomes::Said;
pub use provenance::finding_of;
pub(crate) use rule::Check;
pub use rule::{Group, Rule, Stage, Stages};
pub(crate) use view::{Judged, Names, View, Whole};

use crate::finding::About;
use crate::policy::RuleInfo;

/// The finding about what is locked or recorded and not there.
pub const NOT_INSTALLED: &str = integrity::not_installed::RULE.id;

/// The finding of what could not be found out.
pub(crate) const NOT_ESTABLISHED: &str = provenance::not_established::RULE.id;
/// The finding of what was never reviewed.
pub(crate) const UNREVIEWED: &str = review::unreviewed::RULE.id;
/// The finding of what was reviewed, and that no longer counts.
pub(crate) const REVIEW_EXPIRED: &str = review::review_expired::RULE.id;
/// The finding of what only a machine reviewed.
pub(crate) const AGENT_REVIEWED_ONLY: &str = review::agent_reviewed_only::RULE.id;
/// Days ahead that are soon, for the end of an exception.
pub(crate) const SOON: i64 = hygiene::exception_expiring::SOON;
/// The findings of exceptions that are not needed any more.
pub(crate) const NEEDLESS: [&str; 2] = [
    hygiene::exception_expired::RULE.id,
    hygiene::exception_unused::RULE.id,
];
/// Of which part of a subject a finding of this id says that files differ from the locked ones; none for other findings.
#[must_use]
pub fn differing_files(id: &str) -> Option<About> {
    match id {
        _ if id == integrity::tree_mismatch::RULE.id => Some(About::Subject),
        _ if id == integrity::dependency_mismatch::RULE.id => Some(About::Dependencies),
        _ => None,
    }
}

/// Whether the change that a finding of this id tells of is locked only where its subject is named.
#[must_use]
pub fn is_locked_by_name(id: &str) -> bool {
    [
        integrity::settings_changed::RULE.id,
        integrity::instructions_changed::RULE.id,
    ]
    .contains(&id)
}

/// What policy has to know about the catalogue.
#[must_use]
pub fn infos() -> Vec<RuleInfo<'static>> {
    catalogue()
        .iter()
        .map(|rule| RuleInfo {
            id: rule.id,
            group: rule.group.as_str(),
            fixed: rule.fixed,
        })
        .collect()
}
