//! `unreviewed`: there is no review of what is installed.

use super::drafts;
use crate::evidence::review::ReviewStatus;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unreviewed",
    group: Group::Review,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::LockOnly],
    ),
    clears: RemedyKind::Review,
    summary: "What is installed is not reviewed",
    help: "Read it, and record that.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    drafts(view, |status, what| match status {
        ReviewStatus::Unreviewed => Some((format!("{what} not reviewed"), &[])),
        _ => None,
    })
}
