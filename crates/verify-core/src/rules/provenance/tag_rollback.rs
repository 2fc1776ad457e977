//! `tag-rollback`: a genuine tag is older than a pinned one or than the rule's minimum.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tag-rollback",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A genuine tag is older than a pinned one or than the rule's minimum",
    help: "Use the newer release; to go back on purpose, pin the older tag with release --pin --accept, or lower the minimum.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
