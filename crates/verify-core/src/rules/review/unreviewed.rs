//! `unreviewed`: nobody has read what is installed.

use super::super::{Check, Group, Rule, View};
use super::drafts;
use crate::evidence::review::Standing;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unreviewed",
    group: Group::Review,
    level: Level::Deny,
    fixed: false,
    summary: "Nobody has read what is installed",
    help: "Read it: `openclaw-verify review` lists what is missing, cheapest first.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    drafts(view, |standing| match standing {
        Standing::Unreviewed => Some(("nobody has read".to_owned(), &[])),
        _ => None,
    })
}
