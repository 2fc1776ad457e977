//! `lock --init`: the first run. Lock, starter policy, and dated exceptions for what cannot have been pinned or reviewed yet.

use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use openclaw_verify_core::fact::NotEstablished;
use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::policy::{Policy, Preset, starter};
use openclaw_verify_core::review;
use openclaw_verify_core::rules::{self, Group};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Relock, Result, Verifier, operator_file, text};

use super::lock::{keep, tell_refused};
use super::start_first;
use crate::cli::{Common, Format, LockArgs};
use crate::operator::Files;
use crate::render::count;
use crate::{Exit, commands, operator, output};

pub(super) fn run(common: &Common, args: &LockArgs) -> Result<Exit> {
    let registry = args.registry.as_deref();
    let preset = args.preset.unwrap_or_default();
    let mut start = start_first(common)?;
    start.builder = start.builder.preset(preset);
    let files = start.files.clone();
    refuse_overwriting(&files)?;
    let verifier = start.builder.clone().build()?;
    let relock = verifier.relock(&[])?;
    start.bar.finish();
    if relock.records_unknown {
        return super::check::finish(common, &relock.report, super::detail(common), None);
    }
    if relock.lock.packages().is_empty() && relock.refused.is_empty() {
        // Nothing that can be locked is not the same as nothing there.
        if !relock.unread.is_empty() {
            return super::check::finish(common, &relock.report, super::detail(common), None);
        }
        return Err(nothing(&relock));
    }

    let today = operator::today(common);
    let excepted: Vec<&Finding> = relock
        .report
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Deny && can_be_excepted(finding))
        .collect();
    let policy = starter::write(&relock.lock, &excepted, today, preset, registry)?;
    // What the call gave goes into it, so it is read before it is written.
    Policy::parse(&files.policy, &policy.text, &rules::infos(), today)?;
    let reviews_are_new = write(common, &files, &relock, &policy.text)?;
    keep(&relock);

    if relock.lock.package(&SubjectId::core()).is_none() {
        unknown_host(common, &relock)?;
    }
    say_written(common, &files, &relock, &policy, preset)?;
    if reviews_are_new {
        say(
            common,
            &format!("wrote {}: no reviews yet", operator::shown(&files.reviews)),
        )?;
    }
    tell_refused(&relock);
    // Judged by what was written, as the next run will.
    let report = rejudge(start.builder)?;
    say(common, "")?;
    for line in in_ci(&files) {
        say(common, &line)?;
    }
    say(common, "")?;
    let standing = report
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Deny && finding.suppressed.is_none());
    match standing.count() {
        0 => {}
        1 => say(
            common,
            "1 finding is nothing that a first run excepts, and stands:\n",
        )?,
        many => say(
            common,
            &format!("{many} findings are nothing that a first run excepts, and stand:\n"),
        )?,
    }
    super::check::finish(common, &report, super::detail(common), None)
}

fn nothing(relock: &Relock) -> Error {
    Error::NothingToVerify {
        what: wrapper(relock)
            .unwrap_or("nothing is installed that OpenClaw would load")
            .to_owned(),
        help: Some(
            "install a plugin or a skill first, or name the host package with --openclaw DIR"
                .to_owned(),
        ),
        needs: None,
    }
}

/// What is said of `openclaw` on PATH where it does not lead to the host package by a known way.
fn wrapper(relock: &Relock) -> Option<&str> {
    let code = Some(NotEstablished::HostWrapper.as_str());
    let mut findings = relock.report.findings.iter();
    let found = findings.find(|finding| finding.code == code)?;
    Some(&found.message)
}

fn refuse_overwriting(files: &Files) -> Result<()> {
    for path in [&files.lock, &files.policy] {
        if path.symlink_metadata().is_ok() {
            return Err(Error::environment(
                format!(
                    "{} is there already, and lock --init never overwrites",
                    operator::shown(path)
                ),
                format!(
                    "to lock what is installed now: {}",
                    commands::carried("openclaw-verify lock")
                ),
            ));
        }
    }
    Ok(())
}

