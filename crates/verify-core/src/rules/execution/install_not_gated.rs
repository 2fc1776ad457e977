//! `install-not-gated`: OpenClaw installs without asking a policy.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::machine::Machine;
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "install-not-gated",
    group: Group::Execution,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "OpenClaw installs plugins and skills without asking a policy first",
    help: "Let OpenClaw ask the gate before it installs.",
    check: Check::Whole(check),
};

const POLICY: &str = "security.installPolicy";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let at = |key: &str| machine.at(&format!("{POLICY}.{key}"));
    let is_on = at("enabled").is_some_and(|at| *at.value == Value::Bool(true));
    let (message, code, declared) = match (machine.at(POLICY), is_on) {
        (None, _) => (
            "plugins and skills are installed without a policy being asked".to_owned(),
            None,
            machine.absent(POLICY, "no policy"),
        ),
        (Some(_), false) => (
            "the install policy is switched off".to_owned(),
            Some("off"),
            machine.declare_or(&format!("{POLICY}.enabled"), "false"),
        ),
        (Some(_), true) => {
            let key = format!("{POLICY}.exec.command");
            let command = machine.text(&key);
            let located = command
                .as_deref()
                .and_then(|command| machine.located(command));
            let why = match located {
                None => Some("names no command by its whole path".to_owned()),
                Some(path) => unsafe_path(&path),
            };
            let Some(why) = why else {
                return of_targets(machine).into_iter().collect();
            };
            (
                format!(
                    "the command of the install policy {why}, so OpenClaw refuses every install"
                ),
                Some("command"),
                machine.declare_or(&key, "none"),
            )
        }
    };
    let mut found = draft(message).declared(declared).remedy(Remedy::Gate);
    if let Some(code) = code {
        found = found.code(code);
    }
    vec![found]
}

/// That the policy is asked about plugins or skills alone. Without a list it is asked about both. [S `isTargetEnabled`]
fn of_targets(machine: &Machine) -> Option<Draft> {
    let key = format!("{POLICY}.targets");
    let at = machine.at(&key)?;
    let asked = at.texts();
    let left: Vec<&str> = ["skill", "plugin"]
        .into_iter()
        .filter(|kind| !asked.is_empty() && !asked.contains(kind))
        .collect();
    let found = draft(format!(
        "{}s are installed without the install policy being asked",
        left.first()?
    ));
    Some(
        found
            .code("targets")
            .declared(machine.declare(&at))
            .remedy(set(key, json!(["skill", "plugin"]))),
    )
}

/// Why OpenClaw would not start a command. [S install policy path checks]
fn unsafe_path(path: &Path) -> Option<String> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Some("is not there".to_owned());
    };
    if found.is_symlink() {
        return Some("is a link".to_owned());
    }
    if !found.is_file() {
        return Some("is no file".to_owned());
    }
    if found.mode() & 0o022 != 0 {
        return Some("can be changed by others".to_owned());
    }
    let open = path.ancestors().skip(1).find(|above| {
        let above = std::fs::metadata(above);
        above.is_ok_and(|above| above.mode() & 0o022 != 0 && above.mode() & 0o1000 == 0)
    });
    open.map(|_| "lies in a folder that others can change".to_owned())
}
