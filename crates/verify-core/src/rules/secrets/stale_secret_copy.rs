//! `stale-secret-copy`: a secret was moved out of the config, and an old copy still holds it.

use crate::finding::{Declared, Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "stale-secret-copy",
    group: Group::Secrets,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "An old copy still holds a secret that was moved out of the config",
    help: "Make new ones where you can, then delete the copy.",
    check: Check::Whole(check),
};

/// Most keys of a copy that are named.
const SHOWN: usize = 20;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let copies = machine.stale_copies().iter();
    copies
        .map(|copy| {
            let found = draft(format!(
                "{} still holds what was moved elsewhere",
                copy.file
            ));
            copy.keys
                .iter()
                .take(SHOWN)
                .fold(found, |found, (path, line)| {
                    found.declared(Declared {
                        path: path.clone(),
                        value: "set in plain text".to_owned(),
                        file: copy.file.clone(),
                        line: *line,
                    })
                })
        })
        .collect()
}
