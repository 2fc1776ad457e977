//! `lock`: write the lock from what is installed, unless that would launder a change.

mod resolve;

use std::path::Path;

use openclaw_verify_core::finding::{Finding, Level, RemedyKind};
use openclaw_verify_core::lock::{LockChange, LockChangeKind};
use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::ImportLocation;
use openclaw_verify_core::review::{ContentStore, ImportStore, MAX_STORE};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::tree::ManifestStore;
use openclaw_verify_core::{Error, ImportState, Relock, Result, Verifier, text};

use super::Start;
use super::gate::SPOOL;
use super::staged::{self, Staged};
use crate::cli::{Common, Format, LockArgs};
use crate::commands::Places;
use crate::operator::Files;
use crate::render::changes;
use crate::{Exit, ask, names, operator, output, render, signed, wording};

pub(super) fn run(common: &Common, args: &LockArgs) -> Result<Exit> {
    if args.resolve {
        return resolve::run(common, args);
    }
    let start = staged::start(common, args.from.as_deref())?;
    let path = start.files.lock.clone();
    refresh_imports(&start)?;
    let _guard = if args.check {
        None
    } else {
        operator::only_writer(&path)?
    };
    let verifier = start.builder.build()?;
    // What is accepted by name is taken over alone: the word for one subject is none for what else is new.
    let named = match args.ids.is_empty() && args.from.is_none() {
        true => &args.accept,
        false => &args.ids,
    };
    let ids = match &args.from {
        Some(_) => names::in_full_installed(&verifier, named)?,
        None => names::in_full_known(&verifier, named)?,
    };
    let relock = match &args.from {
        Some(folder) => kept(&verifier, &ids, folder)?,
        None => verifier.relock(&ids)?,
    };
    start.bar.finish();

    for id in &args.accept {
        if !relock.changes.iter().any(|change| change.id == *id) {
            let changed = relock.changes.iter().map(|change| change.id.as_str());
            let help = names::did_you_mean(id, changed).unwrap_or_else(|| {
                "name a subject whose change is listed by openclaw-verify lock --check".to_owned()
            });
            let what = format!("--accept {}: nothing of it changed", text::excerpt(id, 200));
            return Err(Error::environment(what, help));
        }
    }
    let (exit, written) = conclude(common, args, &ids, &verifier, &relock, &start.files)?;
    if common.format != Format::Human {
        let shown = operator::shown(&path);
        let unaccepted: Vec<&LockChange> = relock.unaccepted(&args.accept, &ids).collect();
        let document = changes::json(&relock, &unaccepted, &shown, written);
        output::document(&render::json(&document)?, common.format)?;
    }
    Ok(exit)
}

/// Tells what changed, and writes the lock unless that would launder a change; also whether it was written.
fn conclude(
    common: &Common,
    args: &LockArgs,
    ids: &[SubjectId],
    verifier: &Verifier,
    relock: &Relock,
    files: &Files,
) -> Result<(Exit, bool)> {
    let shown = operator::shown(&files.lock);
    let complete = if relock.refused.is_empty() {
        Exit::Clean
    } else {
        Exit::Findings
    };
    tell_refused(relock);
    if !relock.unread.is_empty() {
        relock.unread.iter().for_each(|line| output::stderr(line));
        output::stderr("nothing was written: not everything that OpenClaw loads could be read");
        output::stderr(
            "  openclaw-verify check says what to do; to lock the rest anyway: openclaw-verify lock -W not-established",
        );
        return Ok((Exit::Findings, false));
    }
    let unaccepted: Vec<&LockChange> = relock.unaccepted(&args.accept, ids).collect();
    if common.format == Format::Human {
        let lines: String = relock
            .changes
            .iter()
            .map(|change| changes::line(change, unaccepted.contains(&change)) + "\n")
            .collect();
        output::human(&lines)?;
    }
    if !unaccepted.is_empty() {
        tell_unaccepted(common, args, &unaccepted);
        return Ok((Exit::Findings, false));
    }
    if args.check {
        if relock.changes.is_empty() && verifier.lock().is_some() {
            output::stderr(&format!("{shown} is up to date"));
            return Ok((complete, false));
        }
        output::stderr(&format!("{shown} would change"));
        return Ok((Exit::Findings, false));
    }
    // The gate has no home and no cache: beside the kept copies it finds the listing by which it can name what changed.
    if let Some(spool) = args.from.as_deref().and_then(staged::spool) {
        let _ = relock.keep_manifests(&ManifestStore::new(spool.join("manifests")));
    }
    if args.from.is_some() {
        tell_open(relock);
    }
    let written = write(common, relock, verifier, files)?;
    Ok((complete, written))
}

