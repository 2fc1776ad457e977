//! `policy`: changes the policy; what changes is shown first.

mod resolve;

use std::path::Path;

use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::edit::{self, Edited};
use openclaw_verify_core::policy::keys::Change;
use openclaw_verify_core::policy::{Exception, MAX_MALICIOUS_DAYS};
use openclaw_verify_core::{Error, OperatorError, Result, Verifier, operator_file, rules, text};
use serde_json::json;

use super::{start, start_without_installation};
use crate::cli::{
    Common, ExceptArgs, Format, PolicyAction, PolicyArgs, PruneArgs, RenewArgs, SourceArgs,
};
use crate::{Exit, ask, commands, names, operator, output, render, signed};

pub(super) fn run(common: &Common, args: &PolicyArgs) -> Result<Exit> {
    match &args.action {
        PolicyAction::Except(args) => except(common, args),
        PolicyAction::Prune(args) => prune(common, args),
        PolicyAction::Renew(args) => renew(common, args),
        PolicyAction::Set(args) => change(common, args.yes, |it| it.set(&args.keys)),
        PolicyAction::Unset(args) => change(common, args.yes, |it| it.unset(&args.keys)),
        PolicyAction::Add(args) => change(common, args.yes, |it| it.add(&args.kind, &args.keys)),
        PolicyAction::Remove(args) => {
            change(common, args.yes, |it| it.remove(&args.kind, &args.keys))
        }
        PolicyAction::Source(args) => source(common, args),
        PolicyAction::Resolve(args) => resolve::run(common, args),
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

fn renew(common: &Common, args: &RenewArgs) -> Result<Exit> {
    let start = start(common)?;
    let path = start.files.policy.clone();
    let verifier = start.builder.build()?;
    verifier.may_end_on(args.until)?;
    let ending = match args.ids.is_empty() {
        true => verifier.ending_exceptions()?,
        false => exceptions_of(&verifier, args)?,
    };
    start.bar.finish();
    let today = operator::today(common);
    let earlier = ending.into_iter().filter(|one| one.until < args.until);
    let (chosen, short): (Vec<_>, Vec<_>) =
        earlier.partition(|one| one.may_end_on(args.until, today));
    for one in &short {
        let advisory = one.advisory.as_deref().unwrap_or_default();
        output::stderr(&format!(
            "left out: {} {advisory} may end at most {MAX_MALICIOUS_DAYS} days ahead",
            one.package
        ));
    }
    if chosen.is_empty() {
        output::stderr(&match args.ids.is_empty() {
            true => format!(
                "no exception is to be renewed: none ends soon; one that ends later is renewed by name: {}",
                commands::carried(&format!(
                    "openclaw-verify policy renew ID --until {}",
                    args.until
                ))
            ),
            false => format!(
                "no exception is to be renewed: none of these that may be ends before {}",
                args.until
            ),
        });
        document(common, &path, &Edited::default(), false)?;
        return Ok(Exit::Clean);
    }
    write(common, &path, args.yes, |old| {
        Ok(edit::renew(
            &path,
            old,
            &chosen,
            args.until,
            &rules::infos(),
            today,
        )?)
    })
}

/// All exceptions of the subjects that are named.
fn exceptions_of(verifier: &Verifier, args: &RenewArgs) -> Result<Vec<Exception>> {
    let all = verifier.policy().exceptions();
    let mut found = Vec::new();
    for text in &args.ids {
        // What is no longer installed can have an exception too.
        let id = match all.iter().find(|one| one.package.as_str() == text) {
            Some(one) => one.package.clone(),
            None => names::to_write(verifier, text, args.yes)?,
        };
        let own: Vec<_> = all.iter().filter(|one| one.package == id).collect();
        if own.is_empty() {
            return Err(Error::environment(
                format!("the policy has no exception for {id}"),
                "policy except writes one",
            ));
        }
        found.extend(
            own.into_iter()
                .filter(|one| !found.contains(*one))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    Ok(found)
}

/// Changes keys or entries, without a look at the installation.
fn change(
    common: &Common,
    yes: bool,
    how: impl Fn(&Change<'_>) -> std::result::Result<Edited, Box<OperatorError>>,
) -> Result<Exit> {
    let start = start_without_installation(common, false)?;
    let path = start.files.policy;
    start.bar.finish();
    let today = operator::today(common);
    let edit = |text: &str| {
        Ok(how(&Change {
            path: &path,
            text,
            catalogue: &rules::infos(),
            today,
        })?)
    };
    let edited = edit(&read(&path)?)?;
    if edited.added.is_none() && edited.removed.is_empty() {
        output::stderr(&format!("{} says so already", operator::shown(&path)));
        document(common, &path, &edited, false)?;
        return Ok(Exit::Clean);
    }
    write(common, &path, yes, edit)
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
