//! `code-writable`: others can change what OpenClaw loads or obeys.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, Remedy, RemedyKind};
use crate::inventory::machine::files::{Seen, octal, whole as shown};
use crate::inventory::machine::reach::Verdict;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "code-writable",
    group: Group::Secrets,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "Others can change what OpenClaw loads, obeys or starts",
    help: "Take the right to write away from everyone else, then check what is there.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(files) = whole.machine().and_then(|machine| machine.files()) else {
        return Vec::new();
    };
    let mut found: Vec<Draft> = files.writable.iter().map(judged).collect();
    found.extend(files.cut.iter().map(|(what, why)| {
        draft(format!("not all of {what} was looked at: {why}"))
            .code("cut")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .observed(Observed::new(what.clone(), why.clone(), "mode bits"))
    }));
    found
}

fn judged(seen: &Seen) -> Draft {
    let value = format!("mode {}", octal(seen.mode));
    let observed = Observed::new(
        seen.shown.clone(),
        value,
        "mode bits of it and all folders above",
    );
    match &seen.verdict {
        Verdict::Others { who, by } => {
            let message = match seen.named.as_slice() {
                [] => format!("{who} can change {} ({})", seen.shown, seen.what),
                named => format!("others can change {} ({})", named.join(", "), seen.what),
            };
            let mut draft = draft(message).observed(observed);
            if *by != seen.path {
                draft = draft.evidence(format!("by the folder {} above it", shown(by)));
            }
            draft.remedy(Remedy::Permissions {
                path: shown(by),
                mode: "go-w".to_owned(),
                recursive: seen.below && *by == seen.path,
            })
        }
        Verdict::Unknown(why) => draft(format!(
            "whether others can change {} ({}) is not known: {why}",
            seen.shown, seen.what
        ))
        .code("unknown")
        .outcome(Outcome::NotEstablished)
        .level(Level::Warn)
        .observed(observed),
        Verdict::Nobody | Verdict::Latent => draft(String::new()).at_most(Level::Allow),
    }
}
