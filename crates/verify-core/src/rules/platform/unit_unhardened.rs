//! `unit-unhardened`: the service manager could confine the gateway, and does not.

use crate::finding::{Declared, Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, unread};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unit-unhardened",
    group: Group::Platform,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The unit that starts the gateway confines it less than it could",
    help: "Put the hardening drop-in beside the unit; in a unit of a user most of it needs PrivateUsers=yes.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let open = machine
        .services()
        .iter()
        .filter(|service| !service.is_plist && !service.missing.is_empty());
    open.map(|service| {
        let missing = service.missing.join(", ");
        draft(format!(
            "{} says nothing that holds of {missing}",
            service.shown
        ))
        .declared(Declared {
            path: "[Service]".to_owned(),
            value: format!("without {missing}"),
            file: service.shown.clone(),
            line: None,
        })
    })
    .chain(unread(machine, "start this OpenClaw, and are hardened"))
    .collect()
}
