//! `signature-missing`: a release tag has no signature.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "signature-missing",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A release tag has no signature",
    help: "Ask the publisher for a signed tag, or pin this one with `require = \"pinned\"` and release --pin.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