/// Takes over what OpenClaw updated, after asking. Whatever needs more than that stops it.
pub(super) fn update(
    common: &Common,
    ids: &[SubjectId],
    verifier: &Verifier,
    relock: &Relock,
    files: &Files,
    yes: bool,
) -> Result<Exit> {
    let args = LockArgs::of(ids);
    let unaccepted: Vec<&LockChange> = relock.unaccepted(&[], ids).collect();
    let ready = unaccepted.is_empty() && relock.unread.is_empty() && relock.refused.is_empty();
    if ready {
        let shown = operator::shown(&files.lock);
        let lines: String = relock
            .changes
            .iter()
            .map(|change| changes::line(change, false) + "\n")
            .collect();
        output::human(&lines)?;
        if !yes && !ask::confirmed(&format!("take this over in {shown}?"))? {
            output::stderr("nothing was written");
            return Ok(Exit::Findings);
        }
        write(common, relock, verifier, files)?;
        return Ok(Exit::Clean);
    }
    let (exit, _) = conclude(common, &args, ids, verifier, relock, files)?;
    Ok(match exit {
        Exit::Clean => Exit::Findings,
        other => other,
    })
}

/// Writes the lock, and keeps what later runs want to know of it.
fn write(common: &Common, relock: &Relock, verifier: &Verifier, files: &Files) -> Result<bool> {
    let text = relock.lock.write();
    let written = signed::write(common, &files.lock, Purpose::Lock, &text)?;
    keep(relock);
    keep_imports(verifier, files);
    output::stderr(&format!(
        "{} {}: {}",
        if written { "wrote" } else { "unchanged" },
        operator::shown(&files.lock),
        render::count(relock.lock.packages().len(), "subject")
    ));
    Ok(written)
}

/// Why nothing was written, and the command for each subject that lets its change in.
fn tell_unaccepted(common: &Common, args: &LockArgs, unaccepted: &[&LockChange]) {
    let mut ids: Vec<&str> = unaccepted.iter().map(|change| change.id.as_str()).collect();
    ids.dedup();
    output::stderr(&format!("nothing was written: {}", unexplained(unaccepted)));
    let places = Places::of(common, args.from.as_deref());
    for id in ids {
        // Without a network its origin was not looked for, and accepting would forget what is known of the old one.
        let unlooked = unaccepted.iter().any(|change| {
            change.id == *id && change.what == LockChangeKind::Provenance && change.to.is_none()
        });
        let id = text::shell_word(id);
        if unlooked && !common.online {
            let command = places.after(&format!("openclaw-verify lock --online {id}"));
            output::stderr(&format!(
                "  its origin was not looked for; first: {command}"
            ));
        }
        let everyday = unaccepted
            .iter()
            .filter(|change| text::shell_word(&change.id) == id)
            .all(|change| {
                matches!(
                    change.what,
                    LockChangeKind::Settings | LockChangeKind::Instructions
                )
            });
        if everyday {
            let command = places.after(&format!("openclaw-verify lock {id}"));
            output::stderr(&format!("  if it is yours and you have read it: {command}"));
            continue;
        }
        let which = if args.from.is_some() {
            format!(" {id}")
        } else {
            String::new()
        };
        let command = places.after(&format!("openclaw-verify lock{which} --accept {id}"));
        output::stderr(&format!(
            "  if you made the change and have read it: {command}"
        ));
    }
}

