//! `stale-generation`: an old generation of a plugin is still on disk after an update.

use super::super::{Check, Group, Rule, View};
use crate::fact::Outcome;
use crate::finding::{Draft, Level};
use crate::inventory::Observation;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "stale-generation",
    group: Group::Integrity,
    level: Level::Note,
    fixed: false,
    summary: "An old generation of a plugin is still on disk",
    help: "OpenClaw keeps it to roll back. Remove the folder when you no longer need it.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    view.subject
        .observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::StaleGeneration { path } => {
                Some(view.draft(format!("the old generation {path} is still on disk")).outcome(Outcome::NotApplicable))
            }
            _ => None,
        })
        .collect()
}
