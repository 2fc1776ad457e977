//! `lock --resolve`: finishes a merge of the lock that git could not finish.

use std::borrow::Cow;

use openclaw_verify_core::lock::{LockChange, Merged, merged};
use openclaw_verify_core::operator_file::{Purpose, Take};
use openclaw_verify_core::{Error, Result, git, text};

use crate::cli::{Common, Format, LockArgs, TakenSide};
use crate::render::{self, changes};
use crate::verbs::conflict::Conflict;
use crate::{Exit, commands, output, signed};

/// Shows what comes from the other side, asks, and writes the lock without the marks of the conflict. Needs no installation.
pub(super) fn run(common: &Common, args: &LockArgs) -> Result<Exit> {
    let file = Conflict::of(common, |files| files.lock, "--lockfile")?;
    let kept = git::unmerged_sides(&file.path);
    let take = args.take.map(Take::from);
    let merged = merged(&file.path, &file.text, take, kept.as_ref().ok())?;
    if !merged.unknown.is_empty() {
        let why = kept.err().map(|error| error.to_string());
        return Err(mixed(&file, &merged.unknown, &why.unwrap_or_default()));
    }
    if args.take.is_none() && !merged.differing.is_empty() {
        return Err(undecided(&merged));
    }
    let added: String = merged
        .changes
        .iter()
        .map(|change| changes::line(change, false) + "\n")
        .collect();
    // The question is about these very lines, so they are on the screen before it, whatever the format.
    match common.format {
        Format::Human => output::human(&added)?,
        _ => output::stderr_text(&added),
    }
    say_what_stays(&merged, args);
    let question = file.question(!merged.changes.is_empty());
    if !file.confirmed(args.yes, &question)? {
        document(common, &file.shown, &merged, false)?;
        return Ok(Exit::Findings);
    }
    signed::write(common, &file.path, Purpose::Lock, &merged.lock.write())?;
    let subjects = render::count(merged.lock.packages().len(), "subject");
    file.say_written(&format!(": {subjects}"))?;
    document(common, &file.shown, &merged, true)?;
    Ok(Exit::Clean)
}

/// Both values of each, and the ways to choose.
fn undecided(merged: &Merged) -> Error {
    let said: Vec<String> = merged.differing.iter().map(both).collect();
    Error::environment(
        format!("both sides locked something else of {}", said.join("; ")),
        format!(
            "choose ours: {}; or the other side's, with --take theirs; where OpenClaw is installed, openclaw-verify check then says whether it is that",
            commands::carried("openclaw-verify lock --resolve --take ours")
        ),
    )
}

/// What cannot be taken whole, and how it is locked anew.
fn mixed(file: &Conflict, ids: &[String], why: &str) -> Error {
    let shown: Vec<Cow<'_, str>> = ids.iter().map(|id| text::excerpt(id, 600).into()).collect();
    let words: Vec<Cow<'_, str>> = shown.iter().map(|id| text::shell_word(id)).collect();
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    Error::environment(
        format!(
            "both sides locked something else of {}, and which lines of it are of which side is not known: {why}",
            shown.join(", ")
        ),
        format!(
            "finish it where the merge is open; or take one side's whole file with git checkout --ours -- {}, and lock it anew where OpenClaw is installed: {}",
            text::shell_word(&name),
            commands::carried(&format!("openclaw-verify lock {}", words.join(" ")))
        ),
    )
}

/// What both sides say of one key of one entry.
fn both(change: &LockChange) -> String {
    let value = |value: &Option<String>| match value {
        Some(value) => text::excerpt(value, 200),
        None => "nothing".to_owned(),
    };
    format!(
        "{}: {}: ours {}, theirs {}",
        text::excerpt(&change.id, 600),
        change.what.as_str(),
        value(&change.from),
        value(&change.to)
    )
}

/// What is in the file and not among what comes from the other side: it may have been taken out there.
fn say_what_stays(merged: &Merged, args: &LockArgs) {
    for id in &merged.only_ours {
        output::stderr(&format!(
            "note: only ours has {}; it stays",
            text::excerpt(id, 600)
        ));
    }
    let word = match args.take {
        Some(TakenSide::Theirs) => "theirs",
        _ => "ours",
    };
    for change in &merged.differing {
        output::stderr(&format!("note: {}; {word} is taken", both(change)));
    }
}

/// The document that `lock` gives.
fn document(common: &Common, shown: &str, merged: &Merged, written: bool) -> Result<()> {
    if common.format == Format::Human {
        return Ok(());
    }
    let document = changes::document(
        &merged.changes,
        &[],
        shown,
        written,
        merged.lock.packages().len(),
    );
    output::document(&render::json(&document)?, common.format)
}
