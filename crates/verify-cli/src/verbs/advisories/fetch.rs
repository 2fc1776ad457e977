//! `advisories fetch`: the records from the address that policy names, and the index of them. The one action of this verb that opens
//! sockets, and only to that address.

use std::path::Path;

use openclaw_verify_core::advisories::{self, ImportOptions, Imported, Index};
use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::policy::AdvisoryPolicy;
use openclaw_verify_core::registry::{Client, Download, Downloaded, FetchError, block_on};
use openclaw_verify_core::temporary::Temporary;
use openclaw_verify_core::{Error, Result, text};

use crate::cli::{AdvisoriesFetchArgs, Common, Format};
use crate::{Exit, network, operator, output};

/// Most bytes of the file. That of npm had some 220 MB in 2026.
const MAX_BYTES: u64 = 4 << 30;
/// Name of the file in the cache where the address has none that is plain.
const NAME: &str = "records.zip";

/// Fetches, imports and puts the new index in the place of the old one.
pub(super) fn run(
    common: &Common,
    args: &AdvisoriesFetchArgs,
    policy: &AdvisoryPolicy,
    index: &Path,
) -> Result<Exit> {
    let Some(source) = &policy.source else {
        return Err(Error::environment(
            "policy names no address from which advisories could be fetched",
            "write it into the policy, as [advisories] source = \"https://…\", or import a file that you have",
        ));
    };
    let cache = operator::cache_folder().ok_or_else(|| {
        Error::environment(
            "there is no folder for downloads: HOME is not set",
            "set HOME or XDG_CACHE_HOME",
        )
    })?;
    let key = Sha256Digest::of(source.as_bytes()).hex();
    let folder = cache.join("advisories").join(key.get(..16).unwrap_or(&key));
    let download = Download::new(folder, name_of(source));
    let client: Client = network::plain(common)?;
    let answer = block_on(client.download(source, &download, MAX_BYTES))?;
    let how = answer.map_err(|error| failed(source, &error))?;
    if common.format == Format::Human {
        output::stderr(&match how {
            Downloaded::Unchanged => format!("{} is what was fetched before", shown(source)),
            Downloaded::Resumed(from) => {
                format!("fetched the rest of {} after byte {from}", shown(source))
            }
            _ => format!("fetched {}", shown(source)),
        });
    }
    super::super::make_room_for(common, index)?;
    let options = ImportOptions {
        allow_broken: args.allow_broken,
        threads: common.threads.map_or(0, usize::from),
        now: operator::now(common),
    };
    // Nothing takes the place of the old index before it is known to be wanted.
    let new = beside(index)?;
    let imported =
        advisories::import(&[download.file()], new.path(), &options).inspect_err(|_| {
            download.forget();
        })?;
    let digest = super::named(&imported)?;
    pinned(policy, &imported, digest).inspect_err(|_| download.forget())?;
    not_older(index, &imported)?;
    new.persist(index)
        .map_err(|error| Error::io("write", index, error))?;
    super::wrote(common, index, &imported, digest)
}

/// The file or the index that policy pins, where it pins one.
fn pinned(policy: &AdvisoryPolicy, imported: &Imported, index: Sha256Digest) -> Result<()> {
    let Some(wanted) = &policy.sha256 else {
        return Ok(());
    };
    let file = imported.meta.sources.first().map(|source| source.digest);
    if index.hex() == *wanted || file.is_some_and(|file| file.hex() == *wanted) {
        return Ok(());
    }
    let file = file.map(|file| file.to_string()).unwrap_or_default();
    Err(Error::environment(
        format!(
            "the records that were fetched are not those that policy pins: the file has the digest {file}, its index {index}"
        ),
        "fetch what is pinned, or name one of these digests in policy once you trust it",
    ))
}

/// A server, or someone between, that serves an old file takes away what was learned since.
fn not_older(index: &Path, imported: &Imported) -> Result<()> {
    let Ok(Some(old)) = Index::open(index) else {
        return Ok(());
    };
    match (old.meta().newest, imported.meta.newest) {
        (Some(old), Some(new)) if new < old => Err(Error::environment(
            format!(
                "the records that were fetched are older than those in the index: the newest is of {new}, there of {old}"
            ),
            "find out why; where it is right, remove the index and fetch again",
        )),
        _ => Ok(()),
    }
}

/// A place beside the index for the new one, which is gone when it is not used.
fn beside(index: &Path) -> Result<Temporary> {
    let folder = match index.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Temporary::in_folder(folder, 0o644).map_err(|error| Error::io("write", index, error))
}

/// The last part of the address, where it can be a file name, so that the index names it.
fn name_of(source: &str) -> String {
    let path = source.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let good = name.len() <= 100
        && name.ends_with(".zip")
        && !name.starts_with('.')
        && name.chars().all(plain);
    if good {
        name.to_owned()
    } else {
        NAME.to_owned()
    }
}

fn failed(source: &str, error: &FetchError) -> Error {
    let why = match error {
        FetchError::NotFound => "the server does not have it".to_owned(),
        FetchError::Refused(status) => format!("the server refused access (status {status})"),
        FetchError::Status(status) => format!("the server answered with status {status}"),
        FetchError::Malformed(what) => format!("the server's answer is malformed: {what}"),
        FetchError::Cache(what) => format!("it cannot be kept: {what}"),
        other => other.to_string(),
    };
    Error::environment(
        format!("advisories cannot be fetched from {}: {why}", shown(source)),
        "run it again, which goes on where it stopped, or correct `source` in the policy; the index is as it was",
    )
}

fn shown(source: &str) -> String {
    text::excerpt(source, 300)
}
