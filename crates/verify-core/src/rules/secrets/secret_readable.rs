//! `secret-readable`: others can read a file with secrets.

use std::path::Path;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, Remedy, RemedyKind};
use crate::inventory::machine::files::{Open, Seen, bounded, whole as shown};
use crate::inventory::machine::reach::{Verdict, who};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "secret-readable",
    group: Group::Secrets,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "Others can read a file with secrets",
    help: "Take the right to read away from everyone else.",
    check: Check::Whole(check),
};

/// Most files of the state directory that have a finding of their own; of more there is one for all.
const TOGETHER: usize = 3;
/// Most files that have a finding of their own.
const SINGLE: usize = 40;
/// Most files that are named in one finding.
const NAMED: usize = 40;
/// Where it is seen who can read a file.
const SOURCE: &str = "mode bits and access control lists of it and all folders above";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let Some(files) = machine.files() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let open: Vec<(&Seen, String)> = files
        .readable
        .iter()
        .filter_map(|seen| match &seen.verdict {
            Verdict::Others(openings) => Some((seen, who(openings))),
            _ => None,
        })
        .collect();
    let state = &machine.places().state;
    let (of_state, elsewhere): (Vec<_>, Vec<_>) = open
        .into_iter()
        .partition(|(seen, _)| seen.path.starts_with(state));
    match of_state.as_slice() {
        many if many.len() > TOGETHER => found.push(together(state, many)),
        few => found.extend(few.iter().map(|(seen, who)| single(seen, who))),
    }
    let (few, more) = elsewhere.split_at(SINGLE.min(elsewhere.len()));
    found.extend(few.iter().map(|(seen, who)| single(seen, who)));
    if !more.is_empty() {
        let found_more =
            draft("more files with secrets can be read by others than are named here").code("more");
        found.push(beyond(found_more, more, 0));
    }
    let latent = files.readable.iter();
    let latent = latent.filter(|seen| seen.verdict == Verdict::Latent);
    found.extend(only_by_folders(&latent.collect::<Vec<_>>()));
    for seen in &files.readable {
        if let Verdict::Unknown(why) = &seen.verdict {
            found.push(
                draft(format!(
                    "whether others can read {} ({}) is not known: {why}",
                    seen.shown, seen.what
                ))
                .code("unknown")
                .outcome(Outcome::NotEstablished)
                .level(Level::Warn)
                .observed(of(seen, None)),
            );
        }
    }
    found
}

/// Files whose own mode lets others read them.
fn only_by_folders(latent: &[&Seen]) -> Option<Draft> {
    let first = latent.first()?;
    let message = match latent.len() {
        1 => format!(
            "only a folder above keeps others from reading {}",
            first.shown
        ),
        count => {
            format!("only folders above keep others from reading {count} files with secrets")
        }
    };
    let draft = draft(message).code("latent").level(Level::Note);
    let draft = latent
        .iter()
        .take(NAMED)
        .fold(draft, |draft, seen| draft.observed(of(seen, None)));
    Some(match latent.len() {
        1 => draft.remedy(Remedy::Permissions {
            path: shown(&first.path),
            mode: "600".to_owned(),
            recursive: false,
        }),
        _ => draft,
    })
}

/// One file.
fn single(seen: &Seen, who: &str) -> Draft {
    draft(format!("{who} can read {} ({})", seen.shown, seen.what))
        .observed(of(seen, Some(who)))
        .remedy(Remedy::Permissions {
            path: shown(&seen.path),
            mode: "600".to_owned(),
            recursive: false,
        })
}

/// Many files of a state directory that lets others in: one command closes all of them.
fn together(state: &Path, files: &[(&Seen, String)]) -> Draft {
    let count = files.len();
    let mut who: Vec<&str> = files.iter().map(|(_, who)| who.as_str()).collect();
    who.sort_unstable();
    who.dedup();
    let found = draft(format!(
        "{} can read {count} files with secrets in the state directory",
        who.join(", ")
    ));
    beyond(found, files, NAMED).remedy(Remedy::Permissions {
        path: shown(state),
        mode: "go-rwx".to_owned(),
        recursive: true,
    })
}

/// These files as observed. An exception is bound to what is observed, so one more file is another finding also where it is not named.
fn beyond(found: Draft, files: &[(&Seen, String)], room: usize) -> Draft {
    let open: Vec<Open> = files
        .iter()
        .map(|(seen, who)| Open {
            shown: seen.shown.clone(),
            value: value(seen, Some(who)),
        })
        .collect();
    let (named, more) = bounded(&open, room);
    let found = named.iter().fold(found, |found, open| {
        found.observed(Observed::new(
            open.shown.clone(),
            open.value.clone(),
            SOURCE,
        ))
    });
    more.into_iter().fold(found, |found, more| {
        found.observed(Observed::new(".", more, SOURCE))
    })
}

fn of(seen: &Seen, who: Option<&str>) -> Observed {
    Observed::new(seen.shown.clone(), value(seen, who), SOURCE)
}

fn value(seen: &Seen, who: Option<&str>) -> String {
    match who {
        Some(who) => format!("{}, open to {who}", seen.mode),
        None => seen.mode.clone(),
    }
}
