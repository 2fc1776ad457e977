//! Fetching imported reviews: the only place that does, and only the verb `lock` calls it.

use super::Builder;
use super::reviews::{RefreshedImport, State, changed};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::operator_file::MAX_BYTES;
use crate::policy::{Import, ImportLocation};
use crate::registry::{Client, FetchError, block_on};
use crate::review::ImportStore;
use crate::text;

/// See [`Builder::refresh_imports`].
pub(super) fn refresh(builder: &Builder, client: &Client) -> Result<Vec<RefreshedImport>> {
    let mut builder = builder.clone();
    let policy = builder.loaded_policy()?;
    let at = |import: &Import| match &import.location {
        ImportLocation::Url(url) => Some((import.clone(), url.clone())),
        ImportLocation::Path(_) => None,
    };
    let (imports, urls): (Vec<Import>, Vec<String>) = policy.imports.iter().filter_map(at).unzip();
    if imports.is_empty() {
        return Ok(Vec::new());
    }
    let store = builder
        .imports
        .as_ref()
        .map(ImportStore::new)
        .ok_or_else(|| {
            Error::environment(
                "there is no folder for imported reviews: HOME is not set",
                "set HOME or XDG_CACHE_HOME",
            )
        })?;
    let answers = block_on(client.files(&urls, MAX_BYTES))?;
    let mut refreshed = Vec::with_capacity(imports.len());
    for ((import, url), answer) in imports.iter().zip(&urls).zip(answers) {
        let state = match answer {
            Ok(bytes) => taken(&builder, &store, import, url, bytes)?,
            // What is pinned is in force, whether it is still served or not.
            Err(error) if store.get(&import.digest).is_some() => State::Unreachable(why(&error)),
            Err(error) => {
                return Err(Error::environment(
                    format!(
                        "the imported reviews `{}` cannot be fetched from {}: {}",
                        import.name,
                        shown(url),
                        why(&error)
                    ),
                    "try again, correct `url` in the policy, or import the file by `path`",
                ));
            }
        };
        refreshed.push(RefreshedImport {
            name: import.name.clone(),
            address: shown(url),
            state,
        });
    }
    Ok(refreshed)
}

/// What the server gave, kept when it is text.
fn taken(
    builder: &Builder,
    store: &ImportStore,
    import: &Import,
    url: &str,
    bytes: Vec<u8>,
) -> Result<State> {
    let digest = Sha256Digest::of(&bytes);
    let known = store.get(&import.digest);
    if digest == import.digest && known.is_some() {
        return Ok(State::Unchanged);
    }
    let policy = builder
        .policy
        .as_ref()
        .and_then(super::builder::OperatorFile::content);
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(changed(import, policy, &shown(url), digest, "it is no text").into());
    };
    let path = store.put(&text)?;
    if digest == import.digest {
        return Ok(State::Fetched);
    }
    let new = crate::review::Reviews::parse(&path, &text);
    let old = known
        .and_then(|text| crate::review::Reviews::parse(&store.path(&import.digest), &text).ok());
    let difference = match (new, old) {
        (Err(error), _) => format!("it could not be used either: {error}"),
        (Ok(new), Some(old)) => {
            let lines = crate::review::changes(&old, &new);
            if lines.is_empty() {
                "no review and no violation differs".to_owned()
            } else {
                lines.join("\n")
            }
        }
        (Ok(new), None) => format!(
            "it holds {} reviews and {} violations",
            new.reviews.len(),
            new.violations.len()
        ),
    };
    let kept = text::visible(&path.to_string_lossy()).into_owned();
    Err(changed(
        import,
        policy,
        &shown(url),
        digest,
        &format!("the new file is kept at {kept}\n{difference}"),
    )
    .into())
}

fn shown(url: &str) -> String {
    text::excerpt(url, 300)
}

/// Why a file was not fetched. The client's own words speak of registries.
fn why(error: &FetchError) -> String {
    match error {
        FetchError::NotFound => "the server does not have it".to_owned(),
        FetchError::Refused(status) => format!("the server refused access (status {status})"),
        FetchError::Status(status) => format!("the server answered with status {status}"),
        FetchError::Malformed(what) => format!("the server's answer is malformed: {what}"),
        other => other.to_string(),
    }
}
