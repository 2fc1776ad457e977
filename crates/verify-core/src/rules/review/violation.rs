//! `violation`: somebody whom the operator listens to says that this must not run. Beats everything.

use super::super::{Check, Group, Rule, View};
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "violation",
    group: Group::Review,
    level: Level::Deny,
    fixed: true,
    summary: "Somebody recorded that this must not run",
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
