//! `weak-digest`: a record without a digest where its kind carries one, or with a weak or malformed one.

use super::super::{Check, Group, Rule, View};
use crate::finding::{Draft, Level};
use crate::inventory::Observation;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "weak-digest",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    summary: "A record has no sound digest where its kind carries one",
    help: "Reinstall the subject through OpenClaw, so that the registry's sha512 is recorded.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let recorded = view
        .subject
        .observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::BadIntegrity { why } => Some(why),
            _ => None,
        });
    recorded
        .chain(&view.evidence.published.weak)
        .map(|why| view.draft(why.clone()))
        .collect()
}
