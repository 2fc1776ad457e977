//! `verifier-writable`: OpenClaw's user can change what judges OpenClaw.

use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::inventory::machine::reach::Verdict;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "verifier-writable",
    group: Group::Secrets,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The user who runs OpenClaw can change the policy, the lock or the program that judges it",
    help: "Keep policy, lock and program where only another user can write, or demand signed ones.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(files) = whole.machine().and_then(|machine| machine.files()) else {
        return Vec::new();
    };
    let what: Vec<&str> = files
        .judges
        .iter()
        .filter_map(|seen| match &seen.verdict {
            Verdict::Others(openings) => Some(openings),
            _ => None,
        })
        .flatten()
        .map(|opening| opening.who.as_str())
        .collect();
    if what.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "{}, who runs OpenClaw, can change {}",
        files.owner.1,
        what.join(", ")
    );
    let found = files.judges.iter().fold(draft(message), |found, seen| {
        let others: String = seen
            .others
            .iter()
            .map(|who| format!(", and by {who}"))
            .collect();
        let value = format!(
            "can be changed or replaced by uid {}{others}",
            files.owner.0
        );
        found.observed(Observed::new(
            seen.shown.clone(),
            value,
            "owners and mode bits",
        ))
    });
    vec![found]
}
