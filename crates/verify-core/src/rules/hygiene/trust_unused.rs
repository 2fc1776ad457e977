//! `trust-unused`: trust in a publisher that makes nothing count as reviewed.

use super::{publisher, relied_on};
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "trust-unused",
    group: Group::Hygiene,
    level: Level::Note,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "Trust that counts for nothing that is installed",
    help: "Take the entry out of the reviews file. Where it is about what is installed, `unreviewed` says there why it does not count.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    if !whole.full {
        return Vec::new();
    }
    let relied_on = relied_on(whole);
    let used = |line: usize| {
        relied_on
            .iter()
            .any(|(_, entries)| entries.iter().any(|entry| entry.at.line == line))
    };
    // What has expired or not begun stays as history.
    let unused = whole
        .reviews
        .trusts
        .iter()
        .filter(|trust| trust.in_force(whole.today) && !used(trust.line));
    unused
        .map(|trust| {
            Draft::new(format!(
                "trust in {} counts for nothing that is installed",
                publisher(trust)
            ))
            .outcome(Outcome::NotApplicable)
            .at(whole.in_reviews(trust.line))
        })
        .collect()
}
