//! The last lines of a report, in the same words wherever it is read: what was judged, each subject once, and what was found, each
//! finding once.

use std::collections::BTreeSet;

use jiff::civil::Date;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::rules::Stage;

use super::count;

/// What was judged and how it stands: `11 subjects: 10 intact, 1 not established`. None where the machine itself was judged.
pub(super) fn judged(report: &Report) -> Option<String> {
    let summary = &report.summary;
    let (whole, parts) = match (report.stage, report.releases.len()) {
        (Stage::Host, _) => return None,
        // Nothing that is installed was compared.
        (Stage::LockOnly, 0) => return Some(count(summary.subjects, "locked package")),
        (_, 0) => {
            let parts = [
                (summary.verified, "intact"),
                (summary.violated, "not intact"),
                (summary.not_established, "not established"),
                (summary.not_applicable, "not applicable"),
            ];
            (count(summary.subjects, "subject"), parts)
        }
        (_, tags) => {
            let with = |outcome| {
                let tags = report.releases.iter();
                tags.filter(|tag| tag.outcome == outcome).count()
            };
            let parts = [
                (with(Outcome::Verified), "verified"),
                (with(Outcome::Violated), "violated"),
                (with(Outcome::NotEstablished), "not established"),
                (with(Outcome::NotApplicable), "not applicable"),
            ];
            (count(tags, "tag"), parts)
        }
    };
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    Some(match parts.is_empty() {
        true => whole,
        false => format!("{whole}: {}", parts.join(", ")),
    })
}

/// What was found, by level: `12 findings: 0 deny, 1 warn, 3 note, 8 excepted until 2027-02-20`. `styled` gives a level its colour.
pub(super) fn found(report: &Report, styled: impl Fn(Level, &str) -> String) -> String {
    let summary = &report.summary;
    let mut parts = vec![
        match summary.deny {
            0 => "0 deny".to_owned(),
            some => styled(Level::Deny, &format!("{some} deny")),
        },
        format!("{} warn", summary.warn),
    ];
    if summary.note > 0 {
        parts.push(format!("{} note", summary.note));
    }
    if summary.suppressed > 0 {
        let until = ends(report, |_| true);
        let until = until.map_or(String::new(), |(day, first)| format!("{first} until {day}"));
        parts.push(format!("{} excepted{until}", summary.suppressed));
    }
    let all = summary.deny + summary.warn + summary.note + summary.suppressed;
    let text = format!("{}: {}", count(all, "finding"), parts.join(", "));
    // Of the machine there is no subject with an outcome of its own.
    let unknown = report.counting().filter(|finding| {
        report.stage == Stage::Host && finding.outcome == Outcome::NotEstablished
    });
    match unknown.count() {
        0 => text,
        some => format!("{text}; {some} of them not established"),
    }
}

/// Whether a line ends in what [`found`] says.
pub(crate) fn is_count(line: &str) -> bool {
    let counted = line
        .split_once(" finding")
        .and_then(|(before, counts)| Some((before.rsplit(' ').next()?, counts)));
    counted.is_some_and(|(number, counts)| {
        let counts = counts.strip_prefix('s').unwrap_or(counts);
        number.parse::<usize>().is_ok()
            && counts.starts_with(": ")
            && counts.contains(" deny, ")
            && counts.contains(" warn")
    })
}

/// The day on which the first exception of the findings `of` ends, and the words before it where others end later.
pub(super) fn ends(report: &Report, of: impl Fn(&Finding) -> bool) -> Option<(Date, &'static str)> {
    let all = report.findings.iter().filter(|finding| of(finding));
    let days: BTreeSet<Date> = all
        .filter_map(|finding| Some(finding.suppressed.as_ref()?.until))
        .collect();
    let first = *days.first()?;
    Some((first, if days.len() > 1 { ", the first" } else { "" }))
}

/// Both in one line of plain text.
pub(super) fn line(report: &Report) -> String {
    let found = found(report, |_, text| text.to_owned());
    match judged(report) {
        Some(judged) => format!("{judged}; {found}"),
        None => found,
    }
}
