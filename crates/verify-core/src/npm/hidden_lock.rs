//! npm's hidden lockfile, `node_modules/.package-lock.json`: what npm says it installed. Extra information, never trusted.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::digest::Sri;
use crate::error::Malformed;
use crate::{json, read};

/// Bytes that a lockfile may have. The largest of a real OpenClaw has 0.2 MB.
const MAX_BYTES: u64 = 32 << 20;

/// What the hidden lockfile says about one folder. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Locked {
    /// Name, where it differs from the folder's (an alias).
    pub name: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Address of the archive, as written; npm can be configured to leave it out, and bundled packages have none.
    pub resolved: Option<String>,
    /// SHA-512 of the archive; none for bundled packages, and where the text is no strong integrity value.
    pub integrity: Option<Sri>,
    /// Integrity as written.
    pub integrity_text: Option<String>,
    /// The package came inside its parent's archive.
    pub in_bundle: bool,
    /// The folder is a symbolic link; the package has an entry of its own.
    pub link: bool,
    /// Only an optional dependency leads to it.
    pub optional: bool,
    /// Only a peer dependency leads to it.
    pub peer: bool,
    /// Only a development dependency leads to it.
    pub dev: bool,
    /// The registry's own word on lifecycle scripts.
    pub has_install_script: bool,
}

/// The entries by folder (`node_modules/a/node_modules/b`). None when there is no file.
pub(super) fn read(node_modules: &Path) -> Result<Option<BTreeMap<String, Locked>>, Malformed> {
    let text = match read::text(&node_modules.join(".package-lock.json"), MAX_BYTES) {
        Ok(text) => text,
        Err(read::ReadError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let value = json::strict(&text)?;
    match value.get("lockfileVersion").and_then(Value::as_u64) {
        Some(2 | 3) => {}
        _ => return Err("is of another version than 2 or 3".into()),
    }
    let packages = value
        .get("packages")
        .and_then(Value::as_object)
        .ok_or("has no `packages`")?;
    packages
        .iter()
        .filter(|(place, _)| !place.is_empty())
        .map(|(place, entry)| Ok((place.clone(), locked(entry)?)))
        .collect::<Result<_, Malformed>>()
        .map(Some)
}

fn locked(entry: &Value) -> Result<Locked, Malformed> {
    let object = entry.as_object().ok_or("has a package that is no object")?;
    let text = |key: &str| match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("has a `{key}` that is no text")),
    };
    let flag = |key: &str| match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("has a `{key}` that is neither true nor false")),
    };
    let integrity_text = text("integrity")?;
    Ok(Locked {
        name: text("name")?,
        version: text("version")?,
        resolved: text("resolved")?,
        integrity: integrity_text.as_deref().and_then(|text| text.parse().ok()),
        integrity_text,
        in_bundle: flag("inBundle")?,
        link: flag("link")?,
        optional: flag("optional")?,
        peer: flag("peer")?,
        dev: flag("dev")?,
        has_install_script: flag("hasInstallScript")?,
    })
}
