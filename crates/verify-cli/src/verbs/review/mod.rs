//! `review`: what is left to read, what to read of one subject, and what to write down about it.

mod append;
mod export;
mod published;
mod resolve;
mod shown;

use std::path::Path;

#[cfg(not(feature = "online"))]
use openclaw_verify_core::policy::Policy;
use openclaw_verify_core::review::{ContentStore, MAX_STORE};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::tree::ManifestStore;
use openclaw_verify_core::{Builder, Error, Result, ReviewMaterial, Since, Verifier};

use super::staged::{self, Staged};
use super::{policy, start};
use crate::cli::{Common, Format, ReviewArgs};
use crate::commands::Places;
#[cfg(feature = "online")]
use crate::network::has_registry;
use crate::operator::Files;
use crate::render::backlog::Ways;
use crate::{Exit, ask, names, operator, output, pager, render, signed, wording};

pub(super) fn run(common: &Common, args: &ReviewArgs) -> Result<Exit> {
    if let Some(folder) = &args.export_violations {
        return export::violations(common, folder);
    }
    if args.resolve {
        return resolve::run(common, args);
    }
    let Some(named) = &args.id else {
        return backlog(common);
    };
    let named = std::slice::from_ref(named);
    let writes = args.record || args.trust.is_some() || args.violation;
    let start = staged::start(common, args.from.as_deref())?;
    let files = start.files.clone();
    let verifier = start.builder.clone().build()?;
    // What is not installed yet has no other name than its id, and what writes takes no shorter one.
    let ids = if writes || args.from.is_some() {
        names::in_full(named)?
    } else {
        names::resolve(&verifier, named)?
    };
    let Some(id) = ids.into_iter().next() else {
        return backlog(common);
    };
    let staged = args
        .from
        .as_deref()
        .map(|from| Staged::open(from, &id))
        .transpose()?;
    let subject = Found {
        verifier,
        id,
        staged,
    };
    if args.record {
        record(common, args, &subject, &files, start.builder)
    } else if let Some(publisher) = &args.trust {
        append::trust(common, args, &subject, &files, publisher)
    } else if args.violation {
        append::violation(common, args, &subject, &files)
    } else {
        let published = match args.diff.as_deref() {
            Some("published") => Some(published::archive(common, &subject.verifier, &subject.id)?),
            _ => None,
        };
        let since = match args.diff.as_deref() {
            None | Some("") => Since::Cheapest,
            Some("published") => published.as_deref().map_or(Since::Cheapest, Since::Archive),
            Some("none") => Since::Nothing,
            Some("lock") => Since::Locked,
            Some("generation") => Since::Generation,
            Some(version) => Since::Version(version),
        };
        let reading = subject.reading(since, args.dependencies)?;
        start.bar.finish();
        show(common, &reading, args.from.as_deref())
    }
}

/// Appends a review of what was shown, and looks whether it makes an exception needless.
pub(super) fn record(
    common: &Common,
    args: &ReviewArgs,
    subject: &Found,
    files: &Files,
    builder: Builder,
) -> Result<Exit> {
    let exit = append::review(common, args, subject, files)?;
    if exit == Exit::Clean && subject.staged.is_none() {
        offer_to_prune(common, args, builder, &subject.id, files)?;
    }
    Ok(exit)
}

/// Remembers that this is on the screen now, and keeps it for the next difference.
pub(super) fn shown_now(reading: &ReviewMaterial) {
    keep(reading);
    if let Err(error) = shown::remember(reading) {
        output::stderr(&format!("note: what was shown is not remembered: {error}"));
    }
}

/// What the review covers needs no exception any more. A policy changes only when someone says so.
fn offer_to_prune(
    common: &Common,
    args: &ReviewArgs,
    builder: Builder,
    id: &SubjectId,
    files: &Files,
) -> Result<()> {
    // What is switched off for this run alone arises in the next.
    if !common.allow.is_empty() {
        return Ok(());
    }
    // What was written has to be signed first, by a key that this run does not have; until then it cannot be judged.
    if signed::demand().is_some() && common.sign_ssh.is_none() {
        return Ok(());
    }
    let needless = builder.build()?.needless_exceptions_of(id)?;
    if needless.is_empty() {
        return Ok(());
    }
    if args.yes || !ask::possible() || common.format != Format::Human {
        let command = crate::commands::carried("openclaw-verify policy prune");
        output::stderr(&format!(
            "this makes {} needless: {command}",
            render::count(needless.len(), "exception")
        ));
        return Ok(());
    }
    output::stderr("this makes an exception needless:");
    policy::take_out(common, &files.policy, &needless, false).map(|_| ())
}

fn backlog(common: &Common) -> Result<Exit> {
    let start = start(common)?;
    let verifier = start.builder.build()?;
    let backlog = verifier.backlog()?;
    start.bar.finish();
    let text = match common.format {
        Format::Human => {
            let ways = Ways {
                exceptions: verifier.policy().exceptions(),
                policy: &operator::shown(&start.files.policy),
                today: operator::today(common),
                online: common.online,
                has_registry: has_registry(common, verifier.policy()),
            };
            render::backlog::backlog(&backlog, &ways)
        }
        _ => render::json(&wording::backlog(&backlog))?,
    };
    output::report(&text, common.format)?;
    Ok(Exit::Clean)
}

/// Nothing is asked without a network.
#[cfg(not(feature = "online"))]
fn has_registry(_: &Common, _: &Policy) -> bool {
    false
}

fn show(common: &Common, reading: &ReviewMaterial, from: Option<&Path>) -> Result<Exit> {
    shown_now(reading);
    match common.format {
        Format::Human => {
            pager::show(&render::reading::reading(reading))?;
            output::stderr(&render::reading::next(reading, &Places::of(common, from)));
        }
        _ => output::document(&render::json(reading)?, common.format)?,
    }
    Ok(Exit::Clean)
}

/// Keeps what was shown, so that the next version can be shown as a difference to it.
fn keep(reading: &ReviewMaterial) {
    let Some(cache) = operator::cache_folder() else {
        return;
    };
    let contents = ContentStore::new(cache.join("contents"));
    let kept = reading.keep(&contents, &ManifestStore::new(cache.join("manifests")));
    let pruned = contents
        .prune(MAX_STORE)
        .map_err(|error| Error::io("prune", cache.join("contents"), error));
    if let Err(error) = kept.and(pruned) {
        output::stderr(&format!(
            "note: {error}; the next version will have to be read as a whole"
        ));
    }
}

/// The subject, installed or staged.
pub(super) struct Found {
    verifier: Verifier,
    id: SubjectId,
    staged: Option<Staged>,
}

impl Found {
    /// One that is installed.
    pub(super) fn installed(verifier: Verifier, id: SubjectId) -> Self {
        Self {
            verifier,
            id,
            staged: None,
        }
    }

    fn reading(&self, since: Since<'_>, dependencies: bool) -> Result<ReviewMaterial> {
        match &self.staged {
            Some(staged) => {
                self.verifier
                    .review_material_of_copy(&self.id, &staged.kept, since, dependencies)
            }
            None => self.verifier.review_material(&self.id, since, dependencies),
        }
    }

    /// All of it, as it is now.
    fn whole(&self, dependencies: bool) -> Result<ReviewMaterial> {
        self.reading(Since::Nothing, dependencies)
    }
}
