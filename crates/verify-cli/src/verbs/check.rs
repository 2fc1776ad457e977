//! `check`, `plugins`, `skills`, `core`: judge what is installed, or a part of it.

use openclaw_verify_core::report::Report;
use openclaw_verify_core::subject::Kind;
use openclaw_verify_core::{Result, Scope, operator_file};

use super::{detail, no_lock, start, subject_ids};
use crate::cli::{Common, Format};
use crate::render::{self, Detail};
use crate::{Exit, output};

/// Judges everything, or only subjects of some kinds and perhaps of some ids.
pub(super) fn run(common: &Common, only: Option<(Vec<Kind>, Vec<String>)>) -> Result<Exit> {
    let start = start(common)?;
    let verifier = start.builder.build()?;
    let scope = match only {
        None => Scope::Everything,
        Some((kinds, ids)) => Scope::Kinds(kinds, subject_ids(&ids)?),
    };
    if verifier.lock().is_none() {
        let inventory = verifier.inventory()?;
        let listed = inventory
            .subjects
            .iter()
            .filter(|subject| scope.contains(subject.kind, &subject.id));
        let mut text = String::new();
        for subject in listed {
            text.push_str(&format!("{}  {}\n", subject.id, subject.place.shown));
        }
        // Other formats have one schema each, and a list without verdicts is none of them.
        if common.format == Format::Human {
            output::stdout(&text)?;
        }
        return Ok(no_lock(&start.files));
    }
    let report = verifier.check(&scope)?;
    drop(start._bar);
    finish(common, &report, detail(common))
}

/// Prints and writes a report, and says how the program ends.
pub(super) fn finish(common: &Common, report: &Report, detail: Detail) -> Result<Exit> {
    let exit = written(common, report)?;
    output::stdout(&render::render(report, common.format, detail)?)?;
    Ok(exit)
}

/// Writes a report to the files that were asked for, and says how the program ends.
pub(super) fn written(common: &Common, report: &Report) -> Result<Exit> {
    for (format, path) in &common.report {
        let text = anstream::adapter::strip_str(&render::render(report, *format, Detail::Verbose)?)
            .to_string();
        operator_file::write_atomic(path, &text)?;
    }
    Ok(if report.fails(common.fail_on.into()) {
        Exit::Findings
    } else {
        Exit::Clean
    })
}
