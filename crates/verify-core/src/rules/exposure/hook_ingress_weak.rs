//! `hook-ingress-weak`: webhooks let strangers start the agent.

use serde_json::{Value, json};

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::machine::{Machine, Secret};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "hook-ingress-weak",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Webhooks let strangers start the agent",
    help: "Give the webhooks a token of their own, a path, and the agents that they may start.",
    check: Check::Whole(check),
};

/// Shortest token that is not weak.
const SHORTEST: usize = 24;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    if !machine.is_on("hooks.enabled") {
        return Vec::new();
    }
    let mut found: Vec<Draft> = weak_token(machine).into_iter().collect();
    if machine
        .text("hooks.path")
        .is_some_and(|path| path.trim_matches('/').is_empty())
    {
        found.push(
            draft("webhooks take every path of the gateway")
                .declared(machine.declare_or("hooks.path", "/hooks"))
                .remedy(set("hooks.path", "/hooks")),
        );
    }
    let agents = machine.at("hooks.allowedAgentIds");
    if agents.is_none_or(|at| at.texts().iter().any(|id| id.trim() == "*")) {
        found.push(
            draft("a webhook may start every agent")
                .code("agents")
                .level(Level::Warn)
                .declared(machine.declare_or("hooks.allowedAgentIds", "every agent"))
                .remedy(set("hooks.allowedAgentIds", json!([]))),
        );
    }
    let prefixes = machine.at("hooks.allowedSessionKeyPrefixes");
    if machine.is_on("hooks.allowRequestSessionKey")
        // OpenClaw drops empty ones. [S `resolveAllowedSessionKeyPrefixes`]
        && prefixes.is_none_or(|at| at.texts().iter().all(|prefix| prefix.trim().is_empty()))
    {
        found.push(
            draft("a webhook may write into every session")
                .code("sessions")
                .level(Level::Warn)
                .declared(machine.declare_or("hooks.allowRequestSessionKey", "false"))
                .remedy(set("hooks.allowRequestSessionKey", false)),
        );
    }
    let hooks = machine.at("hooks");
    for at in hooks
        .iter()
        .flat_map(|at| at.all("allowUnsafeExternalContent"))
    {
        if *at.value == Value::Bool(true) {
            found.push(
                draft("what a stranger wrote reaches the agent without a mark that it is foreign")
                    .code("content")
                    .level(Level::Warn)
                    .declared(machine.declare(&at))
                    .remedy(set(at.written(), false)),
            );
        }
    }
    found
}

/// That the token can be guessed, or opens more than it should.
fn weak_token(machine: &Machine) -> Option<Draft> {
    let token = "hooks.token";
    let text = |key: &str| match machine.at(key).map(|at| machine.secret(at.value)) {
        Some(Secret::Text(text)) => Some(text.trim().to_owned()),
        _ => None,
    };
    let value = text(token)?;
    let of_gateway = ["gateway.auth.token", "gateway.auth.password"];
    let same = of_gateway
        .into_iter()
        .find(|key| text(key).as_ref() == Some(&value));
    let why = match same {
        _ if value.chars().count() < SHORTEST => "has fewer than 24 characters",
        Some(_) => "is also the credential of the gateway",
        None => return None,
    };
    let help =
        "Make another one with `openssl rand -hex 32`, and give it to whatever calls the webhooks.";
    let found = draft(format!("{token} {why}")).declared(machine.declare_or(token, "none"));
    // One that opens the gateway too is more than a short one.
    let found = same.into_iter().fold(found, |found, key| {
        found.declared(machine.declare_or(key, "none"))
    });
    Some(found.remedy(Remedy::Operator { input: None }).help(help))
}
