//! `files-unconfined`: the agent's file tools reach beyond its workspace.

use serde_json::Value;

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::agents::{Agent, SandboxMode};
use crate::rules::machine::{STAGES, draft, named, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "files-unconfined",
    group: Group::Execution,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The agent reads and writes files outside its workspace",
    help: "Keep the file tools in the workspace.",
    check: Check::Whole(check),
};

const TOOLS: [&str; 4] = ["read", "write", "edit", "ls"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let agents = machine.agents();
    let mut found = Vec::new();
    // Who runs any command reaches every file anyway, which is said with its own words.
    let free: Vec<&Agent<'_>> = agents
        .iter()
        .filter(|agent| {
            agent.sandbox_mode() != SandboxMode::All
                && !agent.runs_unasked()
                && TOOLS.iter().any(|tool| agent.has(tool))
                && agent
                    .tools("fs.workspaceOnly")
                    .is_none_or(|at| *at.value != Value::Bool(true))
        })
        .collect();
    if let Some(first) = free.first() {
        let (who, reach) = named(
            &free
                .iter()
                .map(|agent| agent.id.as_str())
                .collect::<Vec<_>>(),
            "reaches",
            "reach",
        );
        let at = first.tools("fs.workspaceOnly");
        let declared = match &at {
            Some(at) => machine.declare(at),
            None => machine.absent("tools.fs.workspaceOnly", "false"),
        };
        found.push(
            draft(format!("{who} {reach} files outside the workspace"))
                .declared(declared)
                .remedy(set(first.tools_path("fs.workspaceOnly"), true)),
        );
    }
    for agent in &agents {
        let at = agent
            .tools("exec.applyPatch.workspaceOnly")
            .filter(|at| *at.value == Value::Bool(false));
        let Some(at) = at.filter(|_| agent.has("apply_patch")) else {
            continue;
        };
        let draft = draft("patches may change files outside the workspace")
            .code("patches")
            .level(Level::Warn)
            .declared(machine.declare(&at))
            .remedy(set(at.written(), true));
        if !found.contains(&draft) {
            found.push(draft);
        }
    }
    found
}
