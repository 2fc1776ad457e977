//! The report for people: one screen where possible, what must be done first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use openclaw_verify_core::finding::{Finding, Level, RemedyKind};
use openclaw_verify_core::inventory::NotCoveredGroup;
use openclaw_verify_core::report::{
    AdvisoriesUsed, Basis, InputFile, Inputs, Report, SubjectReport,
};
use openclaw_verify_core::rules::Stage;
use openclaw_verify_core::subject::Source;

use super::{Detail, beside, count, counts, not_judged, releases};
use crate::{commands, wording};

/// Lines of evidence under one finding before the rest is counted.
const EVIDENCE_SHOWN: usize = 8;
/// Subjects under one grouped finding before the rest is counted.
const SUBJECTS_SHOWN: usize = 6;
/// Things that could not be looked at, before the rest is counted.
const NOT_SEEN_SHOWN: usize = 6;
/// Denied findings that one command clears, from which number on they are shown together.
const ALIKE: usize = 4;
/// Denied findings shown one by one before they are grouped like the others.
const DENIED_SHOWN: usize = 20;

/// The whole report as text with ANSI styles; the caller strips them where they are not wanted.
pub(super) fn render(report: &Report, detail: Detail, threshold: Level) -> String {
    let mut out = String::new();
    if report.inputs.replay.is_some() {
        // Also where little is said: a good report that may stand on an older lock is a lesser one.
        line(
            &mut out,
            format_args!(
                "replay not detectable: root keeps no serials, so older signed files would pass; as root: openclaw-verify policy accept-serial"
            ),
        );
    }
    if detail != Detail::Quiet {
        inputs(&mut out, report);
    }
    if detail == Detail::Verbose {
        subjects(&mut out, &report.subjects, lock_only(report));
    }
    releases::render(&mut out, &report.releases, detail);
    findings(&mut out, report, detail, threshold);
    if detail != Detail::Quiet {
        not_covered(&mut out, report, detail);
        basis(&mut out, report);
    }
    summary(&mut out, report);
    out
}

fn inputs(out: &mut String, report: &Report) {
    let dim = Style::new().dimmed();
    let inputs = &report.inputs;
    if lock_only(report) {
        line(
            out,
            format_args!(
                "{dim}state   none: only the lock was judged, no file that is installed{dim:#}"
            ),
        );
    } else if report.releases.is_empty() {
        installation(out, report);
    }
    operator_files(out, inputs);
    for root in &inputs.links {
        line(
            out,
            format_args!("{dim}link    {} -> {}{dim:#}", root.link, root.target),
        );
    }
    for file in &inputs.machine {
        line(
            out,
            format_args!(
                "{dim}given   {} {} {}{dim:#}",
                file.what, file.path, file.digest
            ),
        );
    }
    match &inputs.advisories {
        Some(known) => line(out, format_args!("{dim}known   {}{dim:#}", index(known))),
        None if report.releases.is_empty() => line(
            out,
            format_args!("{dim}known   nothing: no index of advisories was read{dim:#}"),
        ),
        None => {}
    }
    let anchors = inputs.anchors.iter();
    let anchors = anchors.flat_map(|anchors| [&anchors.root, &anchors.npm_keys]);
    for anchor in anchors.flatten() {
        line(out, format_args!("{dim}judged  with the {anchor}{dim:#}"));
    }
    out.push('\n');
}

/// Where what was judged lies.
fn installation(out: &mut String, report: &Report) {
    let dim = Style::new().dimmed();
    let inputs = &report.inputs;
    line(
        out,
        format_args!("{dim}state   {}{dim:#}", file(&inputs.state_dir)),
    );
    if report.stage != Stage::Host {
        line(out, format_args!("{dim}host    {}{dim:#}", host(inputs)));
    }
    // What is where it usually is goes without saying.
    let unusual = |input: &&InputFile| input.origin.as_deref() != Some("default");
    for (name, input) in [
        ("home   ", &inputs.home),
        ("config ", &inputs.openclaw_config),
        ("work   ", &inputs.workspace),
        ("tmp    ", &inputs.temporary),
    ] {
        if let Some(input) = input.as_ref().filter(unusual) {
            line(out, format_args!("{dim}{name} {}{dim:#}", file(input)));
        }
    }
    if !inputs.variables.is_empty() {
        let names = inputs.variables.join(", ");
        line(out, format_args!("{dim}given   values of {names}{dim:#}"));
    }
}

