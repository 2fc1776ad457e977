//! `shadowed`: a skill or plugin hides another of the same name.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, View, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "shadowed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Operator,
    summary: "A skill or plugin hides another of the same name",
    help: "Rename or remove one of the two, so that it is clear which one runs.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_subjects = whole.views().flat_map(|view| of_subject(&view));
    let of_all = whole.observations().filter_map(|observation| {
        let Observation::SharedRoot { roots, target } = observation else {
            return None;
        };
        let [first, second] = roots;
        let message = format!("{first} and {second} of the state directory are both links to {target}, so what is in one is also in the other");
        let draft = Draft::new(message).outcome(Outcome::NotApplicable);
        Some(draft.at(whole.in_lock(None)).help(format!("let {first} and {second} lead to two folders")))
    });
    of_subjects.chain(of_all).collect()
}

fn of_subject(view: &View<'_>) -> Vec<Draft> {
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