/// Why changes need a word: what is installed can be explained by its version or record, and what a file says by nothing.
fn unexplained(unaccepted: &[&LockChange]) -> &'static str {
    let everyday = |change: &&LockChange| {
        matches!(
            change.what,
            LockChangeKind::Settings | LockChangeKind::Instructions
        )
    };
    let written = |change: &&LockChange| {
        let scheme = change.id.split(':').next().unwrap_or_default();
        ["config", "cron", "agent", "service", "mcp"].contains(&scheme)
    };
    if unaccepted.iter().all(everyday) {
        "settings or instructions changed, and only their owner knows whether they should; they are taken over by name"
    } else if unaccepted.iter().all(written) {
        "what is written in a config, a job, an agent or a unit changed or is gone, and only its owner knows whether it should"
    } else {
        "something changed or is gone, and neither its version nor its record explains it"
    }
}

/// Fetches what policy imports by address, where the network was allowed. What changed there stops the lock.
fn refresh_imports(start: &Start) -> Result<()> {
    for import in start.builder.refresh_imports()? {
        let named = format!(
            "the imported reviews `{}` from {}",
            import.name, import.address
        );
        match import.state {
            ImportState::Fetched => output::stderr(&format!("fetched {named}")),
            ImportState::Unreachable(why) => {
                output::stderr(&format!(
                    "note: could not refresh {named}: {why}; those that policy pins stay in force"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Keeps imported reviews beside the policy too: the gate has no home, and so no cache.
fn keep_imports(verifier: &Verifier, files: &Files) {
    let Some(cache) = operator::cache_folder().map(|cache| ImportStore::new(cache.join("imports")))
    else {
        return;
    };
    let beside = ImportStore::new(files.policy.with_file_name(SPOOL).join("imports"));
    let fetched = verifier
        .policy()
        .imports
        .iter()
        .filter(|import| matches!(import.location, ImportLocation::Url(_)));
    for text in fetched.filter_map(|import| cache.get(&import.digest)) {
        if let Err(error) = beside.put(&text) {
            output::stderr(&format!(
                "note: the gate will lack the imported reviews: {error}"
            ));
        }
    }
}

/// A lock of what the gate kept, or of an archive that will be installed.
fn kept(verifier: &Verifier, ids: &[SubjectId], from: &Path) -> Result<Relock> {
    let [id] = ids else {
        return Err(Error::environment(
            "--from locks exactly one ID",
            "name the one that the gate refused",
        ));
    };
    verifier.relock_copy(id, &Staged::open(from, id)?.kept)
}

/// What the gate will still refuse of what was staged, beside the review: locking again would not clear it.
fn tell_open(relock: &Relock) {
    let open = |finding: &&Finding| {
        finding.level == Level::Deny
            && finding.suppressed.is_none()
            && finding.remedy.kind() != RemedyKind::Review
    };
    for finding in relock.report.findings.iter().filter(open) {
        output::stderr(&format!("still open: {}: {}", finding.id, finding.message));
        output::stderr(&format!("  next: {}", wording::next(finding)));
    }
}

/// Subjects that have no digest, and why.
pub(super) fn tell_refused(relock: &Relock) {
    for refused in &relock.refused {
        output::stderr(&format!("{} cannot be locked: {}", refused.id, refused.why));
    }
}

/// Keeps listings and files in the user's cache. Without them a mismatch is still found, it only names fewer files, and what changed
/// since the lock cannot be shown.
pub(super) fn keep(relock: &Relock) {
    let Some(cache) = operator::cache_folder() else {
        return;
    };
    if let Err(error) = relock.keep_manifests(&ManifestStore::new(cache.join("manifests"))) {
        output::stderr(&format!(
            "note: the listings behind the digests were not kept: {error}"
        ));
    }
    let contents = ContentStore::new(cache.join("contents"));
    let kept = relock.keep_contents(&contents);
    if let Err(error) = kept.and_then(|()| contents.prune(MAX_STORE)) {
        output::stderr(&format!(
            "note: the locked files were not kept, so a later difference shows less: {error}"
        ));
    }
}