/// What a job runs that has the files from their repository.
fn in_ci(files: &Files) -> [String; 2] {
    let folder = files
        .policy
        .parent()
        .filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let place = operator::git_root(&folder)
        .and_then(|root| folder.strip_prefix(root).ok().map(Path::to_owned));
    let say = match place {
        Some(_) => "Commit these files. In CI, where the repository is checked out:",
        None => "They are in no git repository. In CI, in one that holds them:",
    };
    let place = place.filter(|place| !place.as_os_str().is_empty());
    let place = place.unwrap_or_else(|| PathBuf::from("."));
    let word = text::shell_word(&place.to_string_lossy()).into_owned();
    [
        say.to_owned(),
        format!("  openclaw-verify check --lock-only --config {word}"),
    ]
}

/// Writes lock, policy and, where there are none, reviews; whether those are new.
fn write(common: &Common, files: &Files, relock: &Relock, policy: &str) -> Result<bool> {
    for path in [&files.lock, &files.policy, &files.reviews] {
        super::make_room_for(common, path)?;
    }
    operator_file::write_atomic(&files.lock, &relock.lock.write())?;
    operator_file::write_atomic(&files.policy, policy)?;
    // There from the first commit on, so that two branches that record their first reviews can be merged.
    let reviews_are_new = files.reviews.symlink_metadata().is_err();
    if reviews_are_new {
        operator_file::write_atomic(&files.reviews, &review::empty())?;
    }
    Ok(reviews_are_new)
}

fn say_written(
    common: &Common,
    files: &Files,
    relock: &Relock,
    policy: &starter::Starter,
    preset: Preset,
) -> Result<()> {
    let (lock, file) = (operator::shown(&files.lock), operator::shown(&files.policy));
    let subjects = count(relock.lock.packages().len(), "subject");
    say(common, &format!("wrote {lock}: {subjects}"))?;
    let exceptions = count(policy.exceptions, "exception");
    let until = match policy.exceptions {
        0 => String::new(),
        _ => format!(" until {}", policy.until),
    };
    let preset = preset.as_str();
    say(
        common,
        &format!("wrote {file}: policy `{preset}`, {exceptions}{until}"),
    )
}

/// OpenClaw itself is the largest part of what runs, and a first run without it looks complete.
fn unknown_host(common: &Common, relock: &Relock) -> Result<()> {
    let command = commands::carried("openclaw-verify lock core:openclaw");
    let what = wrapper(relock)
        .unwrap_or("the OpenClaw host package was not found, so it is not locked and not judged");
    match common.format {
        Format::Human => {
            let style = AnsiColor::Yellow.on_default().bold();
            output::human(&format!(
                "{style}{what}{style:#}\n  next: name its folder: {command} --openclaw DIR\n\n"
            ))
        }
        _ => {
            output::stderr(what);
            Ok(())
        }
    }
}

/// A line about what was done: beside the report for people, and out of the way of one for machines.
fn say(common: &Common, line: &str) -> Result<()> {
    match common.format {
        Format::Human => output::human(&format!("{line}\n")),
        _ if line.is_empty() => Ok(()),
        _ => {
            output::stderr(line);
            Ok(())
        }
    }
}

/// Groups in which a first run can find nothing but what was never looked at. Everything else is a sign of something wrong.
fn can_be_excepted(finding: &Finding) -> bool {
    let rule = rules::rule(finding.id).filter(|rule| !rule.fixed);
    matches!(
        rule.map(|rule| rule.group),
        Some(Group::Pinning | Group::Review)
    ) && finding.subject.is_some()
}

fn rejudge(builder: openclaw_verify_core::Builder) -> Result<openclaw_verify_core::report::Report> {
    let verifier: Verifier = builder.build()?;
    verifier.check(&openclaw_verify_core::Scope::Everything)
}
