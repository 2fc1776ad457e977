//! `update`: what OpenClaw's own update changed, taken over in the lock and reviewed, each after asking.
//!
//! The review is no rubber stamp: it is recorded only after its difference was shown on this terminal and confirmed, or when a script
//! says in full who read what.

use std::io::IsTerminal as _;

use openclaw_verify_core::finding::{Finding, Level, RemedyKind};
use openclaw_verify_core::lock::LockChange;
use openclaw_verify_core::policy::Criteria;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{
    AgainstLock, Builder, Error, Relock, Result, ReviewMaterial, Scope, Since, Verifier, text,
};

use super::review::{self, Found};
use super::{lock, no_lock, start};
use crate::cli::{Common, ReviewArgs, UpdateArgs};
use crate::commands::{self, Places};
use crate::operator::Files;
use crate::render::{self, reading};
use crate::{Exit, ask, names, operator, output, pager, wording};

/// Most lines of a difference that a script is given which takes it over unread.
const MAX_LOG: usize = 10_000;

pub(super) fn run(common: &Common, args: &UpdateArgs) -> Result<Exit> {
    let start = start(common)?;
    let files = start.files.clone();
    let guard = operator::only_writer(&files.lock)?;
    let verifier = start.builder.clone().build()?;
    if verifier.lock().is_none() {
        return Err(no_lock(&files, false));
    }
    let id = names::to_write(&verifier, &args.id, args.yes)?;
    let material = verifier.review_material(&id, Since::Cheapest, false)?;
    if material.lock == Some(AgainstLock::Equal) {
        let ids = verifier.with_parts(&id)?;
        let relock = verifier.relock(&ids)?;
        start.bar.finish();
        return same_files(common, args, &verifier, &relock, &ids, &files);
    }
    if let Some(exit) = no_update(common, &material)? {
        return Ok(exit);
    }
    if let Some(shown) = args
        .shown
        .as_ref()
        .filter(|it| **it != material.content.to_string())
    {
        return Err(Error::environment(
            format!(
                "--shown {}: installed is {}",
                text::excerpt(shown, 100),
                material.content
            ),
            "read what is installed now",
        ));
    }
    let ids = verifier.with_parts(&id)?;
    let relock = verifier.relock(&ids)?;
    start.bar.finish();

    output::human(&format!("{}\n", headline(&verifier, &material)))?;
    let shown = reading::reading(&material);
    let unread = args.yes && args.shown.is_none() && !std::io::stdout().is_terminal();
    if unread && shown.lines().count() > MAX_LOG {
        let id = text::shell_word(id.as_str());
        let whole = commands::carried(&format!("openclaw-verify review {id} --diff lock"));
        output::stderr(&format!(
            "note: the difference is too long for a log; before it is taken over, this shows it: {whole}"
        ));
    } else {
        pager::show(&shown)?;
    }
    let exit = lock::update(common, &ids, &verifier, &relock, &files, args.yes)?;
    drop(guard);
    if exit != Exit::Clean {
        return Ok(exit);
    }
    if wants_review(&relock, &ids) || args.shown.is_some() {
        let subject = Found::installed(verifier, id.clone());
        record(
            common,
            args,
            &subject,
            &material,
            &files,
            start.builder.clone(),
        )?;
    }
    conclude(common, start.builder, &ids)
}

/// The files are those of the lock; what OpenClaw recorded of them may still be in other words than the lock has it.
fn same_files(
    common: &Common,
    args: &UpdateArgs,
    verifier: &Verifier,
    relock: &Relock,
    ids: &[SubjectId],
    files: &Files,
) -> Result<Exit> {
    let id = ids.first().map_or("it", |id| id.as_str());
    let changed = |change: &LockChange| ids.iter().any(|id| id.as_str() == change.id);
    if !relock.changes.iter().any(changed) {
        output::stderr(&format!("{id} is what is locked: nothing to take over"));
        return Ok(Exit::Clean);
    }
    output::stderr(&format!(
        "the files of {id} are what is locked; what is recorded of it changed"
    ));
    lock::update(common, ids, verifier, relock, files, args.yes)
}

