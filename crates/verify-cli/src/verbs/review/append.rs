//! Appends an entry to the reviews file: shows the very text, asks, writes.

use std::path::Path;
use std::process::Command;

use jiff::ToSpan as _;
use openclaw_verify_core::digest::TreeDigest;
use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::review::{
    Addition, Agent, Content, Criteria, Review, Trust, Versions, Violated, Violation, append,
};
use openclaw_verify_core::{Error, Result, ReviewMaterial, SubjectId, operator_file, text};
use serde_json::json;

use super::{Found, keep, shown};
use crate::cli::{Common, Format, ReviewArgs};
use crate::commands::Places;
use crate::operator::Files;
use crate::{Exit, ask, operator, output, render, signed};

/// `--record`: of what was shown, or of all that is installed when nothing was.
pub(super) fn review(
    common: &Common,
    args: &ReviewArgs,
    subject: &Found,
    files: &Files,
) -> Result<Exit> {
    let id = &subject.id;
    let Some(criteria) = args.criteria else {
        return Err(Error::environment(
            "--record needs --criteria",
            "say safe-to-load or safe-to-run",
        ));
    };
    let reading = subject.whole(args.dependencies)?;
    let shown = shown::last(id);
    let places = Places::of(common, args.from.as_deref());
    let command = format!(
        "openclaw-verify review {} --diff",
        text::shell_word(id.as_str())
    );
    let again = format!("look at it: {}", places.after(&command));
    refuse_changed(args, id, &reading, shown.as_ref(), again)?;
    if let Some(wanted) = reading.wanted.filter(|wanted| *wanted > criteria) {
        output::stderr(&format!(
            "note: policy asks for {wanted} of it, so with {criteria} it stays unreviewed"
        ));
    }
    let from = shown
        .as_ref()
        .and_then(|shown| shown.from.as_ref())
        .and_then(|from| from.parse::<TreeDigest>().ok());
    let version = match (
        shown
            .as_ref()
            .and_then(|shown| shown.since.clone())
            .filter(|_| from.is_some()),
        &reading.version,
    ) {
        (Some(since), Some(version)) => Some(format!("{since} -> {version}")),
        (_, version) => version.clone(),
    };
    let review = Review {
        package: id.clone(),
        version,
        from: from.map(Content::Tree),
        content: reading.content,
        dependencies: reading.dependencies,
        criteria,
        by: by(args, &files.reviews)?,
        agent: args.agent.as_ref().map(|model| Agent {
            model: model.clone(),
            guided: args.guided,
        }),
        date: operator::today(common),
        until: args.until,
        notes: notes(
            args,
            shown
                .as_ref()
                .filter(|_| args.dependencies)
                .and_then(|shown| shown.dependencies_from.as_deref()),
        ),
        line: 0,
    };
    let exit = write(common, args, files, &Addition::Review(review))?;
    if exit == Exit::Clean {
        keep(&reading);
        shown::forget(id);
    }
    Ok(exit)
}

/// Refuses to record what is not what was shown.
fn refuse_changed(
    args: &ReviewArgs,
    id: &SubjectId,
    reading: &ReviewMaterial,
    shown: Option<&shown::Shown>,
    again: String,
) -> Result<()> {
    match shown {
        None => output::stderr(
            "note: it was not shown here, so this says that all of it was read elsewhere",
        ),
        Some(shown) if shown.content != reading.content.to_string() => {
            return Err(Error::environment(
                format!("{id} changed since it was shown, so nothing is recorded"),
                again,
            ));
        }
        Some(shown)
            if args.dependencies
                && shown.dependencies != reading.dependencies.map(|digest| digest.to_string()) =>
        {
            let what = format!(
                "the dependencies of {id} that are installed were not shown, so nothing is recorded"
            );
            return Err(Error::environment(what, format!("{again} --dependencies")));
        }
        Some(_) => {}
    }
    Ok(())
}

