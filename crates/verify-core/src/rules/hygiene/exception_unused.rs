//! `exception-unused`: an exception that covers nothing.

use std::collections::BTreeSet;

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::subject::SubjectId;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "exception-unused",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Host]),
    clears: RemedyKind::Operator,
    summary: "An exception in the policy covers nothing",
    help: "What it covered was cleared, or the subject changed and needs a decision of its own; unless another machine with this policy needs it, take it out.",
    check: Check::Last(check),
};

fn check(whole: &Whole<'_>, used: &[bool]) -> Vec<Draft> {
    if !whole.full {
        return Vec::new();
    }
    let changed: BTreeSet<SubjectId> = whole
        .views()
        .filter(|view| view.evidence.differs() || view.evidence.is_unsafe())
        .map(|view| view.subject.id.clone())
        .collect();
    let unused = whole
        .policy
        .exceptions()
        .iter()
        .zip(used)
        .filter(|(exception, used)| !**used && !exception.expired(whole.today))
        .filter(|(exception, _)| whole.is_about(exception))
        // What it covered were the files that were locked; what is there now, or has no digest now, is spoken of first.
        .filter(|(exception, _)| !changed.contains(&exception.package))
        .filter(|(exception, _)| !is_elsewhere(whole, &exception.package));
    unused
        .map(|(exception, _)| {
            Draft::new(format!(
                "the exception for {} covers nothing",
                exception.allow.join(", ")
            ))
            .subject(&exception.package)
            .at(whole.in_policy(exception.line))
            .remedy(Remedy::Prune)
        })
        .collect()
}

/// Whether it is outside the copy that is judged: what was not looked at says nothing of its exceptions.
fn is_elsewhere(whole: &Whole<'_>, id: &SubjectId) -> bool {
    let subjects = &whole.inventory.subjects;
    match subjects.iter().find(|subject| subject.id == *id) {
        Some(subject) => subject
            .observations
            .iter()
            .any(|observation| matches!(observation, Observation::NotInCopy { .. })),
        None if id.scheme() == "core" => whole.inventory.host.is_none(),
        None => id.scheme() == "service" && !whole.inventory.looks_outside,
    }
}
