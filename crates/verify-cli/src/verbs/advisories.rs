//! `advisories`: imports OSV records into an index, and shows what is in it. Only `fetch` opens a socket.

#[cfg(feature = "online")]
mod fetch;

use std::path::{Path, PathBuf};

use openclaw_verify_core::advisories::{self, ImportOptions, Imported, Index, IndexMeta};
use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::policy::AdvisoryPolicy;
use openclaw_verify_core::{Error, Result, text};
use serde_json::json;

use crate::cli::{AdvisoriesAction, AdvisoriesArgs, AdvisoriesImportArgs, Common, Format};
use crate::{Exit, commands, operator, output, render};

pub(super) fn run(common: &Common, args: &AdvisoriesArgs) -> Result<Exit> {
    let policy = policy(common)?;
    let index = match &args.index {
        Some(index) => index.clone(),
        None => usual_index(&policy)?,
    };
    match &args.action {
        Some(AdvisoriesAction::Import(args)) => import(common, args, &index),
        #[cfg(feature = "online")]
        Some(AdvisoriesAction::Fetch(args)) => fetch::run(common, args, &policy, &index),
        None => show(common, &index),
    }
}

/// Name of the index in the cache folder.
pub(super) const INDEX: &str = "advisories.index";

fn policy(common: &Common) -> Result<AdvisoryPolicy> {
    let start = super::start_without_installation(common, false)?;
    let policy = start.builder.read_policy()?;
    start.bar.finish();
    Ok(policy.advisories)
}

/// Where checks look for the index: where policy says, else in the cache folder.
fn usual_index(policy: &AdvisoryPolicy) -> Result<PathBuf> {
    let cached = || operator::cache_folder().map(|cache| cache.join(INDEX));
    policy.index.clone().or_else(cached).ok_or_else(|| {
        Error::environment(
            "there is no cache folder: neither HOME nor XDG_CACHE_HOME is set",
            "name the index: --index FILE",
        )
    })
}

fn import(common: &Common, args: &AdvisoriesImportArgs, index: &Path) -> Result<Exit> {
    super::make_room_for(common, index)?;
    let options = ImportOptions {
        allow_broken: args.allow_broken,
        threads: common.threads.map_or(0, usize::from),
        now: operator::now(common),
    };
    let imported = advisories::import(&args.paths, index, &options)?;
    let digest = named(&imported)?;
    wrote(common, index, &imported, digest)
}

/// Names what could not be read; the digest of the index, where one was written.
fn named(imported: &Imported) -> Result<Sha256Digest> {
    for broken in &imported.broken {
        output::stderr(&format!("{} {}", broken.place, broken.why));
    }
    let other = &imported.other;
    if !other.is_empty() {
        let more = imported.meta.other_files - other.len() as u64;
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = other.join(", ");
        output::stderr(&format!("not read, as records end in .json: {names}{more}"));
    }
    let named = imported.broken.len() as u64;
    if imported.meta.broken > named {
        output::stderr(&format!("… and {} more", imported.meta.broken - named));
    }
    imported.index.ok_or_else(|| {
        if imported.meta.says_nothing() {
            return Error::environment(
                "no record in what was named is about a package of npm, and no index was written",
                "an index without records would answer that nothing is known to be bad: name the records of npm",
            );
        }
        let broken = imported.meta.broken;
        let records = if broken == 1 { "record" } else { "records" };
        Error::environment(
            format!("{broken} {records} could not be read, and no index was written"),
            format!("get them again; to do without exactly so many: --allow-broken {broken}"),
        )
    })
}

/// Says what is in the index that was written.
fn wrote(common: &Common, index: &Path, imported: &Imported, digest: Sha256Digest) -> Result<Exit> {
    if common.format == Format::Human {
        output::stderr(&format!("wrote {}", operator::shown(index)));
    }
    say(common, index, &imported.meta, digest)
}

fn show(common: &Common, index: &Path) -> Result<Exit> {
    let Some(open) = Index::open(index)? else {
        return Err(Error::NothingToVerify {
            what: format!("there is no advisory index at {}", operator::shown(index)),
            help: Some(format!(
                "get the records of npm as a zip, then: {}",
                commands::carried("openclaw-verify advisories import all.zip")
            )),
            needs: None,
        });
    };
    say(common, index, open.meta(), open.digest())
}

/// What an index holds.
fn say(common: &Common, index: &Path, meta: &IndexMeta, digest: Sha256Digest) -> Result<Exit> {
    let shown = operator::shown(index);
    let age = meta.newest.map(|newest| {
        operator::now(common)
            .duration_since(newest)
            .as_hours()
            .max(0)
            / 24
    });
    if common.format != Format::Human {
        let value = json!({
            "schema": "openclaw-verify.advisories/1",
            "index": { "path": shown, "digest": digest },
            "sources": meta.sources,
            "records": meta.records,
            "malicious": meta.malicious,
            "packages": meta.packages,
            "withdrawn": meta.withdrawn,
            "otherEcosystems": meta.other_ecosystems,
            "otherFiles": meta.other_files,
            "broken": meta.broken,
            "newest": meta.newest,
            "ageDays": age,
        });
        output::document(&render::json(&value)?, common.format)?;
        return Ok(Exit::Clean);
    }
    let mut lines = vec![
        format!("{shown}  {digest}"),
        format!(
            "  {} on {} of npm, {} of them about malware",
            render::count(meta.records, "record"),
            render::count(meta.packages, "package"),
            meta.malicious
        ),
    ];
    lines.push(match (meta.newest, age) {
        (Some(newest), Some(age)) => {
            let day = newest.to_zoned(jiff::tz::TimeZone::UTC).date();
            format!(
                "  the newest is of {day}, {} ago",
                render::count(age, "day")
            )
        }
        _ => "  how new they are is not known".to_owned(),
    });
    let left_out = [
        (meta.withdrawn, "withdrawn"),
        (meta.other_ecosystems, "of other ecosystems"),
        (meta.broken, "that could not be read"),
        (meta.other_files, "other files"),
    ];
    let left_out: Vec<String> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !left_out.is_empty() {
        lines.push(format!("  left out: {}", left_out.join(", ")));
    }
    for source in &meta.sources {
        let name = text::visible(&source.name);
        lines.push(format!("  from {name}  {}", source.digest));
    }
    output::lines(&format!("{}\n", lines.join("\n")))?;
    Ok(Exit::Clean)
}
