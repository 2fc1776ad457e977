//! `review-expired`: it was read, or its publisher was trusted, and that has expired.

use super::drafts;
use crate::evidence::review::{ReviewEntry, ReviewStatus};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "review-expired",
    group: Group::Review,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::LockOnly],
    ),
    clears: RemedyKind::Review,
    summary: "The reviews of what is installed have expired",
    help: "Look again, and record it anew.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    drafts(view, |status, what| match status {
        ReviewStatus::Expired(entries) => Some((
            format!("{}, so {what} no longer reviewed", expired(entries)),
            entries,
        )),
        _ => None,
    })
}

fn expired(entries: &[ReviewEntry]) -> String {
    let entries = entries.iter().filter_map(|entry| {
        Some(format!(
            "the entry by {} expired on {}",
            entry.by, entry.until?
        ))
    });
    entries.collect::<Vec<_>>().join(" and ")
}
