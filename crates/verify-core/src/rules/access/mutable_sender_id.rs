//! `mutable-sender-id`: senders are matched by names that they can change.

use serde_json::Value;

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "mutable-sender-id",
    group: Group::Access,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Senders are recognised by names that they choose themselves",
    help: "Allow senders by their stable ids.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    // Of a plugin that brings a channel too.
    let flags = machine.root().all("dangerouslyAllowNameMatching");
    flags
        .into_iter()
        .filter(|at| *at.value == Value::Bool(true))
        .map(|at| {
            draft("anyone who takes the name of an allowed sender is let in")
                .declared(machine.declare(&at))
                .remedy(set(at.written(), false))
        })
        .collect()
}
