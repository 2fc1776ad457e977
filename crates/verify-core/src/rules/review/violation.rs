//! `violation`: a reviews file or an imported record of the operator's team says that this must not run. Beats everything.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, View, advisory};

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
    let listed = view.evidence.advisories.violations.iter();
    let listed = listed.map(|package| advisory::violation(view, package));
    violations
        .map(|entry| {
            Draft::new(format!(
                "{} recorded on {}: {}",
                entry.by, entry.date, entry.reason
            ))
            .subject(&view.subject.id)
            .at(Some(entry.at.clone()))
        })
        .chain(listed)
        .collect()
}
