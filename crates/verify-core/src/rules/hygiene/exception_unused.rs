//! `exception-unused`: an exception that covers nothing.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "exception-unused",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "An exception in the policy covers nothing",
    help: "Remove it: what it covered was cleared, or the subject changed and needs a decision of its own.",
    check: Check::Last(check),
};

fn check(whole: &Whole<'_>, used: &[bool]) -> Vec<Draft> {
    if !whole.full {
        return Vec::new();
    }
    let unused = whole
        .policy
        .exceptions()
        .iter()
        .zip(used)
        .filter(|(exception, used)| !**used && !exception.expired(whole.today));
    unused
        .map(|(exception, _)| {
            Draft::new(format!(
                "the exception for {} covers nothing",
                exception.allow.join(", ")
            ))
            .subject(&exception.package)
            .at(whole.in_policy(exception.line))
        })
        .collect()
}
