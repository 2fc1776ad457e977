//! `shadowed`: a skill or plugin hides another of the same name.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "shadowed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Operator,
    summary: "A skill or plugin hides another of the same name",
    help: "Rename or remove one of the two, so that it is clear which one runs.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    view.subject
        .observations
        .iter()
        .filter_map(|observation| match observation {
            // A question of names: whether the subject is intact is for other rules to say.
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
