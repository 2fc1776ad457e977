//! `sandbox-weakened`: a sandbox that holds less than OpenClaw's own default would.

use serde_json::{Value, json};

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::agents::{Agent, SandboxMode};
use crate::inventory::machine::{At, Machine};
use crate::rules::execution::sandbox_hole::scopes;
use crate::rules::machine::{STAGES, draft, is_root_user, set};
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
    let say = |at: &At<'_>, code, message: &str, value: Value| {
        draft(message)
            .code(code)
            .declared(machine.declare(at))
            .remedy(set(at.written(), value))
    };
    let text = |at: &At<'_>| meant(machine, at);
    let mut found = Vec::new();
    if let Some(docker) = scope.child("docker") {
        found.extend(of_docker(machine, &docker, &say));
    }
    if let Some(at) = scope.child("scope").filter(|at| text(at) == "shared") {
        let message = "sessions of all agents share one sandbox";
        found.push(say(&at, "shared", message, json!("agent")));
    }
    if let Some(at) = scope.child("workspaceAccess").filter(|at| text(at) == "rw") {
        let message = "a sandbox can change the workspace, also instructions and skills in it";
        found.push(say(&at, "workspace", message, json!("ro")));
    }
    let browser = scope
        .child("browser")
        .and_then(|at| at.child("allowHostControl"));
    if let Some(at) = browser.filter(|at| *at.value == Value::Bool(true)) {
        let message = "a sandbox can steer the browser of this machine";
        found.push(say(&at, "browser", message, json!(false)));
    }
    found
}

/// What of the container weakens it.
fn of_docker(
    machine: &Machine,
    docker: &At<'_>,
    say: &impl Fn(&At<'_>, &'static str, &str, Value) -> Draft,
) -> Vec<Draft> {
    let mut found = Vec::new();
    if let Some(at) = docker.child("user") {
        let user = match at.value {
            Value::Number(number) => number.to_string(),
            _ => meant(machine, &at),
        };
        if is_root_user(&user) {
            found.push(say(
                &at,
                "root",
                "a sandbox runs as root",
                json!("1000:1000"),
            ));
        }
    }
    if let Some(at) = docker.child("capDrop") {
        let all = at
            .texts()
            .iter()
            .any(|name| name.trim().eq_ignore_ascii_case("all"));
        if !all {
            let message = "a sandbox keeps capabilities of root";
            found.push(say(&at, "capabilities", message, json!(["ALL"])));
        }
    }
    let root = docker.child("readOnlyRoot");
    if let Some(at) = root.filter(|at| *at.value == Value::Bool(false)) {
        let message = "what runs in a sandbox can change its system";
        found.push(say(&at, "writable-root", message, json!(true)));
    }
    // That of this machine, or of another container, is a hole, which has its own rule.
    let more = |network: &str| network == "host" || network.starts_with("container:");
    let network = docker.child("network");
    if let Some(at) = network.filter(|at| {
        let network = meant(machine, at);
        network != "none" && !more(&network)
    }) {
        let message = "a sandbox reaches the network";
        found.push(say(&at, "network", message, json!("none")));
    }
    found
}

fn meant(machine: &Machine, at: &At<'_>) -> String {
    at.value
        .as_str()
        .and_then(|text| machine.meant(text))
        .unwrap_or_default()
}
