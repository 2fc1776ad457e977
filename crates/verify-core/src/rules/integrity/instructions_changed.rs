//! `instructions-changed`: text that reaches the model unasked is not what was locked.

use super::ListingDifference;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "instructions-changed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Lock,
    summary: "Standing instructions differ from the lock",
    help: "Read what changed; lock it if it is yours.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some(entry) = view.locked else {
        return Vec::new();
    };
    let difference = ListingDifference {
        what: "instructions",
        locked: entry.instructions,
        now: view.subject.instructions_digest(),
        keys: view.evidence.listed.instructions.as_deref(),
    };
    difference.everyday(view).into_iter().collect()
}
