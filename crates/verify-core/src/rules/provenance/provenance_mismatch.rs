//! `provenance-mismatch`: a genuine attestation by another identity than policy requires.

use super::provenance_invalid::{is_mismatch, with_code};
use crate::fact::Fact;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "The provenance is genuine, and names another repository, workflow, ref or signer than policy",
    help: "Do not use it, unless the publisher has announced the move; then change the identity in your rule.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Fact::Violated { code, why } = &view.evidence.published.provenance else {
        return Vec::new();
    };
    if !is_mismatch(*code) {
        return Vec::new();
    }
    vec![
        with_code(view.draft(why.clone()), *code)
            .evidence(format!("asked for by {}", view.requirements.from)),
    ]
}
