//! `policy`: writes exceptions into the policy and takes needless ones out; what changes is shown first.

use std::path::Path;

use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::Exception;
use openclaw_verify_core::policy::edit::{self, Edited};
use openclaw_verify_core::{Error, Result, operator_file, rules, text};
use serde_json::json;

use super::{start, start_without_installation};
use crate::cli::{Common, ExceptArgs, Format, PolicyAction, PolicyArgs, PruneArgs, SourceArgs};
use crate::{Exit, ask, names, operator, output, render, signed};

pub(super) fn run(common: &Common, args: &PolicyArgs) -> Result<Exit> {
    match &args.action {
        PolicyAction::Except(args) => except(common, args),
        PolicyAction::Prune(args) => prune(common, args),
        PolicyAction::Source(args) => source(common, args),
        PolicyAction::Sign => signed::sign(common).map(|()| Exit::Clean),
        PolicyAction::AcceptSerial => signed::accept(common).map(|()| Exit::Clean),
    }
}

fn except(common: &Common, args: &ExceptArgs) -> Result<Exit> {
    let start = start(common)?;
    let path = start.files.policy.clone();
    let verifier = start.builder.build()?;
    let id = names::to_write(&verifier, &args.id, args.yes)?;
    let finding = names::finding_or_advisory(&args.finding)?;
    let exception = verifier.exception(&id, finding, args.until, &args.reason)?;
    start.bar.finish();
    let today = operator::today(common);
    write(common, &path, args.yes, |old| {
        Ok(edit::except(
            &path,
            old,
            &exception,
            &rules::infos(),
            today,
        )?)
    })
}

fn prune(common: &Common, args: &PruneArgs) -> Result<Exit> {
    let start = start(common)?;
    let path = start.files.policy.clone();
    let needless = start.builder.build()?.needless_exceptions()?;
    start.bar.finish();
    if needless.is_empty() {
        output::stderr("no exception is expired or without use");
        document(common, &path, &Edited::default(), false)?;
        return Ok(Exit::Clean);
    }
    take_out(common, &path, &needless, args.yes)
}

fn source(common: &Common, args: &SourceArgs) -> Result<Exit> {
    let start = start_without_installation(common, false)?;
    let path = start.files.policy;
    start.bar.finish();
    let today = operator::today(common);
    let edit = |old: &str| {
        Ok(edit::source(
            &path,
            old,
            &args.address,
            &rules::infos(),
            today,
        )?)
    };
    if edit(&read(&path)?)?.added.is_none() {
        output::stderr(&format!("{} lists it", operator::shown(&path)));
        document(common, &path, &Edited::default(), false)?;
        return Ok(Exit::Clean);
    }
    write(common, &path, args.yes, edit)
}

/// The text of the policy; of none, an empty one.
fn read(path: &Path) -> Result<String> {
    Ok(operator_file::read(path)?.unwrap_or_else(|| "version = 1\n".to_owned()))
}

/// Takes `needless` out of the policy, after asking.
pub(super) fn take_out(
    common: &Common,
    path: &Path,
    needless: &[Exception],
    yes: bool,
) -> Result<Exit> {
    let today = operator::today(common);
    let lines: Vec<usize> = needless.iter().map(|exception| exception.line).collect();
    write(common, path, yes, |old| {
        let edited = edit::prune(path, old, &lines, &rules::infos(), today)?;
        // Another writer may have moved the lines since they were found.
        let expected = needless.iter().map(|one| one.package.to_string());
        let same = edited.removed.len() == lines.len()
            && expected
                .zip(&edited.removed)
                .all(|(package, removed)| removed.contains(&package));
        match same {
            true => Ok(edited),
            false => Err(changed(path)),
        }
    })
}

fn changed(path: &Path) -> Error {
    Error::environment(
        format!("{} changed in the meantime", operator::shown(path)),
        "run the same again",
    )
}

/// Shows what `edit` makes of the policy, asks, and writes it.
fn write(
    common: &Common,
    path: &Path,
    yes: bool,
    edit: impl Fn(&str) -> Result<Edited>,
) -> Result<Exit> {
    let shown = operator::shown(path);
    let edited = edit(&read(path)?)?;
    // The question is about this very text, so it is on the screen before it, whatever the format.
    let text = difference(&edited);
    match common.format {
        Format::Human => output::lines(&text)?,
        _ => output::stderr_text(&text),
    }
    if !yes && !ask::confirmed(&format!("change {shown} like this?"))? {
        output::stderr("nothing was written");
        document(common, path, &edited, false)?;
        return Ok(Exit::Findings);
    }
    // Two that write at the same time must not overwrite each other, so the file is read again under a lock.
    let _guard = operator::only_writer(path)?;
    let again = edit(&read(path)?)?;
    if (&again.removed, &again.added) != (&edited.removed, &edited.added) {
        return Err(changed(path));
    }
    signed::write(common, path, Purpose::Policy, &again.text)?;
    output::stderr(&format!("wrote {shown}"));
    document(common, path, &again, true)?;
    Ok(Exit::Clean)
}

fn difference(edited: &Edited) -> String {
    let lines = |mark: char, entry: &str| -> String {
        entry
            .lines()
            .map(|line| format!("{mark} {}\n", text::visible(line)))
            .collect()
    };
    let removed = edited.removed.iter().map(|entry| lines('-', entry));
    let added = edited.added.iter().map(|entry| lines('+', entry));
    removed.chain(added).collect::<Vec<_>>().join("\n")
}

/// The document `openclaw-verify.policy/1`; people have seen the entries.
fn document(common: &Common, path: &Path, edited: &Edited, written: bool) -> Result<()> {
    if common.format == Format::Human {
        return Ok(());
    }
    let value = json!({
        "schema": "openclaw-verify.policy/1",
        "file": operator::shown(path),
        "removed": edited.removed,
        "added": edited.added,
        "written": written,
    });
    output::document(&render::json(&value)?, common.format)
}
