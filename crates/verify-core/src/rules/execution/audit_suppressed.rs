//! `audit-suppressed`: OpenClaw's own audit is told to keep silent.

use serde_json::{Value, json};

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::has_known_form;
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "audit-suppressed",
    group: Group::Execution,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Findings of OpenClaw's own audit are suppressed in a file that the agent can write",
    help: "Take them out; what you accept belongs into your own policy.",
    check: Check::Whole(check),
};

const SUPPRESSIONS: &str = "security.audit.suppressions";
/// Most of them that are named.
const SHOWN: usize = 20;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let Some(at) = machine.at(SUPPRESSIONS) else {
        return Vec::new();
    };
    let items: Vec<_> = at.items().collect();
    if items.is_empty() {
        return Vec::new();
    }
    let mut found = draft(match items.len() {
        1 => "a finding of OpenClaw's own audit is suppressed".to_owned(),
        count => format!("{count} findings of OpenClaw's own audit are suppressed"),
    });
    for item in items.iter().take(SHOWN) {
        let text = |key: &str| {
            item.value
                .get(key)
                .and_then(Value::as_str)
                .map(|text| text::excerpt(without_keys(text), 120))
        };
        let id = text("checkId").or_else(|| {
            item.value
                .as_str()
                .map(|id| text::excerpt(without_keys(id), 120))
        });
        let id = id.unwrap_or_else(|| "every check".to_owned());
        found = found.evidence(match text("reason") {
            Some(reason) => format!("{id}: {reason}"),
            None => format!("{id}, without a reason"),
        });
    }
    vec![
        found
            .declared(machine.declare(&at))
            .remedy(set(SUPPRESSIONS, json!([]))),
    ]
}

/// A text that holds no key of a well-known service; of another one nothing is shown.
fn without_keys(text: &str) -> &str {
    match has_known_form(text) {
        true => "(hidden: it holds a key)",
        false => text,
    }
}
