//! `review`: what is left to read, what to read of one subject, and what to write down about it.

mod append;
mod shown;

use openclaw_verify_core::review::{ContentStore, MAX_STORE};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::tree::ManifestStore;
use openclaw_verify_core::{Error, Reading, Result, Since, Verifier};

use super::start;
use crate::cli::{Common, Format, ReviewArgs};
use crate::{Exit, operator, output, pager, render};

pub(super) fn run(common: &Common, args: &ReviewArgs) -> Result<Exit> {
    let ids: Vec<String> = args.id.iter().cloned().collect();
    let Some(id) = super::subject_ids(&ids)?.pop() else { return backlog(common) };
    let start = start(common)?;
    let files = start.files.clone();
    let verifier = start.builder.build()?;
    if args.record {
        append::review(common, args, &verifier, &files, &id)
    } else if let Some(publisher) = &args.trust {
        append::trust(common, args, &verifier, &files, &id, publisher)
    } else if args.violation {
        append::violation(common, args, &verifier, &files, &id)
    } else {
        let since = match args.diff.as_deref() {
            None | Some("") => Since::Cheapest,
            Some("none") => Since::Nothing,
            Some(version) => Since::Version(version),
        };
        let reading = verifier.reading(&id, since, args.dependencies)?;
        drop(start._bar);
        show(common, &reading)
    }
}

fn backlog(common: &Common) -> Result<Exit> {
    let start = start(common)?;
    let backlog = start.builder.build()?.backlog()?;
    drop(start._bar);
    match common.format {
        Format::Json => output::stdout(&render::json(&backlog)?)?,
        _ => output::stdout(&render::reading::backlog(&backlog))?,
    }
    Ok(Exit::Clean)
}

fn show(common: &Common, reading: &Reading) -> Result<Exit> {
    keep(reading);
    if let Err(error) = shown::remember(reading) {
        output::stderr(&format!("note: what was shown is not remembered: {error}"));
    }
    match common.format {
        Format::Json => output::stdout(&render::json(reading)?)?,
        _ => {
            pager::show(&render::reading::reading(reading))?;
            output::stderr(&render::reading::next(reading));
        }
    }
    Ok(Exit::Clean)
}

/// Keeps what was shown, so that the next version can be shown as a difference to it.
fn keep(reading: &Reading) {
    let Some(cache) = operator::cache_folder() else { return };
    let contents = ContentStore::new(cache.join("contents"));
    let kept = reading.keep(&contents, &ManifestStore::new(cache.join("manifests")));
    let pruned = contents.prune(MAX_STORE).map_err(|error| Error::io("prune", cache.join("contents"), error));
    if let Err(error) = kept.and(pruned) {
        output::stderr(&format!("note: {error}; the next version will have to be read as a whole"));
    }
}

/// What is installed of a subject now.
fn installed(verifier: &Verifier, id: &SubjectId, dependencies: bool) -> Result<Reading> {
    verifier.reading(id, Since::Nothing, dependencies)
}
