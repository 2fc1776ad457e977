//! `other-state`: the caller's environment chose the state directory, and OpenClaw's default place holds one too.

use crate::error::Input;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "other-state",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "The environment chose a state directory, and the default place holds one too",
    help: "Name the state directory that is meant.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let others = whole
        .observations()
        .filter_map(|observation| match observation {
            Observation::OtherState { place } => Some(place),
            _ => None,
        });
    others
        .map(|place| {
            Draft::new(format!(
                "the environment of this call chose the state directory; {place} holds a state too, which was not judged"
            ))
            .remedy(Remedy::Operator {
                input: Some(Input::StateDir),
            })
        })
        .collect()
}
