//! `signature-invalid`: a release tag carries a signature that does not hold.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "signature-invalid",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: true,
    summary: "A release tag carries a signature that does not hold",
    help: "Do not install from this tag. Fetch it again from its publisher, not from a mirror, and check again.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
