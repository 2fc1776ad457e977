//! `review --resolve`: finishes a merge of the reviews file that git could not finish.

use openclaw_verify_core::operator_file::{self, Purpose};
use openclaw_verify_core::review::merged;
use openclaw_verify_core::{Error, Result};

use super::append;
use crate::cli::{Common, Format, ReviewArgs};
use crate::{Exit, ask, operator, output, signed};

/// Shows what the other side adds, asks, and writes the file without the marks of the conflict.
pub(super) fn run(common: &Common, args: &ReviewArgs) -> Result<Exit> {
    let under_test = super::super::under_test(operator::installation(common).ok().as_ref(), common);
    let path = operator::files(common, &under_test)?.reviews;
    let shown = operator::shown(&path);
    let _guard = operator::only_writer(&path)?;
    let text = operator_file::read(&path)?.ok_or_else(|| {
        Error::environment(
            format!("{shown}: there is no such file"),
            "name the folder with --config, or the file with --reviews",
        )
    })?;
    let merged = merged(&path, &text)?;
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
    let question = format!("the other side adds {added}; finish the merge of {shown}?");
    if !args.yes && !ask::confirmed(&question)? {
        output::stderr("nothing was written");
        append::document(common, &shown, &entries, false)?;
        return Ok(Exit::Findings);
    }
    signed::write(common, &path, Purpose::Reviews, &merged.text)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    output::stderr(&format!(
        "wrote {shown}; for git it is resolved after: git add {name}"
    ));
    append::document(common, &shown, &entries, true)?;
    Ok(Exit::Clean)
}
