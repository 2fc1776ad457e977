//! `state-too-old`: the state of an OpenClaw whose records this program does not read.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "state-too-old",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "The state is of an OpenClaw whose records are not read",
    help: "Update OpenClaw and have it bring its records to their present form, then check again: `openclaw update`, `openclaw doctor --fix`.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let found = whole
        .observations()
        .filter_map(|observation| match observation {
            Observation::StateTooOld { found } => Some(found),
            _ => None,
        });
    found
        .map(|found| {
            Draft::new(format!("{found}, so it is not known what was installed"))
                .outcome(Outcome::NotEstablished)
        })
        .collect()
}
