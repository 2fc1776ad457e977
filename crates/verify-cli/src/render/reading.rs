//! What a reviewer reads: what matters most first, then a unified diff. Pure functions.

use std::fmt::Write as _;

use crate::commands::Places;
use anstyle::{AnsiColor, Style};
use openclaw_verify_core::review::diff::{Difference, FileDifference};
use openclaw_verify_core::{AgainstLock, Packages, ReviewMaterial, text};

const BOLD: Style = Style::new().bold();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const FIRST: Style = AnsiColor::Yellow.on_default().bold();

/// The whole text to read.
pub(crate) fn reading(reading: &ReviewMaterial) -> String {
    let mut out = String::new();
    let version = reading.version.as_deref().unwrap_or("no version");
    if let Some(lead) = lead(reading) {
        let _ = writeln!(out, "{FIRST}{lead}{FIRST:#}");
    }
    let _ = match (&reading.since, &reading.from) {
        (Some(since), _) => writeln!(
            out,
            "{BOLD}{} {since} -> {version}{BOLD:#}",
            reading.subject
        ),
        _ => writeln!(out, "{BOLD}{} {version}{BOLD:#}", reading.subject),
    };
    if let (Some(from), Some(place)) = (&reading.from, &reading.place) {
        let _ = writeln!(out, "  from {from} ({place})");
    }
    let place = if reading.path == "." {
        "not installed yet".to_owned()
    } else {
        format!("installed at {}", reading.path)
    };
    let _ = writeln!(out, "  to   {} ({place})", reading.content);
    if let Some(definition) = &reading.definition {
        let _ = writeln!(
            out,
            "\n{BOLD}Definition (secrets left out):{BOLD:#}\n  {definition}"
        );
    }
    difference(&mut out, &reading.difference, reading.definition.is_none());
    if let (Some(digest), Some(files)) = (&reading.dependencies, &reading.dependency_files) {
        let _ = writeln!(out, "\n{BOLD}dependencies{BOLD:#} {digest}");
        if let Some(from) = &reading.dependencies_from {
            let _ = writeln!(out, "  from {from} (reviewed before)");
        }
        if let Some(packages) = &reading.dependency_packages {
            self::packages(&mut out, packages, reading.dependencies_from.is_some());
        }
        difference(&mut out, files, true);
    }
    out
}

/// How it stands to the lock, where that comes before everything else.
fn lead(reading: &ReviewMaterial) -> Option<String> {
    match reading.lock? {
        AgainstLock::Changed => Some(
            "It is not what was locked, and neither its version nor OpenClaw's record explains it: find out why before you review it."
                .to_owned(),
        ),
        AgainstLock::Updated => Some("OpenClaw updated it since it was locked.".to_owned()),
        _ => None,
    }
}

/// Names of packages that are listed; the rest is a number.
const MAX_PACKAGES: usize = 20;

/// How many packages there are, and which of them are not as they were read before.
fn packages(out: &mut String, packages: &Packages, compared: bool) {
    let plural = if packages.installed == 1 { "" } else { "s" };
    let _ = write!(out, "  {} package{plural}", packages.installed);
    let differ = &packages.differ;
    let named = differ
        .iter()
        .take(MAX_PACKAGES)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = match differ.len().saturating_sub(MAX_PACKAGES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let _ = match compared {
        true => writeln!(out, "; not byte for byte as reviewed: {named}{more}"),
        false => writeln!(out),
    };
}

fn difference(out: &mut String, difference: &Difference, counted: bool) {
    if counted {
        let _ = writeln!(out, "  {}", difference.cost);
    }
    if !difference.first.is_empty() {
        let _ = writeln!(out, "\n{FIRST}Look at these first:{FIRST:#}");
        for highlight in &difference.first {
            let what = highlight.what.as_str();
            let _ = writeln!(out, "  {what:16}  {}  {}", highlight.path, highlight.detail);
        }
    }
    if !difference.named.is_empty() {
        let _ = writeln!(
            out,
            "\n{FIRST}Not shown below, to be looked at by other means:{FIRST:#}"
        );
        for named in &difference.named {
            let size = named
                .size
                .map_or_else(String::new, |size| format!(", {size} bytes"));
            let blob = named
                .blob
                .as_deref()
                .map_or_else(String::new, |blob| format!(", blob {blob}"));
            let _ = writeln!(
                out,
                "  {} {}  {}{size}{blob}",
                named.change, named.path, named.why
            );
        }
    }
    for file in &difference.files {
        unified(out, file);
    }
}

fn unified(out: &mut String, file: &FileDifference) {
    let (old, new) = (file.old_mode.map(|_| "a/"), file.new_mode.map(|_| "b/"));
    let name = |side: Option<&str>| {
        side.map_or_else(
            || "/dev/null".to_owned(),
            |side| format!("{side}{}", file.path),
        )
    };
    let _ = writeln!(
        out,
        "\n{BOLD}--- {}{BOLD:#}\n{BOLD}+++ {}{BOLD:#}",
        name(old),
        name(new)
    );
    if file.old_lost {
        let _ = writeln!(
            out,
            "{PLACE}what it was before is not at hand any more{PLACE:#}"
        );
    }
    match (file.old_mode, file.new_mode) {
        (Some(old), Some(new)) if old != new => {
            let _ = writeln!(out, "{PLACE}mode {old} -> {new}{PLACE:#}");
        }
        (None, Some(new)) if new != "100644" => {
            let _ = writeln!(out, "{PLACE}mode {new}{PLACE:#}");
        }
        _ => {}
    }
    for hunk in &file.hunks {
        let (old, new) = (
            range(hunk.old_start, hunk.old_lines),
            range(hunk.new_start, hunk.new_lines),
        );
        let _ = writeln!(out, "{PLACE}@@ -{old} +{new} @@{PLACE:#}");
        for line in &hunk.lines {
            let _ = match line.as_bytes().first() {
                Some(b'-') => writeln!(out, "{OLD}{line}{OLD:#}"),
                Some(b'+') => writeln!(out, "{NEW}{line}{NEW:#}"),
                _ => writeln!(out, "{line}"),
            };
        }
    }
}

fn range(start: usize, lines: usize) -> String {
    if lines == 1 {
        start.to_string()
    } else {
        format!("{start},{lines}")
    }
}

/// What to do after reading.
pub(crate) fn next(reading: &ReviewMaterial, places: &Places) -> String {
    let id = text::shell_word(reading.subject.as_str());
    if reading.lock == Some(AgainstLock::Changed) {
        let command = places.after(&format!("openclaw-verify lock --accept {id}"));
        return format!("if you made the change and have read it: {command}");
    }
    if reading.from.is_some() && !reading.from_reviewed {
        let command = places.after(&format!("openclaw-verify review {id} --diff none"));
        return format!("what it was before is not reviewed either; to read all of it: {command}");
    }
    let criteria = reading
        .wanted
        .map_or("safe-to-run", |wanted| wanted.as_str());
    let dependencies = if reading.dependencies.is_some() {
        " --dependencies"
    } else {
        ""
    };
    let command = places.after(&format!(
        "openclaw-verify review {id} --record --criteria {criteria}{dependencies}"
    ));
    format!("when you have read it: {command}")
}
