//! `http-tools-reopened`: dangerous tools can be called over HTTP.

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "http-tools-reopened",
    group: Group::Exposure,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Tools that OpenClaw keeps from its HTTP interface are opened there again",
    help: "Take them out of the list.",
    check: Check::Whole(check),
};

/// What `POST /tools/invoke` refuses unless it is named. [S `DEFAULT_GATEWAY_HTTP_TOOL_DENY`]
const REFUSED: [&str; 21] = [
    "exec",
    "spawn",
    "shell",
    "fs_write",
    "fs_delete",
    "fs_move",
    "apply_patch",
    "terminal",
    "portal",
    "sessions_spawn",
    "sessions_send",
    "conversations_list",
    "conversations_send",
    "conversations_turn",
    "automations",
    "gateway",
    "plugins",
    "nodes",
    "computer",
    "mobile_ui",
    "openclaw",
];
const ALLOW: &str = "gateway.tools.allow";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let Some(at) = machine.at(ALLOW) else {
        return Vec::new();
    };
    let allowed = at.texts();
    let is_refused = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        // Older names, and whatever stands for more than one tool.
        let older = matches!(name.as_str(), "bash" | "apply-patch" | "cron");
        older || name.contains('*') || name.starts_with("group:") || REFUSED.contains(&&*name)
    };
    let (opened, kept): (Vec<&str>, Vec<&str>) =
        allowed.into_iter().partition(|name| is_refused(name));
    if opened.is_empty() {
        return Vec::new();
    }
    vec![
        draft(format!(
            "one request with the gateway's token runs {}",
            opened.join(", ")
        ))
        .declared(machine.declare(&at))
        .remedy(set(ALLOW, json!(kept))),
    ]
}
