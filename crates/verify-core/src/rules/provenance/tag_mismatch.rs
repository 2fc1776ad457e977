//! `tag-mismatch`: a tag object says something else than the repository around it.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tag-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A tag object says something else than the repository around it",
    help: "Do not install from this repository; fetch the tag from its publisher and compare.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
