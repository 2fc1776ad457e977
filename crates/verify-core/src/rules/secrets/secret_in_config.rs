//! `secret-in-config`: secrets stand in the config in plain text.

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "secret-in-config",
    group: Group::Secrets,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Secrets stand in the config in plain text, where the agent reads them",
    help: "Let the config refer to them, then let `openclaw secrets audit` look.",
    check: Check::Whole(check),
};

/// Most keys that are named.
const SHOWN: usize = 100;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let plain = machine.plain_secrets();
    let count = plain.len();
    if count == 0 {
        return Vec::new();
    }
    let message = match count {
        1 => "a secret is in the config in plain text".to_owned(),
        count => format!("{count} secrets stand in the config in plain text"),
    };
    let found = plain.iter().take(SHOWN).fold(draft(message), |found, at| {
        found.declared(machine.declare_secret(at))
    });
    vec![found.remedy(Remedy::OpenClaw {
        arguments: vec!["secrets".to_owned(), "configure".to_owned()],
    })]
}