/// What the reader says. A review names its dependencies as a whole, so it also says when only a difference of them was read.
fn notes(args: &ReviewArgs, dependencies_from: Option<&str>) -> Option<String> {
    let read =
        dependencies_from.map(|from| format!("dependencies read as a difference from {from}"));
    let parts: Vec<String> = args.notes.iter().cloned().chain(read).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `--trust`: in a publisher, for one subject and at most a year.
pub(super) fn trust(
    common: &Common,
    args: &ReviewArgs,
    subject: &Found,
    files: &Files,
    publisher: &str,
) -> Result<Exit> {
    let id = &subject.id;
    let start = operator::today(common);
    let until = match args.until {
        Some(until) => until,
        None => start.checked_add(1.year()).map_err(|error| {
            Error::environment(
                format!("no day a year after {start}: {error}"),
                "correct the clock",
            )
        })?,
    };
    subject.whole(false)?;
    if id.as_str().contains('*') {
        return Err(Error::environment(
            format!("{id} would be read as a pattern"),
            "write the entry by hand",
        ));
    }
    let pattern = Pattern::new(id.as_str()).map_err(|error| {
        Error::environment(
            format!("{id} cannot be a pattern: {error}"),
            "write the entry by hand",
        )
    })?;
    can_be_verified(publisher)?;
    let trust = Trust {
        publisher: publisher.to_owned(),
        workflow: args.workflow.clone(),
        packages: vec![pattern],
        criteria: args.criteria.unwrap_or(Criteria::SafeToRun),
        by: by(args, &files.reviews)?,
        start,
        until,
        notes: args.notes.clone(),
        line: 0,
    };
    output::stderr(
        "note: trust counts only where provenance or a tag signature of that publisher is verified",
    );
    write(common, args, files, &Addition::Trust(trust))
}

/// A publisher is named as a build or a signer names it, else nothing would ever be verified to come from it.
fn can_be_verified(publisher: &str) -> Result<()> {
    const SIGNERS: [&str; 3] = ["ssh:SHA256:", "openpgp:", "gitsign:"];
    // A build on another forge is `<host>/<path>`.
    let place = publisher.split_once('/').is_some_and(|(host, path)| {
        let named = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        let host = host
            .strip_prefix("github:")
            .unwrap_or_else(|| if host.contains('.') { host } else { "" });
        named(host) && !host.contains(':') && named(path)
    });
    if place
        || SIGNERS.iter().any(|signer| {
            publisher
                .strip_prefix(signer)
                .is_some_and(|rest| !rest.is_empty())
        })
    {
        return Ok(());
    }
    Err(Error::environment(
        format!(
            "--trust {}: nothing is ever verified to come from a publisher of this name",
            text::excerpt(publisher, 100)
        ),
        "write github:OWNER/REPOSITORY for a build, or the `signer` of the lock for a tag, such as ssh:SHA256:…",
    ))
}

/// `--violation`: of exactly what is installed, or of versions.
pub(super) fn violation(
    common: &Common,
    args: &ReviewArgs,
    subject: &Found,
    files: &Files,
) -> Result<Exit> {
    let id = &subject.id;
    let what = match &args.versions {
        Some(range) => {
            let versions = Versions::range(range).ok_or_else(|| {
                Error::environment(
                    format!(
                        "--versions {}: not a version or range",
                        text::excerpt(range, 100)
                    ),
                    "write `*`, a version, or a range such as \"<1.2.0\"",
                )
            })?;
            Violated::Versions(versions)
        }
        None => match subject.whole(false)?.content {
            Content::Tree(tree) => Violated::Trees(vec![tree]),
            // A definition has no tree; there are no versions to tell apart either.
            _ => Violated::Versions(Versions::all()),
        },
    };
    let violation = Violation {
        package: id.clone(),
        what,
        reason: args.reason.clone().unwrap_or_default(),
        by: by(args, &files.reviews)?,
        date: operator::today(common),
        line: 0,
    };
    write(common, args, files, &Addition::Violation(violation))
}

/// Shows the entry, asks, and writes it behind those that are there.
fn write(common: &Common, args: &ReviewArgs, files: &Files, addition: &Addition) -> Result<Exit> {
    let path = &files.reviews;
    let shown = operator::shown(path);
    let appended = append(path, operator_file::read(path)?.as_deref(), addition)?;
    if let Some(line) = appended.there {
        output::stderr(&format!(
            "{shown} says this already, in line {line}; nothing was written"
        ));
        document(common, &shown, &appended.entry, false)?;
        return Ok(Exit::Clean);
    }
    // The question is about this very text, so it is on the screen before it, whatever the format.
    match common.format {
        Format::Human => output::lines(&appended.entry)?,
        _ => output::stderr_text(&appended.entry),
    }
    if !args.yes && !ask::confirmed(&format!("append this to {shown}?"))? {
        output::stderr("nothing was written");
        document(common, &shown, &appended.entry, false)?;
        return Ok(Exit::Findings);
    }
    crate::verbs::make_room_for(common, path)?;
    // Two that append at the same time must not overwrite each other's entry, so the file is read again under a lock.
    let _guard = operator::only_writer(path)?;
    let appended = append(path, operator_file::read(path)?.as_deref(), addition)?;
    signed::write(common, path, Purpose::Reviews, &appended.text)?;
    output::stderr(&format!("wrote {shown}"));
    document(common, &shown, &appended.entry, true)?;
    Ok(Exit::Clean)
}

/// The document `openclaw-verify.appended/1`; people have seen the entry.
pub(super) fn document(common: &Common, file: &str, entry: &str, written: bool) -> Result<()> {
    if common.format == Format::Human {
        return Ok(());
    }
    let value = json!({
        "schema": "openclaw-verify.appended/1", "file": file, "entry": entry, "written": written,
    });
    output::document(&render::json(&value)?, common.format)
}

/// Who speaks: `--by`, or what git would write into a commit beside the reviews file. Never asked in the working folder, which may be
/// anyone's.
fn by(args: &ReviewArgs, reviews: &Path) -> Result<String> {
    if let Some(by) = &args.by {
        return Ok(by.clone());
    }
    let folder = reviews
        .ancestors()
        .skip(1)
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let get = |key: &str| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["config", "--get", key])
            .output()
            .ok()?;
        let value = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !value.is_empty()).then_some(value)
    };
    match (get("user.name"), get("user.email")) {
        (Some(name), Some(email)) => Ok(format!("{name} <{email}>")),
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (None, None) => Err(Error::environment(
            "no name for the reviewer: git has no user.name",
            "say it: --by \"Ada <ada@example.org>\", or git config --global user.name and user.email",
        )),
    }
}
