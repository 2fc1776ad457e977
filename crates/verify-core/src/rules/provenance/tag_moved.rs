//! `tag-moved`: a pinned tag leads to another commit, or is gone.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tag-moved",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A pinned tag leads to another commit, or is gone",
    help: "Ask the publisher why; until then install by the pinned commit.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
