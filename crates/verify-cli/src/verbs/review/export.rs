//! `review --export-violations`: what must not run, as OSV records for others.

use std::path::Path;

use openclaw_verify_core::review::violations_as_osv;
use openclaw_verify_core::{Result, text};
use serde_json::json;

use crate::cli::{Common, Format};
use crate::outputs::Form;
use crate::{Exit, operator, output, outputs, render};

/// Writes one file for each violation of the operator's own reviews file into `folder`. What is in the folder already stays, but for
/// files of the same names.
pub(super) fn violations(common: &Common, folder: &Path) -> Result<Exit> {
    let start = super::super::start_without_installation(common, false)?;
    let verifier = start.builder.build()?;
    start.bar.finish();
    let records = violations_as_osv(verifier.reviews());
    for (id, record) in &records {
        let file = folder.join(format!("{id}.json"));
        outputs::write(&file, &format!("{record:#}\n"), Form::Violation)?;
    }
    let shown = operator::shown(folder);
    if common.format != Format::Human {
        let value = json!({
            "schema": "openclaw-verify.violations/1",
            "folder": shown,
            "records": records.keys().collect::<Vec<_>>(),
        });
        output::document(&render::json(&value)?, common.format)?;
        return Ok(Exit::Clean);
    }
    if records.is_empty() {
        output::stderr("the reviews file has no [[violation]], so there is nothing to export");
        return Ok(Exit::Clean);
    }
    let count = render::count(records.len(), "record");
    output::stderr(&format!("wrote {count} to {shown}"));
    // Others have other places.
    output::stderr(&format!(
        "to use them elsewhere, import them together with the advisories: openclaw-verify advisories import npm.zip {}",
        text::shell_word(&shown)
    ));
    Ok(Exit::Clean)
}
