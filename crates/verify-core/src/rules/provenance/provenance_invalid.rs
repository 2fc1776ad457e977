//! `provenance-invalid`: an attestation or a registry signature that does not hold.

use crate::fact::Fact;
use crate::finding::{Draft, Level, RemedyKind};
use crate::provenance::Fault;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-invalid",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Never,
    summary: "An attestation or registry signature does not hold",
    help: "Do not use it; fetch package and attestation again from the publisher's own registry.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let published = &view.evidence.published;
    let mut drafts = Vec::new();
    if let Fact::Violated { code, why } = &published.provenance
        && !is_mismatch(code)
    {
        drafts.push(view.draft(why.clone()).code(code));
    }
    if let Fact::Violated { code, why } = &published.signatures {
        drafts.push(view.draft(why.clone()).code(code));
    }
    drafts
}

/// Whether a code means a genuine attestation by another identity. An unknown code is no such thing.
pub(super) fn is_mismatch(code: &str) -> bool {
    Fault::from_code(code).is_some_and(|fault| fault.is_mismatch())
}
