//! `mdns-announces-host`: OpenClaw announces itself in the local network.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, exposed_by, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "mdns-announces-host",
    group: Group::Exposure,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The machine announces OpenClaw with its host name and paths in the local network",
    help: "Switch the announcement off, or leave it at its minimum.",
    check: Check::Whole(check),
};

const MODE: &str = "discovery.mdns.mode";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    if machine.text(MODE).as_deref() != Some("full") {
        return Vec::new();
    }
    let level = match machine.is_exposed() {
        true => Level::Warn,
        false => Level::Note,
    };
    let found = draft("host name, paths and ports of OpenClaw are announced to the local network")
        .declared(machine.declare_or(MODE, "minimal"));
    vec![
        exposed_by(machine, found)
            .level(level)
            .remedy(set(MODE, "off")),
    ]
}