/// What it was judged by.
fn operator_files(out: &mut String, inputs: &Inputs) {
    let dim = Style::new().dimmed();
    line(
        out,
        format_args!(
            "{dim}files   {} · {} · {}{dim:#}",
            file(&inputs.policy),
            file(&inputs.lock),
            file(&inputs.reviews)
        ),
    );
    for (name, input) in [
        ("policy", &inputs.policy),
        ("lock", &inputs.lock),
        ("reviews", &inputs.reviews),
    ] {
        if let (Some(by), Some(serial)) = (&input.signed_by, input.serial) {
            line(
                out,
                format_args!("{dim}signed  {name} {serial}, by {by}{dim:#}"),
            );
        }
    }
}

/// The host package; that of a state that was named may be another than the one at hand.
fn host(inputs: &Inputs) -> String {
    let shown = file(&inputs.openclaw);
    let is_named = inputs.state_dir.origin.as_deref() != Some("default");
    match shown.strip_suffix("(found by PATH)") {
        Some(path) if is_named => {
            format!("{path}(found by PATH; if this state has another: --openclaw DIR)")
        }
        _ => shown,
    }
}

/// A file with where its name came from.
fn file(input: &InputFile) -> String {
    let path = input.path.clone().unwrap_or_else(|| "none".to_owned());
    match input.origin.as_deref() {
        None => path,
        Some("PATH") => format!("{path} (found by PATH)"),
        Some("policy") => format!("{path} (named by the policy)"),
        Some(origin @ ("named" | "default" | "derived")) => format!("{path} ({origin})"),
        Some(variable) => format!("{path} (from ${variable})"),
    }
}

/// An index of advisories in words.
fn index(known: &AdvisoriesUsed) -> String {
    let age = match known.age_days {
        Some(0) => "the newest of today".to_owned(),
        Some(1) => "the newest of yesterday".to_owned(),
        Some(days) => format!("the newest {days} days old"),
        None => "of unknown age".to_owned(),
    };
    format!("{} advisories, {age} ({})", known.records, known.path)
}

fn subjects(out: &mut String, subjects: &[SubjectReport], lock_only: bool) {
    let width = subjects
        .iter()
        .map(|subject| subject.id.as_str().chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    for subject in subjects {
        let basis = subject
            .basis
            .map_or(subject.outcomes.integrity.as_str(), Basis::as_str);
        // No file was compared, so no outcome of a comparison says anything.
        let basis = if lock_only { "in the lock" } else { basis };
        let version = subject.version.as_deref().unwrap_or("-");
        let version = openclaw_verify_core::text::excerpt(version, 24);
        let disabled = if subject.enabled { "" } else { " (disabled)" };
        line(
            out,
            format_args!(
                "{:width$}  {version:14}  {basis}{disabled}",
                subject.id.as_str()
            ),
        );
        for shown in beside::lines(subject) {
            line(out, format_args!("  {shown}"));
        }
    }
    if !subjects.is_empty() {
        out.push('\n');
    }
}

fn findings(out: &mut String, report: &Report, detail: Detail, threshold: Level) {
    for level in [Level::Deny, Level::Warn, Level::Note] {
        let found: Vec<&Finding> = report
            .counting()
            .filter(|finding| finding.level == level)
            .collect();
        let found = match detail {
            Detail::Verbose => found,
            _ => together(out, found),
        };
        match (level, detail) {
            (_, Detail::Verbose) => found
                .iter()
                .for_each(|finding| single(out, finding, usize::MAX)),
            (Level::Deny, _) if found.len() <= DENIED_SHOWN => denied(out, &found, report),
            // What fails is shown.
            (Level::Note, _) if threshold <= Level::Note => grouped(out, &found, report),
            (Level::Note, Detail::Quiet) => {}
            (Level::Note, _) => counted(out, &found),
            _ => grouped(out, &found, report),
        }
    }
    if detail == Detail::Verbose {
        excepted(out, report);
    }
}

/// Each by itself, unless one command clears many of a kind.
fn denied(out: &mut String, findings: &[&Finding], report: &Report) {
    for group in by_id(findings) {
        if group.len() >= ALIKE && wording::of_all(&group, report).is_some() {
            together_by_id(out, &group, report);
            continue;
        }
        for finding in group {
            single(out, finding, EVIDENCE_SHOWN);
        }
    }
}

/// What exceptions cover, in short: it was decided on, so it must not hide what was not.
fn excepted(out: &mut String, report: &Report) {
    let covered: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_some())
        .collect();
    for group in by_id(&covered) {
        let Some(first) = group.first() else {
            continue;
        };
        let things = count(group.len(), "finding");
        line(out, format_args!("{things} excepted: {}", heading(first)));
        let (mut message, mut until) = ("", String::new());
        for finding in &group {
            // What is said of several is said once.
            if finding.message != message {
                message = &finding.message;
                line(out, format_args!("  {message}"));
            }
            let reason = finding
                .suppressed
                .as_ref()
                .map_or(String::new(), |covered| {
                    let reason = openclaw_verify_core::text::visible(&covered.reason);
                    format!("until {}: {reason}", covered.until)
                });
            if reason != until {
                line(out, format_args!("  {reason}"));
                until = reason;
            }
            let subject = finding.subject.as_ref().map_or("-", |id| id.as_str());
            line(out, format_args!("    {subject}"));
        }
        let next = match first.remedy.kind() {
            RemedyKind::Review if lock_only(report) => {
                "where OpenClaw is installed: openclaw-verify review".to_owned()
            }
            RemedyKind::Review => commands::carried("openclaw-verify review"),
            _ => format!("openclaw-verify explain {}", first.id),
        };
        line(out, format_args!("  next: {next}"));
        out.push('\n');
    }
}

