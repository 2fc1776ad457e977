//! `provenance-mismatch`: a genuine attestation that names somebody else than policy wants.

use super::super::{Check, Group, Rule, View};
use super::provenance_invalid::is_mismatch;
use crate::fact::Fact;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "The provenance is genuine, and names another repository, workflow, ref or signer than policy",
    help: "Do not use it, unless the publisher has announced the move; then change the identity in your rule.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Fact::Violated { code, why } = &view.evidence.published.provenance else {
        return Vec::new();
    };
    if !is_mismatch(code) {
        return Vec::new();
    }
    vec![
        view.draft(why.clone())
            .code(code)
            .evidence(format!("asked for by {}", view.requirements.from)),
    ]
}
