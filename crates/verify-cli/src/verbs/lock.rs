//! `lock`: write the lock from what is installed, unless that would launder a change.

use std::path::Path;

use openclaw_verify_core::finding::{Finding, Level, RemedyKind};
use openclaw_verify_core::lock::{Change, What};
use openclaw_verify_core::policy::ImportLocation;
use openclaw_verify_core::review::ImportStore;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::tree::ManifestStore;
use openclaw_verify_core::{Error, ImportState, Relock, Result, Verifier, operator_file, text};

use super::gate::SPOOL;
use super::staged::{self, Staged};
use super::{Start, subject_ids};
use crate::cli::{Common, LockArgs};
use crate::operator::Files;
use crate::{Exit, operator, output, wording};

pub(super) fn run(common: &Common, args: &LockArgs) -> Result<Exit> {
    let start = staged::start(common, args.from.as_deref())?;
    let path = start.files.lock.clone();
    refresh_imports(&start)?;
    let verifier = start.builder.build()?;
    let ids = subject_ids(&args.ids)?;
    let relock = match &args.from {
        Some(folder) => kept(&verifier, &ids, folder)?,
        None => verifier.relock(&ids)?,
    };
    drop(start._bar);

    for id in &args.accept {
        if !relock.changes.iter().any(|change| change.id == *id) {
            return Err(Error::environment(
                format!("--accept {}: nothing of it changed", text::excerpt(id, 200)),
                "name a subject whose change is listed by openclaw-verify lock --check",
            ));
        }
    }
    tell_refused(&relock);
    if !relock.unread.is_empty() {
        relock.unread.iter().for_each(|line| output::stderr(line));
        output::stderr("nothing was written: not everything that OpenClaw loads could be read");
        output::stderr(
            "  openclaw-verify check says what to do; to lock the rest all the same: openclaw-verify lock -W not-established",
        );
        return Ok(Exit::Findings);
    }
    let unaccepted: Vec<&Change> = relock.unaccepted(&args.accept, &ids).collect();
    for change in &relock.changes {
        output::stdout(&format!("{}\n", line(change, unaccepted.contains(&change))))?;
    }
    if !unaccepted.is_empty() {
        let mut ids: Vec<&str> = unaccepted.iter().map(|change| change.id.as_str()).collect();
        ids.dedup();
        output::stderr(
            "nothing was written: something changed or is gone, and neither its version nor its record explains it",
        );
        let more = common.again(args.from.as_deref());
        for id in ids {
            // Without a network nobody looked for its origin, and accepting would forget what is known of the old one.
            let unlooked = unaccepted.iter().any(|change| {
                change.id == *id && change.what == What::Provenance && change.to.is_none()
            });
            let id = text::shell_word(id);
            if unlooked && !common.online {
                output::stderr(&format!(
                    "  its origin was not looked for; first: openclaw-verify lock --online {id}{more}"
                ));
            }
            let everyday = unaccepted
                .iter()
                .filter(|change| text::shell_word(&change.id) == id)
                .all(|change| matches!(change.what, What::Settings | What::Instructions));
            if everyday {
                output::stderr(&format!(
                    "  if it is yours and you have read it: openclaw-verify lock {id}{more}"
                ));
                continue;
            }
            let which = if args.from.is_some() {
                format!(" {id}")
            } else {
                String::new()
            };
            output::stderr(&format!(
                "  if you made the change and have read it: openclaw-verify lock{which} --accept {id}{more}"
            ));
        }
        return Ok(Exit::Findings);
    }
    let shown = operator::shown(&path);
    if args.check {
        let up_to_date = relock.changes.is_empty() && verifier.lock().is_some();
        output::stderr(&if up_to_date {
            format!("{shown} is up to date")
        } else {
            format!("{shown} would change")
        });
        return Ok(if up_to_date && relock.refused.is_empty() {
            Exit::Clean
        } else {
            Exit::Findings
        });
    }
    let written = operator_file::write_atomic(&path, &relock.lock.write())?;
    keep_manifests(&relock);
    keep_imports(&verifier, &start.files);
    // The gate has no home and no cache: beside the kept copies it finds the listing by which it can name what changed.
    if let Some(spool) = args.from.as_deref().and_then(staged::spool) {
        let _ = relock.keep_manifests(&ManifestStore::new(spool.join("manifests")));
    }
    if args.from.is_some() {
        tell_open(&relock);
    }
    let packages = relock.lock.packages().len();
    output::stderr(&format!(
        "{} {shown}: {packages} subjects",
        if written { "wrote" } else { "unchanged" }
    ));
    Ok(if relock.refused.is_empty() {
        Exit::Clean
    } else {
        Exit::Findings
    })
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
    verifier.relock_kept(id, &Staged::open(from, id)?.kept)
}

/// What the gate will still refuse of what was staged, beside the review: locking again would not clear it.
fn tell_open(relock: &Relock) {
    let open = |finding: &&Finding| {
        finding.level == Level::Deny
            && finding.suppressed.is_none()
            && finding.remedy.kind() != RemedyKind::Review
    };
    for finding in relock.report.findings.iter().filter(open) {
        output::stderr(&format!(
            "still open: {}: {}\n  next: {}",
            finding.id,
            finding.message,
            wording::next(finding)
        ));
    }
}

/// Subjects that have no digest, and why.
pub(super) fn tell_refused(relock: &Relock) {
    for refused in &relock.refused {
        output::stderr(&format!("{} cannot be locked: {}", refused.id, refused.why));
    }
}

/// Keeps the listings in the user's cache. Without them a mismatch is found all the same, it only names fewer files.
pub(super) fn keep_manifests(relock: &Relock) {
    if let Some(cache) = operator::cache_folder()
        && let Err(error) = relock.keep_manifests(&ManifestStore::new(cache.join("manifests")))
    {
        output::stderr(&format!(
            "note: the listings behind the digests were not kept: {error}"
        ));
    }
}

/// One change for people; marked when it needs their word.
pub(super) fn line(change: &Change, unaccepted: bool) -> String {
    let mark = if unaccepted { "!" } else { " " };
    let what = change.what.as_str();
    // A pin is named by its tag, and a tag may be named almost anything.
    let id = text::excerpt(&change.id, 600);
    let value = |value: &Option<String>| value.as_deref().map(|value| text::excerpt(value, 200));
    match (value(&change.from), value(&change.to)) {
        (Some(from), Some(to)) => format!("{mark} {id} {what}: {from} -> {to}"),
        (None, Some(to)) => format!("{mark} {id} {what}: {to}"),
        (Some(from), None) => format!("{mark} {id} {what}: {from} -> none"),
        (None, None) => format!("{mark} {id} {what}"),
    }
}
