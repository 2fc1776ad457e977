//! `elevated-open`: anyone may use elevated tools.

use serde_json::Value;

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "elevated-open",
    group: Group::Access,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Everyone who can write to a channel may run commands outside the sandbox",
    help: "Switch it off, or name who may.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let scopes = machine.at("tools.elevated").into_iter();
    let scopes = scopes.chain(machine.of_agents("tools.elevated"));
    for elevated in scopes {
        let off = elevated
            .child("enabled")
            .is_some_and(|at| *at.value == Value::Bool(false));
        let Some(lists) = elevated.child("allowFrom").filter(|_| !off) else {
            continue;
        };
        for (channel, list) in lists.members() {
            let open = list
                .items()
                .filter_map(|item| machine.meant(item.value.as_str()?))
                .any(|id| id == "*");
            if open {
                found.push(
                    draft(format!(
                        "everyone who can write to {} may run commands outside the sandbox",
                        text::excerpt(channel, 80)
                    ))
                    .declared(machine.declare(&list))
                    .remedy(set(format!("{}.enabled", elevated.written()), false)),
                );
            }
        }
    }
    found
}