/// What is no update is said, and nothing is done.
fn no_update(common: &Common, material: &ReviewMaterial) -> Result<Option<Exit>> {
    let id = text::shell_word(material.subject.as_str());
    let places = Places::of(common, None);
    match material.lock {
        Some(AgainstLock::Updated) => Ok(None),
        Some(AgainstLock::Changed) => {
            output::stderr(&format!(
                "{} is not what was locked, and neither its version nor OpenClaw's record explains it: that is no update",
                material.subject
            ));
            let command = places.after(&format!("openclaw-verify review {id} --diff lock"));
            output::stderr(&format!("  look at it: {command}"));
            Ok(Some(Exit::Findings))
        }
        _ => {
            let command = places.after(&format!("openclaw-verify lock {id}"));
            Err(Error::environment(
                format!(
                    "{} is not in the lock, so it is no update",
                    material.subject
                ),
                format!("read it, then lock it: {command}"),
            ))
        }
    }
}

/// `npm:@acme/notes 1.0.0 → 1.1.0, 12 files, 40 lines`.
fn headline(verifier: &Verifier, material: &ReviewMaterial) -> String {
    let id = &material.subject;
    let locked = verifier.lock().and_then(|lock| lock.package(id));
    let version = |version: Option<&str>| text::excerpt(version.unwrap_or("no version"), 60);
    let old = version(locked.and_then(|locked| locked.version.as_deref()));
    let new = version(material.version.as_deref());
    // Where the old files are gone, it is not known how many changed.
    let cost = verifier
        .review_material(id, Since::Locked, false)
        .map(|since| format!(", {}", since.cost()))
        .unwrap_or_default();
    format!("{id} {old} → {new}{cost}")
}

/// Whether policy asks for a review that is not there.
fn wants_review(relock: &Relock, ids: &[SubjectId]) -> bool {
    let open = |finding: &Finding| {
        finding.remedy.kind() == RemedyKind::Review
            && finding.suppressed.is_none()
            && finding.level >= Level::Warn
            && finding.subject.as_ref().is_some_and(|id| ids.contains(id))
    };
    relock.report.findings.iter().any(open)
}

fn record(
    common: &Common,
    args: &UpdateArgs,
    subject: &Found,
    material: &ReviewMaterial,
    files: &Files,
    builder: Builder,
) -> Result<()> {
    let seen = std::io::stdout().is_terminal() && ask::possible();
    let id = text::shell_word(material.subject.as_str());
    if material.from.is_some() && !material.from_reviewed {
        let all = commands::carried(&format!("openclaw-verify review {id} --diff none"));
        output::stderr(&format!(
            "what it was before is not reviewed, so reading the difference is not enough; to read all of it: {all}"
        ));
        return Ok(());
    }
    if args.shown.is_none() && !seen {
        output::stderr(
            "no review is recorded: it was not shown on a terminal, and --criteria, --by and --shown do not say who read what",
        );
        return Ok(());
    }
    let review = ReviewArgs {
        criteria: args
            .criteria
            .or(material.wanted)
            .or(Some(Criteria::SafeToRun)),
        by: args.by.clone(),
        notes: args.notes.clone(),
        yes: args.shown.is_some(),
        ..ReviewArgs::of(&material.subject)
    };
    review::shown_now(material);
    review::record(common, &review, subject, files, builder)?;
    Ok(())
}

/// What is still open about it.
fn conclude(common: &Common, builder: Builder, ids: &[SubjectId]) -> Result<Exit> {
    let verifier = builder.build()?;
    let kinds = verifier
        .inventory()?
        .subjects
        .iter()
        .filter(|subject| ids.contains(&subject.id))
        .map(|subject| subject.kind)
        .collect();
    let report = verifier.check(&Scope::Kinds(kinds, ids.to_vec()))?;
    let open = |finding: &&Finding| {
        finding.suppressed.is_none()
            && finding.level >= Level::from(common.fail_on)
            && finding.subject.as_ref().is_some_and(|id| ids.contains(id))
    };
    let open: Vec<&Finding> = report.findings.iter().filter(open).collect();
    for finding in &open {
        let about = finding.subject.as_ref().map_or("", |id| id.as_str());
        output::stderr(&format!(
            "still open: {} {about}: {}",
            finding.id, finding.message
        ));
        output::stderr(&format!("  next: {}", wording::next(finding)));
        if finding.remedy.kind() == RemedyKind::Review
            && let Some(except) = wording::except(finding)
        {
            let except = commands::carried(&except);
            output::stderr(&format!("  or, until it can be read: {except}"));
        }
    }
    match open.len() {
        0 => Ok(Exit::Clean),
        many => {
            output::stderr(&format!("{} to do", render::count(many, "thing")));
            Ok(Exit::Findings)
        }
    }
}
