//! `trust-expiring`: trust in a publisher that something relies on ends soon.

use jiff::ToSpan as _;

use super::{publisher, relied_on};
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "trust-expiring",
    group: Group::Hygiene,
    level: Level::Note,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::LockOnly]),
    clears: RemedyKind::Operator,
    summary: "Trust that something relies on ends within a month",
    help: "Look at the project again, then renew the trust in its publisher.",
    check: Check::Whole(check),
};

/// Days ahead that are soon.
const SOON: i64 = 30;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let relied_on = relied_on(whole);
    let soon = whole
        .today
        .checked_add(SOON.days())
        .unwrap_or(jiff::civil::Date::MAX);
    let ending = whole
        .reviews
        .trusts
        .iter()
        .filter(|trust| trust.in_force(whole.today) && trust.until <= soon);
    ending
        .filter_map(|trust| {
            // Where another entry lasts longer, nothing ends.
            let last = relied_on
                .iter()
                .filter(|(_, entries)| entries.first().is_some_and(|e| e.at.line == trust.line));
            let ids: Vec<String> = last.map(|(id, _)| id.to_string()).collect();
            let count = match ids.len() {
                0 => return None,
                1 => "1 subject".to_owned(),
                more => format!("{more} subjects"),
            };
            let mut draft = Draft::new(format!(
                "trust in {} ends on {} and covers {count}",
                publisher(trust),
                trust.until
            ))
            .outcome(Outcome::NotApplicable)
            .at(whole.in_reviews(trust.line));
            draft.evidence = ids;
            Some(draft)
        })
        .collect()
}
