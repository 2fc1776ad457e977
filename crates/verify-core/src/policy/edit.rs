//! Changing the exceptions of `openclaw-verify.toml` without touching a byte of what else is there, comments included.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Exception, Policy, RuleInfo};
use crate::error::OperatorError;
use crate::toml_file::{Checked, behind, end_of, end_of_line, fail, quote};

pub(super) const WAY_OUT: &str = "change it by hand; docs/formats.md has the format";

/// A policy with other exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edited {
    /// The whole file.
    pub text: String,
    /// The entries that are taken out, as they were in the file.
    pub removed: Vec<String>,
    /// The entry that is new, as it is in the file.
    pub added: Option<String>,
}

/// The policy at `path` that holds `text`, with `exception`, which allows one finding. An exception for the same bytes and the same
/// finding alone is replaced by it; one that allows more no longer allows that finding.
///
/// # Errors
/// When the policy, or what would come out, is one that the reader refuses.
pub fn except(
    path: &Path,
    text: &str,
    exception: &Exception,
    catalogue: &[RuleInfo<'_>],
    today: Date,
) -> Checked<Edited> {
    let before = Policy::parse(path, text, catalogue, today)?;
    let same = |old: &&Exception| {
        old.is_bound_as(exception) && exception.allow.iter().all(|id| old.allow.contains(id))
    };
    let mut edited = Edited {
        text: text.to_owned(),
        removed: Vec::new(),
        added: None,
    };
    let mut expected = before.exceptions().len() + 1;
    if let Some(old) = before.exceptions().iter().find(same) {
        if old.allow.len() == exception.allow.len() {
            edited = take_out(path, text, "exception", &[old.line])?;
            expected -= 1;
        } else {
            let rest: Vec<String> = old
                .allow
                .iter()
                .filter(|id| !exception.allow.contains(id))
                .map(|id| quote(id))
                .collect();
            edited.text = allow_only(path, text, old.line, &rest)?;
        }
    }
    let old = std::mem::take(&mut edited.text);
    let newline = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let entry = render(exception).replace('\n', newline);
    let at = behind(&old, "exception", "package", exception.package.as_str()).unwrap_or(old.len());
    let (head, tail) = old.split_at(at);
    let gap = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        newline
    };
    edited.text = format!("{head}{gap}{newline}{entry}{tail}");
    edited.added = Some(entry);

    let after = Policy::parse(path, &edited.text, catalogue, today)?;
    let is_there = |new: &Exception| {
        Exception {
            line: 0,
            ..new.clone()
        } == *exception
    };
    if after.exceptions().len() != expected || !after.exceptions().iter().any(is_there) {
        let what = "the new exception could not be added where it belongs";
        return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
    }
    Ok(edited)
}

