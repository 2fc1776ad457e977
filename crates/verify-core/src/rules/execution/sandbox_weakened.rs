//! `sandbox-weakened`: a sandbox that holds less than OpenClaw's own default would.

use serde_json::{Value, json};

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::agents::{Agent, SandboxMode};
use crate::inventory::machine::{At, Machine};
use crate::rules::execution::sandbox_hole::scopes;
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "sandbox-weakened",
    group: Group::Execution,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "A sandbox holds less than it would by default",
    help: "Take the key out, or give it the value that holds.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found: Vec<Draft> = scopes(machine)
        .iter()
        .flat_map(|scope| of_scope(machine, scope))
        .collect();
    let agents = machine.agents();
    let mut on = agents
        .iter()
        .filter(|agent| agent.sandbox_mode() != SandboxMode::Off)
        .peekable();
    if on.peek().is_none() {
        return found;
    }
    let on: Vec<_> = on.collect();
    for (key, what, value) in [
        ("pidsLimit", "all processes", json!(256)),
        ("memory", "all memory", json!("1g")),
    ] {
        let has = |agent: &&Agent<'_>| agent.sandbox(&format!("docker.{key}")).is_some();
        if !on.iter().all(has) {
            let key = format!("agents.defaults.sandbox.docker.{key}");
            found.push(
                draft(format!("a sandbox may take {what} of this machine"))
                    .code("limits")
                    .level(Level::Note)
                    .declared(machine.declare_or(&key, "no limit"))
                    .remedy(set(key, value)),
            );
        }
    }
    if machine
        .given()
        .containers
        .iter()
        .any(|container| container.is_sandbox)
    {
        return found;
    }
    found.push(
        draft("the config wants a sandbox; whether sessions really run in one was not seen")
            .code("sandbox-unobserved")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .declared(machine.declare_or("agents.defaults.sandbox.mode", "off"))
            .help("Look with `openclaw sandbox explain` while a session works, or give what `docker inspect` prints about the containers openclaw-sbx-…."),
    );
    found
}

fn of_scope(machine: &Machine, scope: &At<'_>) -> Vec<Draft> {
    let mut found = Vec::new();
    let text = |at: &At<'_>| {
        at.value
            .as_str()
            .and_then(|text| machine.meant(text))
            .unwrap_or_default()
    };
    let mut say = |at: &At<'_>, code, message: &str, value: Value| {
        found.push(
            draft(message)
                .code(code)
                .declared(machine.declare(at))
                .remedy(set(at.written(), value)),
        );
    };
    if let Some(docker) = scope.child("docker") {
        if let Some(at) = docker.child("user") {
            let user = match at.value {
                Value::Number(number) => number.to_string(),
                _ => text(&at),
            };
            if matches!(user.split(':').next(), Some("0" | "root")) {
                say(&at, "root", "a sandbox runs as root", json!("1000:1000"));
            }
        }
        if let Some(at) = docker.child("capDrop") {
            let all = at
                .texts()
                .iter()
                .any(|name| name.trim().eq_ignore_ascii_case("all"));
            if !all {
                say(
                    &at,
                    "capabilities",
                    "a sandbox keeps capabilities of root",
                    json!(["ALL"]),
                );
            }
        }
        if let Some(at) = docker
            .child("readOnlyRoot")
            .filter(|at| *at.value == Value::Bool(false))
        {
            say(
                &at,
                "writable-root",
                "what runs in a sandbox can change its system",
                json!(true),
            );
        }
        if let Some(at) = docker.child("network").filter(|at| text(at) != "none") {
            say(
                &at,
                "network",
                "a sandbox reaches the network",
                json!("none"),
            );
        }
    }
    if let Some(at) = scope.child("scope").filter(|at| text(at) == "shared") {
        say(
            &at,
            "shared",
            "sessions of all agents share one sandbox",
            json!("agent"),
        );
    }
    if let Some(at) = scope.child("workspaceAccess").filter(|at| text(at) == "rw") {
        say(
            &at,
            "workspace",
            "a sandbox can change the workspace, also instructions and skills in it",
            json!("ro"),
        );
    }
    let browser = scope
        .child("browser")
        .and_then(|at| at.child("allowHostControl"));
    if let Some(at) = browser.filter(|at| *at.value == Value::Bool(true)) {
        say(
            &at,
            "browser",
            "a sandbox can steer the browser of this machine",
            json!(false),
        );
    }
    found
}
