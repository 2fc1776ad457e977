//! `check`, `plugins`, `skills`, `core`: judge what is installed, or a part of it.

use std::path::Path;

use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::Stamp;
use openclaw_verify_core::subject::Kind;
use openclaw_verify_core::{Error, Result, Scope};

use super::{detail, no_lock, start_check};
use crate::cli::{Common, Format};
use crate::outputs::Form;
use crate::render::headline::{Since, headline};
use crate::render::{self, Detail};
use crate::{Exit, attest, names, operator, output, outputs, wrap};

/// Judges everything, or only subjects of some kinds and perhaps of some ids.
pub(super) fn run(common: &Common, only: Option<(Vec<Kind>, Vec<String>)>) -> Result<Exit> {
    let start = start_check(common)?;
    let verifier = super::host::with_program(start.builder).build()?;
    let scope = match only {
        None => Scope::Everything,
        Some((kinds, ids)) => {
            render::event::only_a_part();
            Scope::Kinds(kinds, names::resolve(&verifier, &ids)?)
        }
    };
    if verifier.lock().is_none() {
        // Other formats have one schema each, and a list without verdicts is none of them.
        if common.format == Format::Human && !common.lock_only {
            let inventory = verifier.inventory()?;
            let listed = inventory
                .subjects
                .iter()
                .filter(|subject| scope.contains(subject.kind, &subject.id));
            let text: String = listed
                .map(|subject| format!("{}  {}\n", subject.id, subject.place.shown))
                .collect();
            start.bar.finish();
            output::human(&text)?;
            let (what, help) = super::without_lock(&start.files);
            output::stderr(&format!("{what}; {help}"));
            return Ok(Exit::Failed);
        }
        return Err(no_lock(&start.files, common.lock_only));
    }
    let report = verifier.check(&scope)?;
    start.bar.finish();
    if let (Scope::Kinds(kinds, ids), true) = (&scope, report.subjects.is_empty())
        && ids.is_empty()
        && report.counting().next().is_none()
    {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        return Err(Error::NothingToVerify {
            what: format!(
                "nothing of the kind {} is here or in the lock",
                kinds.join(", ")
            ),
            help: None,
            needs: None,
        });
    }
    let since = Since {
        locked: locked_on(&start.files.lock, operator::now(common)),
        today: Some(operator::today(common)),
        // Of the lock alone nothing is asked about a machine.
        whole: scope == Scope::Everything && !common.lock_only,
        machine: verifier.policy().host.check,
    };
    let exit = finish(common, &report, detail(common), Some(since))?;
    // Of a part of the installation no statement is made: see `attest::refuse`.
    attest::write(common, &verifier, &report, "installation", Vec::new())?;
    Ok(exit)
}

/// The day on which the lock was last written: what is equal to it did not change since. A file that says the future says nothing.
fn locked_on(lock: &Path, now: jiff::Timestamp) -> Option<jiff::civil::Date> {
    let modified = std::fs::metadata(lock).ok()?.modified().ok()?;
    let modified = jiff::Timestamp::try_from(modified).ok()?;
    let day = modified.to_zoned(jiff::tz::TimeZone::UTC).date();
    (modified <= now).then_some(day)
}

/// Prints and writes a report, and says how the program ends.
pub(super) fn finish(
    common: &Common,
    report: &Report,
    detail: Detail,
    since: Option<Since>,
) -> Result<Exit> {
    let exit = written(common, report)?;
    let first = match (common.format, detail) {
        (Format::Human, Detail::Normal | Detail::Verbose) => {
            since.and_then(|since| headline(report, since))
        }
        _ => None,
    };
    let stamp = render::event::stamp(common);
    let text = render::render(report, common.format, detail, &stamp)?;
    let text = match common.format {
        Format::Jsonl => attest::signed_rows(common, &text, &stamp)?,
        _ => text,
    };
    let more = match (common.format, detail) {
        (Format::Human, Detail::Normal | Detail::Verbose) => since.and_then(Since::not_asked),
        _ => None,
    };
    let text = first.unwrap_or_default() + &text + &more.unwrap_or_default();
    output::report(&text, common.format)?;
    Ok(exit)
}

/// Writes a report to the files that were asked for, and says how the program ends.
pub(super) fn written(common: &Common, report: &Report) -> Result<Exit> {
    written_as(common, report, &render::event::stamp(common))
}

/// The same of a run with this stamp.
pub(super) fn written_as(common: &Common, report: &Report, stamp: &Stamp) -> Result<Exit> {
    for (format, path) in &common.report {
        let text = render::render(report, *format, Detail::Verbose, stamp)?;
        let text = match format {
            Format::Human => {
                let text = wrap::wrap(&output::styled(&text), None);
                anstream::adapter::strip_str(&text).to_string()
            }
            Format::Jsonl => attest::signed_rows(common, &text, stamp)?,
            _ => output::escaped(&text, *format),
        };
        outputs::write(path, &text, Form::Report(*format))?;
    }
    Ok(if report.fails(common.fail_on.into()) {
        Exit::Findings
    } else {
        Exit::Clean
    })
}
