//! `tag-malformed`: a tag object is not of the strict form that every tool reads alike.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tag-malformed",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A tag object is not of the strict form that every tool reads alike",
    help: "Do not install from this tag; ask the publisher for a new one under another name.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