/// Shows findings that say one thing in two ways as one, and gives the rest.
fn together<'a>(out: &mut String, found: Vec<&'a Finding>) -> Vec<&'a Finding> {
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &found {
        *said.entry(finding.id).or_default() += 1;
    }
    let alone = |id: &str| said.get(id) == Some(&1);
    let pair = found.iter().find_map(|second| {
        let beside = second.beside.filter(|id| alone(id) && alone(second.id))?;
        let first = found
            .iter()
            .find(|first| first.id == beside && first.subject == second.subject)?;
        Some((*first, *second))
    });
    let Some((first, second)) = pair else {
        return found;
    };
    let subject = first.subject.as_ref().map_or("", |id| id.as_str());
    line(
        out,
        format_args!("{} + {} {subject}", heading(first), name(second)),
    );
    for finding in [first, second] {
        line(out, format_args!("  {}", finding.message));
        for text in finding.evidence.iter().take(EVIDENCE_SHOWN) {
            line(out, format_args!("    {text}"));
        }
    }
    places(out, first);
    line(out, format_args!("  next: {}", first.help));
    if second.help != first.help {
        line(out, format_args!("  next: {}", second.help));
    }
    out.push('\n');
    let rest = |finding: &&Finding| finding.id != first.id && finding.id != second.id;
    found.into_iter().filter(rest).collect()
}

/// Where it is; what is declared or was seen already names its place.
fn places(out: &mut String, finding: &Finding) {
    let locations = finding.locations.iter();
    for location in locations.filter(|_| finding.declared.is_empty() && finding.observed.is_empty())
    {
        line(
            out,
            format_args!("    at {}:{}", location.file, location.line),
        );
    }
}

/// One finding with its evidence and what to do next.
fn single(out: &mut String, finding: &Finding, evidence: usize) {
    let subject = finding.subject.as_ref();
    let subject = subject.map_or(String::new(), |id| format!(" {id}"));
    line(out, format_args!("{}{subject}", heading(finding)));
    line(out, format_args!("  {}", finding.message));
    for text in finding.evidence.iter().take(evidence) {
        line(out, format_args!("    {text}"));
    }
    if finding.evidence.len() > evidence {
        line(
            out,
            format_args!(
                "    … and {} more (-v shows them)",
                finding.evidence.len() - evidence
            ),
        );
    }
    places(out, finding);
    if !finding.help.is_empty() {
        line(out, format_args!("  next: {}", finding.help));
    }
    out.push('\n');
}

/// Findings of one id and code together: what, who, and what to do next, so that sixty plugins stay readable.
fn grouped(out: &mut String, findings: &[&Finding], report: &Report) {
    for group in by_id(findings) {
        match group.as_slice() {
            [] => {}
            [only] => single(out, only, EVIDENCE_SHOWN),
            group => together_by_id(out, group, report),
        }
    }
}

fn together_by_id(out: &mut String, group: &[&Finding], report: &Report) {
    let Some(first) = group.first() else {
        return;
    };
    line(
        out,
        format_args!("{} in {} places", heading(first), group.len()),
    );
    // True of everything that was installed by name alone: one line, and how to change it.
    if first.remedy.kind() == RemedyKind::Reinstall && group.len() > SUBJECTS_SHOWN {
        line(out, format_args!("  such as {}", first.message));
        line(out, format_args!("  next: {}", first.help));
        out.push('\n');
        return;
    }
    let all = wording::of_all(group, report);
    for finding in group.iter().take(SUBJECTS_SHOWN) {
        let subject = finding
            .subject
            .as_ref()
            .map_or(String::new(), |id| format!("{id}: "));
        line(out, format_args!("  {subject}{}", finding.message));
        // What clears one alone; a flag is no command.
        let own = wording::command(&finding.remedy).filter(|own| !own.starts_with("--"));
        if let Some(own) = own.filter(|_| all.is_none()) {
            line(out, format_args!("    {}", commands::carried(&own)));
        }
    }
    if group.len() > SUBJECTS_SHOWN {
        line(
            out,
            format_args!(
                "  … and {} more (-v shows them)",
                group.len() - SUBJECTS_SHOWN
            ),
        );
    }
    let explain = || format!("openclaw-verify explain {}", first.id);
    let next = all.map_or_else(explain, |all| commands::carried(&all));
    line(out, format_args!("  next: {next}"));
    out.push('\n');
}

