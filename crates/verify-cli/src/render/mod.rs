//! Renderers: pure functions of the report, one file a format.

pub(crate) mod attestation;
pub(crate) mod backlog;
mod beside;
pub(crate) mod candidate;
pub(crate) mod changes;
pub(crate) mod checklist;
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod findings;
mod github;
pub(crate) mod headline;
mod html;
mod human;
mod junit;
mod markdown;
mod not_judged;
pub(crate) mod page;
mod prometheus;
pub(crate) mod reading;
mod releases;
pub(crate) mod replies;
mod sarif;
pub(crate) mod skill;

use openclaw_verify_core::Result;
use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::Stamp;

use crate::cli::Format;
use crate::wording;

/// How much the human form shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Only what counts.
    Quiet,
    /// What counts, and counts of the rest.
    #[default]
    Normal,
    /// Everything.
    Verbose,
}

/// `report` in `format`, ending in a newline. `stamp` is what rows and gauges carry; what reaches its
/// threshold is shown in full, whatever its level.
pub(crate) fn render(
    report: &Report,
    format: Format,
    detail: Detail,
    stamp: &Stamp,
) -> Result<String> {
    let report = &wording::report(report, matches!(format, Format::Human | Format::Html));
    match format {
        Format::Human => Ok(human::render(report, detail, stamp.threshold)),
        Format::Json => json(report),
        Format::Jsonl => Ok(event::render(report, stamp)),
        Format::Prometheus => Ok(prometheus::render(report, stamp)),
        Format::Sarif => Ok(sarif::render(report)),
        Format::Github => Ok(github::render(report, stamp.threshold)),
        Format::Junit => junit::render(report),
        Format::Html => Ok(html::report(report)),
        Format::Markdown => Ok(markdown::render(report, stamp.threshold)),
    }
}

/// A number of things in words: `1 file`, `2 files`.
pub(crate) fn count(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A length of time in words: `6 hours`, `90 seconds`.
pub(crate) fn duration(length: std::time::Duration) -> String {
    match length.as_secs() {
        seconds if seconds.is_multiple_of(3600) => count(seconds / 3600, "hour"),
        seconds if seconds.is_multiple_of(60) => count(seconds / 60, "minute"),
        seconds => count(seconds, "second"),
    }
}

/// Any value as JSON for people and machines.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| {
        openclaw_verify_core::Error::environment(
            format!("cannot write JSON: {error}"),
            "please report this",
        )
    })?;
    text.push('\n');
    Ok(text)
}