/// The policy at `path` that holds `text`, without the exceptions that begin at `lines`.
///
/// # Errors
/// When the policy is one that the reader refuses, or when an exception is written in a form that cannot be taken out by lines.
pub fn prune(
    path: &Path,
    text: &str,
    lines: &[usize],
    catalogue: &[RuleInfo<'_>],
    today: Date,
) -> Checked<Edited> {
    let before = Policy::parse(path, text, catalogue, today)?;
    let edited = take_out(path, text, "exception", lines)?;
    let after = Policy::parse(path, &edited.text, catalogue, today)?;
    let bare = |exceptions: &[Exception], without: &[usize]| -> Vec<Exception> {
        let kept = exceptions.iter().filter(|one| !without.contains(&one.line));
        kept.map(|one| Exception {
            line: 0,
            ..one.clone()
        })
        .collect()
    };
    if bare(before.exceptions(), lines) != bare(after.exceptions(), &[]) {
        let what = "the exceptions could not be taken out alone";
        return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
    }
    Ok(edited)
}

/// The policy at `path` that holds `text`, in which these of its exceptions end on `until`. What they are bound to stays.
///
/// # Errors
/// When the policy, or what would come out, is one that the reader refuses, or when an exception is written in a form that cannot be
/// changed by lines.
pub fn renew(
    path: &Path,
    text: &str,
    exceptions: &[Exception],
    until: Date,
    catalogue: &[RuleInfo<'_>],
    today: Date,
) -> Checked<Edited> {
    let before = Policy::parse(path, text, catalogue, today)?;
    let mut edited = Edited {
        text: text.to_owned(),
        ..Edited::default()
    };
    let mut added = Vec::new();
    let chosen = |one: &&Exception| exceptions.contains(one);
    if before.exceptions().iter().filter(chosen).count() != exceptions.len() {
        let what = "the exceptions are not where they were";
        return fail(OperatorError::whole(path, what).with_help("run the same again"));
    }
    // From the end of the file on: what is before a change stays where it is.
    for old in before.exceptions().iter().rev().filter(chosen) {
        let Some((_, Some(day))) = entry(&edited.text, "exception", old.line, "until") else {
            let what = format!("line {} begins no [[exception]] of its own", old.line);
            return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
        };
        edited.text.replace_range(day, &until.to_string());
        let about = format!(
            "# {}: {} ({})",
            old.package,
            old.advisory.clone().unwrap_or_else(|| old.allow.join(", ")),
            old.reason
        );
        edited
            .removed
            .insert(0, format!("until = {} {about}", old.until));
        added.insert(0, format!("until = {until} {about}"));
    }
    edited.added = (!added.is_empty()).then(|| added.join("\n"));
    let after = Policy::parse(path, &edited.text, catalogue, today)?;
    let expected = before.exceptions().iter().map(|one| Exception {
        until: if exceptions.contains(one) {
            until
        } else {
            one.until
        },
        ..one.clone()
    });
    if !expected.eq(after.exceptions().iter().cloned()) {
        let what = "the exceptions could not be renewed alone";
        return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
    }
    Ok(edited)
}

/// The policy at `path` that holds `text`, with a place that code may come from: the address of a registry, or else a pattern of git
/// repositories. Unchanged where that very text is listed.
///
/// # Errors
/// When the policy, or what would come out, is one that the reader refuses.
pub fn source(
    path: &Path,
    text: &str,
    address: &str,
    catalogue: &[RuleInfo<'_>],
    today: Date,
) -> Checked<Edited> {
    Policy::parse(path, text, catalogue, today)?;
    let web = ["https://", "http://"]
        .iter()
        .any(|start| address.starts_with(start));
    if !web && !address.contains(['/', '*']) {
        let what = format!(
            "{} is neither the address of a registry nor a repository",
            crate::text::excerpt(address, 80)
        );
        let help = "write it as https://<host>[/<path>], or as <host>/<path> such as github.com/acme/notes";
        return fail(OperatorError::whole(path, what).with_help(help));
    }
    let key = if web { "registries" } else { "git" };
    let address = address.trim_end_matches('/');
    let edited = list(text, key, address);
    let after = Policy::parse(path, &edited.text, catalogue, today)?;
    let listed = after.sources.as_ref().is_some_and(|sources| match web {
        true => sources
            .registries
            .iter()
            .flatten()
            .any(|one| one == address),
        false => sources
            .git
            .iter()
            .flatten()
            .any(|one| one.as_str() == address),
    });
    if !listed {
        let what = format!("{address} could not be added to [sources]");
        return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
    }
    Ok(edited)
}

/// `text` with `value` in the list `key` of `[sources]`.
fn list(text: &str, key: &str, value: &str) -> Edited {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("{key} = [{}]", quote(value));
    let mut edited = Edited {
        text: text.to_owned(),
        ..Edited::default()
    };
    if let Some(span) = array(text, key) {
        let old = text.get(span.clone()).unwrap_or_default();
        let values = values(text, key);
        if values
            .iter()
            .any(|(one, _)| one.trim_end_matches('/') == value)
        {
            return edited;
        }
        let at = values.last().map_or(span.start + 1, |(_, end)| *end);
        let comma = if values.is_empty() { "" } else { ", " };
        edited
            .text
            .insert_str(at, &format!("{comma}{}", quote(value)));
        let grown = edited.text.len() - text.len();
        let new = edited.text.get(span.start..span.end + grown);
        edited.removed = vec![format!("{key} = {old}")];
        edited.added = Some(format!("{key} = {}", new.unwrap_or_default()));
        return edited;
    }
    let header = text.split_inclusive('\n').scan(0, |end, one| {
        *end += one.len();
        Some((*end, one))
    });
    let header = header.into_iter().find_map(|(end, one)| {
        let bare = one.split('#').next().unwrap_or_default();
        (bare.trim() == "[sources]").then_some(end)
    });
    match header {
        Some(end) => {
            let gap = if text.get(..end).is_some_and(|head| head.ends_with('\n')) {
                ""
            } else {
                newline
            };
            edited
                .text
                .insert_str(end, &format!("{gap}{line}{newline}"));
            edited.added = Some(line);
        }
        None => {
            let gap = if text.is_empty() || text.ends_with('\n') {
                ""
            } else {
                newline
            };
            edited.text += &format!("{gap}{newline}[sources]{newline}{line}{newline}");
            edited.added = Some(format!("[sources]\n{line}"));
        }
    }
    edited
}

/// Where the list `key` of `[sources]` is.
fn array(text: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let DeValue::Table(sources) = root.get("sources")?.get_ref() else {
        return None;
    };
    let list = sources.get(key)?;
    matches!(list.get_ref(), DeValue::Array(_)).then(|| list.span())
}

/// The texts of that list, each with where it ends.
fn values(text: &str, key: &str) -> Vec<(String, usize)> {
    let Ok(root) = DeTable::parse(text) else {
        return Vec::new();
    };
    let sources = root.get_ref().get("sources").map(Spanned::get_ref);
    let Some(DeValue::Table(sources)) = sources else {
        return Vec::new();
    };
    let Some(DeValue::Array(list)) = sources.get(key).map(Spanned::get_ref) else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|one| match one.get_ref() {
            DeValue::String(value) => Some((value.to_string(), one.span().end)),
            _ => None,
        })
        .collect()
}

/// `text` without the entries `[[kind]]` that begin at `lines`. What is between entries stays, comments too.
pub(super) fn take_out(path: &Path, text: &str, kind: &str, lines: &[usize]) -> Checked<Edited> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for line in lines {
        let Some((span, _)) = entry(text, kind, *line, "allow") else {
            let what = format!("line {line} begins no [[{kind}]] of its own");
            return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
        };
        places.push(span);
    }
    Ok(without(text, places))
}

/// `text` without what is at `places`, which are whole lines.
pub(super) fn without(text: &str, mut places: Vec<Range<usize>>) -> Edited {
    places.sort_by_key(|place| place.start);
    places.dedup();
    let mut edited = Edited {
        text: String::with_capacity(text.len()),
        removed: Vec::new(),
        added: None,
    };
    let mut at = 0;
    for place in places {
        edited.text += text.get(at..place.start).unwrap_or_default();
        edited
            .removed
            .push(text.get(place.clone()).unwrap_or_default().to_owned());
        at = place.end;
        // One of the two empty lines around it goes with it.
        let is_end = edited.text.is_empty()
            || edited.text.ends_with("\n\n")
            || edited.text.ends_with("\n\r\n");
        let rest = text.get(at..).unwrap_or_default();
        if is_end && let Some(empty) = ["\r\n", "\n"].iter().find(|end| rest.starts_with(**end)) {
            at += empty.len();
        }
    }
    edited.text += text.get(at..).unwrap_or_default();
    // At the end of the file no empty line is left behind.
    if text.get(at..).is_some_and(str::is_empty) {
        let kept = edited.text.trim_end_matches(['\n', '\r']).len();
        let end = edited.text.len().min(end_of_line(&edited.text, kept));
        edited.text.truncate(end);
    }
    edited
}

/// `text` where the exception at `line` allows only `rest`.
fn allow_only(path: &Path, text: &str, line: usize, rest: &[String]) -> Checked<String> {
    let Some((_, Some(allow))) = entry(text, "exception", line, "allow") else {
        let what = format!("line {line} begins no [[exception]] of its own");
        return fail(OperatorError::whole(path, what).with_help(WAY_OUT));
    };
    let mut changed = text.to_owned();
    changed.replace_range(allow, &format!("[{}]", rest.join(", ")));
    Ok(changed)
}

/// Where the `[[kind]]` is that begins at `line`, whole lines, and the value of its `key`.
fn entry(
    text: &str,
    kind: &str,
    line: usize,
    key: &str,
) -> Option<(Range<usize>, Option<Range<usize>>)> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let DeValue::Array(entries) = root.get(kind)?.get_ref() else {
        return None;
    };
    let start_of = |entry: &Spanned<DeValue<'_>>| {
        let before = text.get(..entry.span().start)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = before.matches('\n').count() + 1;
        let header = text.get(start..)?.lines().next()?.trim_start();
        (number == line && header.starts_with("[[")).then_some(start)
    };
    entries.iter().find_map(|entry| {
        let start = start_of(entry)?;
        let DeValue::Table(keys) = entry.get_ref() else {
            return None;
        };
        let value = keys.get(key).map(Spanned::span);
        Some((start..end_of_line(text, end_of(entry)), value))
    })
}

/// One exception as text.
pub(super) fn render(exception: &Exception) -> String {
    let mut out = String::from("[[exception]]\n");
    let mut text = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{key} = {}", quote(&value));
        }
    };
    text("package", Some(exception.package.to_string()));
    text("tree", exception.tree.map(|d| d.to_string()));
    text("definition", exception.definition.map(|d| d.to_string()));
    text("settings", exception.settings.map(|d| d.to_string()));
    text(
        "instructions",
        exception.instructions.map(|d| d.to_string()),
    );
    text("version", exception.version.clone());
    text(
        "dependencies",
        exception.dependencies.map(|d| d.to_string()),
    );
    text("archive", exception.archive.map(|d| d.to_string()));
    text("advisory", exception.advisory.clone());
    let allow: Vec<String> = exception.allow.iter().map(|id| quote(id)).collect();
    if exception.advisory.is_none() {
        let _ = writeln!(out, "allow = [{}]", allow.join(", "));
    }
    let _ = writeln!(
        out,
        "reason = {}\nuntil = {}",
        quote(&exception.reason),
        exception.until
    );
    out
}
