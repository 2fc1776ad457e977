//! `auto-approved-devices`: nodes are paired, or may do dangerous things, without a question.

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::ranges::{Range, are_most, together};
use crate::rules::machine::{STAGES, draft, set, unknown_range};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "auto-approved-devices",
    group: Group::Exposure,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Devices and nodes are let in, or given dangerous commands, without being asked about",
    help: "Approve each device by hand.",
    check: Check::Whole(check),
};

/// What OpenClaw itself leaves off because it records, sends or writes. [S `DEFAULT_DANGEROUS_NODE_COMMANDS`]
const DANGEROUS: [&str; 10] = [
    "camera.snap",
    "camera.clip",
    "camera.ptz.control",
    "screen.record",
    "contacts.add",
    "calendar.add",
    "reminders.add",
    "sms.send",
    "sms.search",
    "health.summary",
];
const COMMANDS: &str = "gateway.nodes.commands.allow";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for key in [
        "gateway.nodes.pairing.autoApproveCidrs",
        "gateway.nodes.pairing.sshVerify.cidrs",
    ] {
        let Some(at) = machine.at(key).filter(|at| !at.texts().is_empty()) else {
            continue;
        };
        let meant = at
            .texts()
            .into_iter()
            .filter_map(|range| machine.meant(range));
        let ranges = together(meant.filter_map(|range| Range::of(&range)));
        let all = are_most(&ranges);
        let (who, level) = match all {
            true => ("every host", Level::Deny),
            false => ("hosts of these ranges", Level::Warn),
        };
        found.push(
            draft(format!(
                "nodes of {who} are paired without being asked about"
            ))
            .level(level)
            .declared(machine.declare(&at))
            .remedy(set(key, json!([]))),
        );
        found.extend(unknown_range(machine, &at, "nodes are paired from"));
    }
    if let Some(at) = machine.at(COMMANDS) {
        let allowed = at.texts();
        let dangerous = allowed
            .iter()
            .filter(|name| DANGEROUS.contains(&name.trim()));
        let names: Vec<&str> = dangerous.copied().collect();
        if !names.is_empty() {
            let kept: Vec<&str> = allowed
                .iter()
                .filter(|name| !names.contains(name))
                .copied()
                .collect();
            found.push(
                draft(format!("nodes may be asked to {}", names.join(", ")))
                    .code("commands")
                    .declared(machine.declare(&at))
                    .remedy(set(COMMANDS, json!(kept))),
            );
        }
    }
    found
}
