//! `tag-retagged`: a pinned tag was made anew for the same commit.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tag-retagged",
    group: Group::Provenance,
    level: Level::Warn,
    fixed: false,
    summary: "A pinned tag was made anew for the same commit",
    help: "Compare the signers; if the reason is clear, pin it again with release --pin and the --accept that it names.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
