//! `wrong-owner`: what OpenClaw trusts belongs to someone else.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, Remedy, RemedyKind};
use crate::inventory::machine::files::whole as shown;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "wrong-owner",
    group: Group::Secrets,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "A file that OpenClaw trusts, or a folder above it, belongs to neither its user nor root",
    help: "Find out who put it there, then give it to the user who runs OpenClaw.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(files) = whole.machine().and_then(|machine| machine.files()) else {
        return Vec::new();
    };
    let (owner, name) = &files.owner;
    files
        .foreign
        .iter()
        .map(|foreign| {
            let (uid, user) = &foreign.user;
            let seen = Observed::new(foreign.shown.clone(), format!("owner {uid}"), "its owner");
            let found = draft(format!(
                "{} belongs to {user}, who is neither {name} nor root",
                foreign.shown
            ))
            .observed(seen)
            .remedy(Remedy::Owner {
                path: shown(&foreign.path),
                user: *owner,
            });
            if foreign.mapped {
                found
            } else {
                found
                    .code("unmapped")
                    .outcome(Outcome::NotEstablished)
                    .level(Level::Warn)
                    .evidence("numbers of users are mapped here, so this may be any of them")
            }
        })
        .collect()
}
