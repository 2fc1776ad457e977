//! `checklist`: the points of OpenClaw's security guide.

use openclaw_verify_core::Result;

use super::{host, start};
use crate::cli::{ChecklistArgs, Common, Format};
use crate::render::checklist as render;
use crate::{Exit, output, wording};

pub(super) fn run(common: &Common, args: &ChecklistArgs) -> Result<Exit> {
    let start = start(common)?;
    let verifier = host::of_machine(start.builder, &args.machine).build()?;
    let for_people = matches!(common.format, Format::Human | Format::Html);
    let (checklist, reports) = verifier.checklist(|report| wording::report(report, for_people))?;
    start.bar.finish();
    let text = match common.format {
        Format::Json => render::json(&checklist)?,
        Format::Markdown => render::markdown(&checklist),
        Format::Html => render::html(&checklist),
        _ => render::human(&checklist, common.quiet),
    };
    output::report(&text, common.format)?;
    // What the reports would end with: it decides nothing of its own.
    let fails = reports
        .iter()
        .any(|report| report.fails(common.fail_on.into()));
    Ok(if fails { Exit::Findings } else { Exit::Clean })
}
