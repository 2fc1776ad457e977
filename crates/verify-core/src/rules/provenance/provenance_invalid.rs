//! `provenance-invalid`: an attestation or a registry signature that does not hold.

use super::super::{Check, Group, Rule, View};
use crate::fact::Fact;
use crate::finding::{Draft, Level};
use crate::provenance::Fault;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-invalid",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: true,
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

/// Whether a code means a genuine attestation of somebody else. A code that nobody knows is no such thing.
pub(super) fn is_mismatch(code: &str) -> bool {
    Fault::from_code(code).is_some_and(|fault| fault.finding() == "provenance-mismatch")
}
