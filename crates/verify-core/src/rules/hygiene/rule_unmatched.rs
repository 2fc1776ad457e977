//! `rule-unmatched`: a rule of the operator that matches nothing.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::subject::SubjectId;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "rule-unmatched",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::LockOnly]),
    clears: RemedyKind::Operator,
    summary: "A rule in the policy matches no subject",
    help: "Correct its `match`, or remove it.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    if !whole.full {
        return Vec::new();
    }
    let installed = whole.inventory.subjects.iter().map(|subject| &subject.id);
    let ids: Vec<&SubjectId> = installed
        .chain(whole.lock.packages().iter().map(|entry| &entry.id))
        .collect();
    let drafts = whole.policy.unmatched_rules(&ids).map(|rule| {
        Draft::new(format!(
            "the rule for `{}` matches no subject",
            crate::text::visible(&rule.pattern.to_string())
        ))
        .at(whole.in_policy(rule.line))
    });
    let mutable = whole.policy.unmatched_mutable(&ids).map(|(id, line)| {
        Draft::new(format!(
            "no subject is called {id}, of which state is declared"
        ))
        .at(whole.in_policy(line))
        .help("Correct its `package`, or remove it.")
    });
    drafts.chain(mutable).collect()
}
