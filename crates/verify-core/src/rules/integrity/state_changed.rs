//! `state-changed`: of a skill only files differ from the lock that the operator declared as its own state.

use super::change_lines;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "state-changed",
    group: Group::Integrity,
    level: Level::Note,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "Only files that are a skill's own state differ from the lock",
    help: "Nothing has to be done. The lock and the reviews of the locked files still count.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let tree = &view.evidence.tree;
    if !tree.only_state_changed() {
        return Vec::new();
    }
    let changes = tree.changes.as_deref().unwrap_or_default();
    let paths = if changes.len() == 1 { "path" } else { "paths" };
    let mut draft = view
        .draft(format!(
            "{} {paths} of its declared state changed since it was locked",
            changes.len()
        ))
        .outcome(Outcome::NotApplicable);
    draft.evidence = change_lines(changes);
    vec![draft]
}
