//! `sandbox-off`: what the agent runs and writes, it runs and writes on the host.

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::agents::{Agent, SandboxMode};
use crate::rules::execution::exec_unrestricted;
use crate::rules::machine::{STAGES, draft, named, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "sandbox-off",
    group: Group::Execution,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The agent works on this machine itself, not in a sandbox",
    help: "Let every session run in a sandbox; it needs a container engine.",
    check: Check::Whole(check),
};

const MODE: &str = "agents.defaults.sandbox.mode";
/// Tools that change the machine they run on.
const TOOLS: [&str; 5] = ["exec", "process", "write", "edit", "apply_patch"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let agents = machine.agents();
    let mut found = Vec::new();
    for (mode, code, where_) in [
        (SandboxMode::Off, None, "on this machine itself"),
        (
            SandboxMode::NonMain,
            Some("main-on-host"),
            "on this machine itself in the main session",
        ),
    ] {
        let with: Vec<&Agent<'_>> = agents
            .iter()
            .filter(|agent| {
                agent.sandbox_mode() == mode && TOOLS.iter().any(|tool| agent.has(tool))
            })
            .collect();
        let Some(first) = with.first() else {
            continue;
        };
        let (who, works) = named(
            &with
                .iter()
                .map(|agent| agent.id.as_str())
                .collect::<Vec<_>>(),
            "works",
            "work",
        );
        let at = first.sandbox("mode");
        let path = at
            .as_ref()
            .map_or_else(|| MODE.to_owned(), |at| at.written());
        let declared = match &at {
            Some(at) => machine.declare(at),
            None => machine.absent(MODE, "off"),
        };
        let mut draft = draft(format!("{who} {works} {where_}, without a sandbox"))
            .declared(declared)
            .remedy(set(path, "all"))
            .beside(exec_unrestricted::RULE.id);
        if let Some(code) = code {
            draft = draft.code(code);
        }
        found.push(draft);
    }
    found
}
