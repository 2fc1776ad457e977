//! `too-fresh`: a version too young for anyone to have noticed what is wrong with it.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "too-fresh",
    group: Group::Pinning,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::Announced],
    ),
    clears: RemedyKind::Operator,
    summary: "A version is younger than policy's min-age-days",
    help: "Wait, or stay on the version before it.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    // Where the day is not known, `not-established` tells.
    let (Some(wanted), Some(published)) = (
        view.whole
            .policy
            .sources
            .as_ref()
            .and_then(|sources| sources.min_age_days),
        view.evidence.published.day.verified(),
    ) else {
        return Vec::new();
    };
    let age = view
        .whole
        .today
        .since(*published)
        .map_or(0, |span| span.get_days());
    if i64::from(age) >= i64::from(wanted) {
        return Vec::new();
    }
    vec![view.draft(format!(
        "published on {published}, {age} days ago; policy requires at least {wanted}"
    ))]
}
