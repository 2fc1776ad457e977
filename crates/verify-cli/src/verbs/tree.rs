//! `tree`: the digest of any folder, and its listing.

use openclaw_verify_core::tree::{self, TreeError, TreeSpec};
use openclaw_verify_core::{Error, Result};
use serde_json::json;

use crate::cli::{Common, Format, TreeArgs};
use crate::progress::Bar;
use crate::{Exit, operator, output, render};

pub(super) fn run(common: &Common, args: &TreeArgs) -> Result<Exit> {
    let shown = operator::shown(&args.path);
    // The path itself may be a link: it is the operator's word, not part of the folder.
    let root = args
        .path
        .canonicalize()
        .map_err(|error| Error::io("find", &args.path, error))?;
    let bar = Bar::new(!common.no_progress && !common.quiet);
    let progress = |progress: tree::HashProgress| bar.update(progress);
    let options = tree::TreeOptions {
        threads: common.threads.map_or(0, usize::from),
        count_host_links: true,
        progress: Some(&progress),
        ..tree::TreeOptions::default()
    };
    let result = tree::digest(&TreeSpec::whole(root), &options);
    drop(bar);
    match result {
        Ok(tree) if common.format != Format::Human => {
            let entries = tree.manifest.entries().iter();
            let mut value =
                json!({ "tree": tree.digest, "files": tree.files, "bytes": tree.bytes });
            if args.manifest
                && let Some(object) = value.as_object_mut()
            {
                let listed: Vec<_> = entries
                    .map(|entry| json!({ "mode": entry.mode.as_str(), "id": entry.id.hex(), "path": entry.path }))
                    .collect();
                object.insert("manifest".to_owned(), listed.into());
            }
            output::document(&render::json(&value)?, common.format)?;
            Ok(Exit::Clean)
        }
        Ok(tree) => {
            let listing = if args.manifest {
                tree.manifest.to_text()
            } else {
                String::new()
            };
            output::lines(&format!("{}\n{listing}", tree.digest))?;
            Ok(Exit::Clean)
        }
        Err(TreeError::Unsafe { offenders, total }) => {
            let entries = if total == 1 { "entry" } else { "entries" };
            output::stderr(&format!("{shown} has no digest: {total} unsafe {entries}"));
            offenders
                .iter()
                .for_each(|offender| output::stderr(&format!("  {offender}")));
            Ok(Exit::Findings)
        }
        Err(error @ TreeError::Limit { .. }) => {
            output::stderr(&format!("{shown} has no digest: {error}"));
            Ok(Exit::Findings)
        }
        Err(error) => Err(Error::Subject {
            place: shown,
            why: error.to_string(),
            help: None,
        }),
    }
}
