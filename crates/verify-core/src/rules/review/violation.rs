//! `violation`: a reviews file that the operator uses says that this must not run. Beats everything.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "violation",
    group: Group::Review,
    level: Level::Deny,
    fixed: true,
    stages: Stages::ALL,
    clears: RemedyKind::Never,
    summary: "A recorded violation says that this must not run",
    help: "Remove it from OpenClaw, then look at what it did.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let violations = view.evidence.review.violations.iter();
    violations
        .map(|entry| {
            Draft::new(format!(
                "{} recorded on {}: {}",
                entry.by, entry.date, entry.reason
            ))
            .subject(&view.subject.id)
            .at(Some(entry.at.clone()))
        })
        .collect()
}
