//! `agent-reviewed-only`: only machines have read what is installed, at least in one step.

use super::drafts;
use crate::evidence::review::{ReviewEntry, ReviewStatus};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "agent-reviewed-only",
    group: Group::Review,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::LockOnly],
    ),
    clears: RemedyKind::Review,
    summary: "Only a machine has read what is installed",
    help: "Read it yourself, with the notes of the machine at hand, and record that.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    drafts(view, |status, what| match status {
        ReviewStatus::AgentOnly(machines) => Some((
            format!("{what} reviewed only by a machine ({})", names(machines)),
            machines,
        )),
        _ => None,
    })
}

fn names(machines: &[ReviewEntry]) -> String {
    let entries = machines.iter().map(|entry| {
        let model = entry.model.as_deref().unwrap_or("unknown");
        format!("{model}, by {}, {}", entry.by, entry.date)
    });
    entries.collect::<Vec<_>>().join("; ")
}
