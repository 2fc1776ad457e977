//! `exec-unrestricted`: the agent runs any command on the host without approval.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::access::open_channel;
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

const MODE: &str = "exec.mode";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let agents = machine.agents();
    let free: Vec<_> = agents.iter().filter(|agent| agent.runs_unasked()).collect();
    let Some(first) = free.first() else {
        return Vec::new();
    };
    let strangers = open_channel::reached(machine);
    let reached = free.iter().any(|agent| strangers.contains(&agent.id));
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
    .remedy(set(first.tools_path(MODE), "ask"));
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
    if reached {
        found = found
            .level(Level::Deny)
            .evidence("strangers can write to it through an open channel");
    }
    vec![found]
}