fn counted(out: &mut String, findings: &[&Finding]) {
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *by_id.entry(finding.id).or_default() += 1;
    }
    let counts: Vec<String> = by_id
        .iter()
        .map(|(id, number)| format!("{number} {id}"))
        .collect();
    if !counts.is_empty() {
        line(
            out,
            format_args!(
                "{}: {} (-v shows {})",
                styled(Level::Note, "note"),
                counts.join(", "),
                if findings.len() == 1 { "it" } else { "them" }
            ),
        );
    }
}

fn not_covered(out: &mut String, report: &Report, detail: Detail) {
    let dim = Style::new().dimmed();
    if report.not_covered.is_empty() {
        return;
    }
    let things = count(report.not_covered.len(), "thing");
    // Without an installation these are what an installation would show.
    let also = match lock_only(report) {
        true => "",
        false => " that OpenClaw also opens",
    };
    if detail != Detail::Verbose {
        line(
            out,
            format_args!("{dim}not judged: {things}{also} (-v says of which kinds){dim:#}"),
        );
        return;
    }
    let all = commands::carried("openclaw-verify check --format json");
    line(
        out,
        format_args!(
            "{dim}not judged: {things}{also}; each with its reason and places: {all}{dim:#}"
        ),
    );
    for (group, items) in not_judged::groups(report) {
        let label = not_judged::label(group);
        line(out, format_args!("{dim}  {} {label}{dim:#}", items.len()));
        // What this run did not see differs from run to run; the others are alike everywhere, so one stands for them.
        let shown = match group {
            NotCoveredGroup::NotSeen => NOT_SEEN_SHOWN,
            _ => 1,
        };
        let such = if items.len() > shown { "such as " } else { "" };
        for item in items.iter().take(shown) {
            line(
                out,
                format_args!("{dim}    {such}{}: {}{dim:#}", item.what, item.why),
            );
        }
    }
    out.push('\n');
}

/// What "intact" stands on, in the words of the contract, so that a lock of first use never reads as more.
fn basis(out: &mut String, report: &Report) {
    // A file of one's own need not be published anywhere.
    let of_file = |subject: &SubjectReport| {
        report.stage == Stage::Packed || matches!(subject.source, Source::NpmPack | Source::Archive)
    };
    let words = |subject: &SubjectReport| match subject.basis? {
        Basis::Locked => Some("locked (matches what was first seen; origin not checked)"),
        Basis::Archive if of_file(subject) => {
            Some("archive (equals the file that it was installed from)")
        }
        Basis::Archive => Some("archive (equals the published archive)"),
        Basis::Signed => Some("signed (published archive, origin verified)"),
        _ => None,
    };
    let mut counts: BTreeMap<(Basis, &str), usize> = BTreeMap::new();
    for subject in &report.subjects {
        if let (Some(basis), Some(words)) = (subject.basis, words(subject)) {
            *counts.entry((basis, words)).or_default() += 1;
        }
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|((_, words), count)| format!("{count} {words}"))
        .collect();
    if !parts.is_empty() {
        line(out, format_args!("intact: {}", parts.join(" · ")));
    }
}

fn summary(out: &mut String, report: &Report) {
    if let Some(judged) = counts::judged(report) {
        line(out, format_args!("{judged}"));
    }
    line(out, format_args!("{}", counts::found(report, styled)));
}

/// Whether no installation was looked at.
fn lock_only(report: &Report) -> bool {
    report.stage == Stage::LockOnly
}

fn heading(finding: &Finding) -> String {
    format!(
        "{} {}",
        styled(finding.level, finding.level.as_str()),
        name(finding)
    )
}

/// Id and code of a finding.
fn name(finding: &Finding) -> String {
    let code = finding
        .code
        .map_or(String::new(), |code| format!(" [{code}]"));
    let bold = Style::new().bold();
    format!("{bold}{}{bold:#}{code}", finding.id)
}

fn styled(level: Level, text: &str) -> String {
    let style = match level {
        Level::Deny => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default().bold(),
        Level::Note | Level::Allow => AnsiColor::Cyan.on_default(),
    };
    format!("{style}{text}{style:#}")
}

/// Findings by id and code, in the order in which these first stand: another code is another thing to do.
fn by_id<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut position = BTreeMap::new();
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let key = (finding.id, finding.code);
        let at = *position.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
