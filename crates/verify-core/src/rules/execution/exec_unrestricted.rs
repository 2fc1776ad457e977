//! `exec-unrestricted`: the agent runs any command on the host without approval.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::machine::agents::Agent;
use crate::inventory::machine::channels::OpenDoor;
use crate::rules::machine::{STAGES, draft, named, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "exec-unrestricted",
    group: Group::Execution,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The agent runs any command on this machine without a question",
    help: "Let the agent ask before it runs what is not on a list.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let agents = machine.agents();
    let free: Vec<_> = agents.iter().filter(|agent| agent.runs_unasked()).collect();
    let Some(first) = free.first() else {
        return Vec::new();
    };
    let doors = machine.open_doors();
    let is_free = |id: &str| free.iter().any(|agent| agent.id == id);
    let leads = |door: &&OpenDoor<'_>| {
        let reached = machine.reached_by(&door.channel);
        reached.iter().any(|agent| is_free(&agent.id))
    };
    let open: Vec<&OpenDoor<'_>> = doors.iter().filter(leads).collect();
    let (who, runs) = named(
        &free
            .iter()
            .map(|agent| agent.id.as_str())
            .collect::<Vec<_>>(),
        "runs",
        "run",
    );
    let mut found = draft(format!(
        "{who} {runs} any command on this machine without approval"
    ))
    .remedy(let_ask(&free));
    let mut keys: Vec<_> = free.iter().flat_map(|agent| agent.exec_keys()).collect();
    keys.sort_by(|a, b| a.path.cmp(&b.path));
    keys.dedup_by(|a, b| a.path == b.path);
    found = match keys.is_empty() {
        true => found
            .code("default")
            .declared(machine.absent("tools.exec.mode", "full, without a question")),
        false => keys.iter().fold(found.code("configured"), |found, at| {
            found.declared(machine.declare(at))
        }),
    };
    if let Some(at) = first.tools("profile") {
        found = found.declared(machine.declare(&at));
    }
    if !open.is_empty() {
        // What decides the level belongs to what is accepted.
        found = open
            .iter()
            .fold(found, |found, door| {
                found.declared(machine.declare(&door.at))
            })
            .level(Level::Deny)
            .evidence("strangers can write to it through an open channel");
    }
    vec![found]
}

/// Each place that lets one of them run anything asks then: all in one command, as the finding stays while one of them does not.
fn let_ask(agents: &[&Agent<'_>]) -> Remedy {
    let keys: BTreeMap<String, &str> = agents.iter().map(|agent| agent.asking()).collect();
    let mut each = keys.iter();
    if let (Some((path, value)), None) = (each.next(), each.next()) {
        return set(path.clone(), *value);
    }
    let all: Vec<Value> = keys
        .iter()
        .map(|(path, value)| json!({ "path": path, "value": value }))
        .collect();
    let all = Value::Array(all).to_string();
    Remedy::OpenClaw {
        arguments: ["config", "set", "--batch-json", &all]
            .map(str::to_owned)
            .to_vec(),
    }
}
