//! `runs-as-root`: the gateway has all rights on the machine.

use crate::finding::{Declared, Draft, Level, Observed, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "runs-as-root",
    group: Group::Platform,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The gateway runs as root, and so does what the agent runs",
    help: "Let it run as a user of its own; the printed unit names one.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if machine
        .gateways()
        .iter()
        .any(|gateway| gateway.uid == Some(0))
    {
        let seen = draft("the gateway runs as root").observed(Observed::new(
            "the running gateway",
            "uid 0",
            "the kernel's table of processes",
        ));
        found.push(match machine.in_container() {
            true => seen
                .code("container")
                .level(Level::Warn)
                .evidence("this is the inside of a container, where root has less"),
            false => seen,
        });
    }
    for service in machine
        .services()
        .iter()
        .filter(|service| service.of_system)
    {
        let user = service.user.as_deref().unwrap_or("root");
        if matches!(user, "root" | "0") {
            found.push(
                draft(format!("{} starts the gateway as root", service.shown))
                    .code("unit")
                    .declared(Declared {
                        path: "User".to_owned(),
                        value: service
                            .user
                            .clone()
                            .unwrap_or_else(|| "not set (root)".to_owned()),
                        file: service.shown.clone(),
                        line: None,
                    }),
            );
        }
    }
    found
}
