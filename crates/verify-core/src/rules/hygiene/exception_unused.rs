//! `exception-unused`: an exception that covers nothing.

use std::collections::BTreeSet;

use crate::finding::{Draft, Level, Remedy, RemedyKind};
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
    help: "What it covered was cleared, or the subject changed and needs a decision of its own; take it out.",
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
        .filter(|(exception, _)| !changed.contains(&exception.package));
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
