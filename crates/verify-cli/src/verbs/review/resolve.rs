//! `review --resolve`: finishes a merge of the reviews file that git could not finish.

use openclaw_verify_core::Result;
use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::review::merged;

use super::append;
use crate::cli::{Common, Format, ReviewArgs};
use crate::verbs::conflict::Conflict;
use crate::{Exit, output, signed};

/// Shows what the other side adds, asks, and writes the file without the marks of the conflict.
pub(super) fn run(common: &Common, args: &ReviewArgs) -> Result<Exit> {
    let file = Conflict::of(common, |files| files.reviews, "--reviews")?;
    let merged = merged(&file.path, &file.text)?;
    let entries = merged.entries.join("\n");
    // The question is about this very text, so it is on the screen before it, whatever the format.
    match common.format {
        Format::Human => output::lines(&entries)?,
        _ => output::stderr_text(&entries),
    }
    let added = match merged.entries.len() {
        0 => "nothing that is not here".to_owned(),
        1 => "1 entry".to_owned(),
        some => format!("{some} entries"),
    };
    let question = format!(
        "the other side adds {added}; finish the merge of {}?",
        file.shown
    );
    if !file.confirmed(args.yes, &question)? {
        append::document(common, &file.shown, &entries, false)?;
        return Ok(Exit::Findings);
    }
    signed::write(common, &file.path, Purpose::Reviews, &merged.text)?;
    file.say_written("")?;
    append::document(common, &file.shown, &entries, true)?;
    Ok(Exit::Clean)
}
