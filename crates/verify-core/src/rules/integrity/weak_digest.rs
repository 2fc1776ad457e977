//! `weak-digest`: a record without a digest where its kind carries one, or with a weak or malformed one.

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "weak-digest",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Reinstall,
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
        .map(|why| {
            let draft = view.draft(why.clone());
            match view.whole.stage {
                Stage::Packed => draft.help(super::FETCH_AGAIN),
                _ => draft,
            }
        })
        .collect()
}
