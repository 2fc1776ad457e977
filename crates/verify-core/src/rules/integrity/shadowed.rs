//! `shadowed`: a skill or plugin hides another of the same name.

use super::super::{Check, Group, Rule, View};
use crate::fact::Outcome;
use crate::finding::{Draft, Level};
use crate::inventory::Observation;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "shadowed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    summary: "A skill or plugin hides another of the same name",
    help: "Rename or remove one of the two, so that it is clear which one runs.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    view.subject
        .observations
        .iter()
        .filter_map(|observation| match observation {
            // A question of names: whether the subject is intact is told by other rules.
            Observation::Shadows { hidden } => Some(
                view.draft(format!(
                    "hides {hidden}, which has the same name and comes later"
                ))
                .outcome(Outcome::NotApplicable),
            ),
            _ => None,
        })
        .collect()
}
