//! `advisories-stale`: the newest advisory is older than policy accepts.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "advisories-stale",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::ALL,
    clears: RemedyKind::Operator,
    summary: "The advisories are older than policy accepts",
    help: "Get the records again and import them.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let (Some(used), Some(most)) = (whole.advisories, whole.policy.advisories.max_age_days) else {
        return Vec::new();
    };
    let message = match used.age_days {
        Some(age) if age <= i64::from(most) => return Vec::new(),
        Some(age) => format!("the newest advisory is {age} days old; policy accepts {most}"),
        None => format!("how old the newest advisory is is not known; policy accepts {most} days"),
    };
    let draft = Draft::new(message)
        .outcome(Outcome::NotApplicable)
        .evidence(format!("{} {}", used.path, used.digest))
        .at(whole.in_policy(1));
    vec![match whole.asked_about() {
        Some(id) => draft.subject(id),
        None => draft,
    }]
}
