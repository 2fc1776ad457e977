//! `secret-in-service`: a unit holds secrets.

use crate::finding::{Declared, Draft, Level, Observed, RemedyKind};
use crate::rules::machine::{STAGES, draft, unread, write_unit};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "secret-in-service",
    group: Group::Secrets,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "A unit of the service manager holds secrets",
    help: "Write the unit anew, which moves them into a file of their own; then make new ones.",
    check: Check::Whole(check),
};

/// Most variables that are named.
const SHOWN: usize = 20;
/// Where it is seen who can read a unit.
const SOURCE: &str = "mode bits and access control lists of it and all folders above";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let with = machine
        .services()
        .iter()
        .filter(|service| !service.secrets.is_empty());
    with.map(|service| {
        let names: Vec<&str> = service
            .secrets
            .iter()
            .take(SHOWN)
            .map(|(name, ..)| name.as_str())
            .collect();
        let (who, level) = match service.readable {
            Some(false) => ("", Level::Warn),
            Some(true) => (", and others can read it", Level::Deny),
            None => (", and whether others can read it is not known", Level::Deny),
        };
        let found =
            draft(format!("{} holds {}{who}", service.shown, names.join(", "))).level(level);
        // Who reads it decides the level, and so belongs to what is accepted.
        let found = match who.strip_prefix(", and ") {
            Some(who) => found.observed(Observed::new(service.shown.clone(), who, SOURCE)),
            None => found,
        };
        let found = service
            .secrets
            .iter()
            .take(SHOWN)
            .fold(found, |found, (name, file, line)| {
                found.declared(Declared {
                    path: format!("Environment {name}"),
                    value: "set in plain text".to_owned(),
                    file: file.clone(),
                    line: Some(*line),
                })
            });
        found.remedy(write_unit())
    })
    .chain(unread(machine, "start this OpenClaw, and hold secrets"))
    .collect()
}
