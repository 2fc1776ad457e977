//! `rule-unmatched`: a rule of the operator that matches nothing.

use std::collections::BTreeMap;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::policy::RequirementOrigin;
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
    drafts.chain(mutable).chain(without_proof(whole)).collect()
}

/// Rules that match, and count for nothing that they match: of no subject the origin is verified.
fn without_proof(whole: &Whole<'_>) -> Vec<Draft> {
    // By line: how many it matches, and what would make it count for the first of them; none once it counts for one.
    let mut rules: BTreeMap<usize, Option<(usize, &'static str)>> = BTreeMap::new();
    for view in whole.views() {
        let RequirementOrigin::Policy { line } = view.requirements.from else {
            continue;
        };
        if !view.requirements.needs_proof() {
            continue;
        }
        let entry = rules.entry(line).or_insert(Some((0, "")));
        *entry = match (*entry, view.rule_without_proof()) {
            (Some((0, _)), Some((_, way))) => Some((1, way)),
            (Some((matched, way)), Some(_)) => Some((matched + 1, way)),
            _ => None,
        };
    }
    let idle = rules
        .into_iter()
        .filter_map(|(line, idle)| Some((line, idle?)));
    idle.map(|(line, (matched, way))| {
        let subjects = match matched {
            1 => "the one subject".to_owned(),
            _ => format!("any of the {matched} subjects"),
        };
        Draft::new(format!(
            "the rule asks for less and does not count for {subjects} that it matches: the origin is not verified"
        ))
        .code("no-origin")
        .level(Level::Note)
        .outcome(Outcome::NotApplicable)
        .at(whole.in_policy(line))
        .help(way)
    })
    .collect()
}
