//! `code-writable`: others can change what OpenClaw loads or obeys.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, Remedy, RemedyKind};
use crate::inventory::machine::files::{Seen, bounded, whole as shown};
use crate::inventory::machine::reach::{Opening, Verdict, who};
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

/// Most places of one root that are named.
const NAMED: usize = 5;
/// Where it is seen who can change a file.
const SOURCE: &str = "mode bits and access control lists of it and all folders above";

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
            .observed(Observed::new(what.clone(), why.clone(), "the folder"))
    }));
    found
}

fn judged(seen: &Seen) -> Draft {
    match &seen.verdict {
        Verdict::Others(openings) => open(seen, openings),
        Verdict::Unknown(why) => draft(format!(
            "whether others can change {} ({}) is not known: {why}",
            seen.shown, seen.what
        ))
        .code("unknown")
        .outcome(Outcome::NotEstablished)
        .level(Level::Warn)
        .observed(Observed::new(seen.shown.clone(), seen.mode.clone(), SOURCE)),
        Verdict::Nobody | Verdict::Latent => draft(String::new()).at_most(Level::Allow),
    }
}

/// What is open is what is observed, so that a further opening is another finding.
fn open(seen: &Seen, openings: &[Opening]) -> Draft {
    let (named, more) = bounded(&seen.open, NAMED);
    let itself = seen.open.iter().any(|open| open.shown == seen.shown);
    let message = if itself || named.is_empty() {
        format!(
            "{} can change {} ({})",
            who(openings),
            seen.shown,
            seen.what
        )
    } else {
        let mut names: Vec<&str> = named.iter().map(|open| open.shown.as_str()).collect();
        names.dedup();
        let names = names.join(", ");
        let rest = match seen.open.len() - named.len() {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("others can change {names}{rest} ({})", seen.what)
    };
    let mut found = named.iter().fold(draft(message), |found, open| {
        found.observed(Observed::new(
            open.shown.clone(),
            open.value.clone(),
            SOURCE,
        ))
    });
    if let Some(more) = more {
        found = found.observed(Observed::new(seen.shown.clone(), more, SOURCE));
    }
    let by = openings.first().map_or(&seen.path, |opening| &opening.by);
    if *by != seen.path {
        found = found.evidence(format!("by the folder {} above it", shown(by)));
    }
    found.remedy(Remedy::Permissions {
        path: shown(by),
        mode: "go-w".to_owned(),
        recursive: seen.below && *by == seen.path,
    })
}
