//! `not-confined`: no profile of the kernel's access control holds the gateway.

use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-confined",
    group: Group::Platform,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "AppArmor or SELinux is there, and does not hold the gateway",
    help: "Load the printed AppArmor profile, and start the gateway under it.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let labels = machine
        .gateways()
        .iter()
        .filter_map(|gateway| gateway.confined.as_deref());
    labels
        .filter_map(|label| {
            let (message, code) = if label == "unconfined" || label.contains(":unconfined_") {
                ("nothing confines the gateway", None)
            } else if label.ends_with("(complain)") || label.ends_with("(permissive)") {
                (
                    "a profile watches the gateway and forbids nothing",
                    Some("complain"),
                )
            } else {
                return None;
            };
            let found = draft(message).observed(Observed::new(
                "the running gateway",
                label,
                "the kernel's label of the process",
            ));
            Some(match code {
                Some(code) => found.code(code),
                None => found,
            })
        })
        .collect()
}
