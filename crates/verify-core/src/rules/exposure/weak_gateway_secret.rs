//! `weak-gateway-secret`: the gateway's token or password can be guessed.

use std::collections::BTreeSet;

use crate::fact::Outcome;
use crate::finding::{Declared, Draft, Level, RemedyKind};
use crate::inventory::machine::Secret;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "weak-gateway-secret",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The token or password of the gateway can be guessed",
    help: "Make another one with `openssl rand -hex 32`, and store it with `openclaw secrets configure`.",
    check: Check::Whole(check),
};

/// Shortest secret that is not weak.
const SHORTEST: usize = 24;
/// Fewest different characters of it.
const FEWEST: usize = 10;
/// What OpenClaw's own pages print as an example. [S `change-me`]
const EXAMPLES: [&str; 3] = [
    "change-me-to-a-long-random-token",
    "change-me-now",
    "change-me-to-a-strong-password",
];
/// What is left where a secret was taken out. [S `REDACTED_SECRET_VALUES`]
const REDACTED: [&str; 10] = [
    "__OPENCLAW_REDACTED__",
    "REDACTED",
    "xoxb-REDACTED",
    "xapp-REDACTED",
    "***",
    "[redacted]",
    "[REDACTED]",
    "<redacted>",
    "[REDACTED_PRIVATE_KEY]",
    "[REDACTED CREDENTIAL]",
];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let hook = match machine.at("hooks.token").map(|at| machine.secret(at.value)) {
        Some(Secret::Text(text)) => Some(text.into_owned()),
        _ => None,
    };
    let mut found = Vec::new();
    for (key, variable) in [
        ("gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN"),
        ("gateway.auth.password", "OPENCLAW_GATEWAY_PASSWORD"),
    ] {
        let written = machine.at(key);
        match written.as_ref().map(|at| machine.secret(at.value)) {
            Some(Secret::Text(text)) => {
                if let Some(why) = weak(&text, hook.as_deref()) {
                    found.push(
                        draft(format!("{key} {why}")).declared(machine.declare_or(key, "none")),
                    );
                }
            }
            Some(Secret::Elsewhere) => found.push(
                draft(format!(
                    "whether {key} is strong is not known: its value is not in a file that is read here"
                ))
                .code("elsewhere")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(machine.declare_or(key, "none")),
            ),
            None => {}
        }
        // The config may name the same variable; then it was judged.
        let same = written.is_some_and(|at| {
            matches!((machine.secret(at.value), machine.variable(variable)),
                (Secret::Text(text), Some(value)) if text == value)
        });
        if let (false, Some(value)) = (same, machine.variable(variable))
            && let Some(why) = weak(value, hook.as_deref())
        {
            found.push(
                draft(format!("{variable} {why}"))
                    .declared(machine.absent(variable, "given by an environment file")),
            );
        }
    }
    for container in machine.given().openclaws() {
        for (name, value, fact) in &container.credentials {
            if let Some(why) = weak(&value.0, hook.as_deref()) {
                let shown = format!("{name} of the container {} {why}", container.name);
                found.push(fact.on(draft(shown)));
            }
        }
    }
    for service in machine.services() {
        for (name, value, file, line) in &service.credentials {
            if let Some(why) = weak(&value.0, hook.as_deref()) {
                found.push(draft(format!("{name} {why}")).declared(Declared {
                    path: name.clone(),
                    value: "set in plain text".to_owned(),
                    file: file.clone(),
                    line: Some(*line),
                }));
            }
        }
    }
    found
}

/// Why a secret is weak.
fn weak(secret: &str, hook: Option<&str>) -> Option<&'static str> {
    let secret = secret.trim();
    let different: BTreeSet<char> = secret.chars().collect();
    if matches!(secret, "" | "undefined" | "null") {
        Some("is empty")
    } else if EXAMPLES.contains(&secret) {
        Some("is an example from the documentation")
    } else if REDACTED.contains(&secret) {
        Some("is what is left of a redacted value")
    } else if secret.chars().count() < SHORTEST {
        Some("has fewer than 24 characters")
    } else if different.len() < FEWEST {
        Some("has fewer than 10 different characters")
    } else if hook.is_some_and(|hook| hook.trim() == secret) {
        Some("is also the token of the webhooks")
    } else {
        None
    }
}
