//! An archive on disk, staged as OpenClaw would stage it, so that it can be read and locked before it is installed for the first time.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use thiserror::Error;

use super::Staging;
use super::copy::StagedCopy;
use super::protocol::{BadRequest, PROTOCOL_VERSION, Request};
use crate::archive::{self, Archive, ArchiveError, ArchiveLimits, UnpackError};
use crate::read::{self, ReadError};
use crate::subject::SubjectId;
use crate::text;
use crate::tree::ManifestError;

/// Why an archive cannot be staged before OpenClaw stages it. Safe to show.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotStaged {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The archive is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Its files have no listing.
    #[error(transparent)]
    Listing(#[from] ManifestError),
    /// It cannot be written to the caller's folder.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// Its `package.json`.
    #[error("package.json {0}")]
    Manifest(String),
    /// It is another package than the one that is asked about.
    #[error("it is the package {0}")]
    OtherPackage(String),
    /// It holds another plugin than the one that is asked about.
    #[error("it holds the plugin {0}")]
    OtherPlugin(String),
    /// It has a dependency.
    #[error(
        "it depends on {0}, and which files that brings is only known once npm has installed them"
    )]
    Depends(String),
    /// What npm installs is not what the archive holds.
    #[error(
        "npm changes names or modes of files when it installs it, so they are only known once it is staged"
    )]
    ChangedByNpm,
    /// Ids of this scheme do not come from archives.
    #[error("OpenClaw installs no {0}: from an archive")]
    Scheme(String),
    /// What is in it is nothing that OpenClaw would stage.
    #[error(transparent)]
    Staging(#[from] crate::error::Error),
    /// A request cannot be made of it.
    #[error(transparent)]
    Request(#[from] BadRequest),
}

impl StagedCopy {
    /// Unpacks the archive `file` into `folder`, an empty folder of the caller's, as OpenClaw would stage it for `id`: one of
    /// `archive:`, `bundle:`, `npm-pack:` and `npm:`. For a package of npm, `file` is the archive that the registry published.
    ///
    /// # Errors
    /// When the archive is refused or is of something else than `id`, and when what will be installed is more
    /// than the archive, because npm fetches dependencies or changes files. That is only known once it is staged: let the gate refuse
    /// the install, and take the copy that it keeps.
    pub fn of_archive(file: &Path, id: &SubjectId, folder: &Path) -> Result<Self, NotStaged> {
        let open = || read::open(file).map(|(file, _)| file);
        let archive = archive::read(open()?, &ArchiveLimits::default(), |path| {
            path == "package.json"
        })?;
        let manifest = manifest(&archive)?;
        let content = folder.join("content");
        let npm = matches!(id.scheme(), "npm" | "npm-pack");
        let package = if npm {
            content.join("node_modules").join(id.name())
        } else {
            content.clone()
        };
        if let Some(parent) = package.parent() {
            fs::create_dir_all(parent)?;
        }
        only_itself(&manifest)?;
        if npm {
            unchanged_by_npm(&archive, &manifest, id)?;
        }
        archive::unpack(
            open()?,
            &ArchiveLimits::default(),
            &archive.integrity,
            &package,
        )?;
        let request = match id.scheme() {
            "npm" | "npm-pack" => project(&archive, &manifest, id, &content)?,
            "archive" | "bundle" => plugin(id, &content)?,
            other => {
                return Err(NotStaged::Scheme(text::excerpt(other, 60)));
            }
        };
        let request = Request::parse(request.to_string().as_bytes())?;
        Ok(Self {
            request,
            name: None,
        })
    }
}

fn manifest(archive: &Archive) -> Result<Value, NotStaged> {
    let Some(bytes) = archive.content("package.json") else {
        return Ok(Value::Null);
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| NotStaged::Manifest("is not UTF-8 text".to_owned()))?;
    crate::json::strict(text).map_err(|error| NotStaged::Manifest(error.to_string()))
}

/// Nothing that npm would fetch along. OpenClaw links its own package itself.
fn only_itself(manifest: &Value) -> Result<(), NotStaged> {
    let keys = ["dependencies", "optionalDependencies", "peerDependencies"];
    let names = keys
        .iter()
        .filter_map(|key| manifest.get(key)?.as_object())
        .flat_map(serde_json::Map::keys);
    match names.into_iter().find(|name| *name != "openclaw") {
        Some(name) => Err(NotStaged::Depends(text::excerpt(name, 120))),
        None => Ok(()),
    }
}

/// npm renames `.gitignore` and makes the files of `bin` executable.
fn unchanged_by_npm(archive: &Archive, manifest: &Value, id: &SubjectId) -> Result<(), NotStaged> {
    let name = manifest
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name != id.name() {
        return Err(NotStaged::OtherPackage(text::excerpt(name, 120)));
    }
    let listing = archive.manifest_of_npm()?;
    let bins = manifest.get("bin").is_some() || manifest.pointer("/directories/bin").is_some();
    if bins || listing.digest() != archive.digest {
        return Err(NotStaged::ChangedByNpm);
    }
    Ok(())
}

fn plugin(id: &SubjectId, content: &Path) -> Result<Value, NotStaged> {
    let staging = Staging::open(content, None)?;
    let found = staging.plugin_id();
    if found != id.name() {
        return Err(NotStaged::OtherPlugin(text::excerpt(&found, 120)));
    }
    let bundle = id.scheme() == "bundle";
    let (origin, kind) = if bundle {
        ("plugin-bundle", "bundle")
    } else {
        ("plugin-dependency-tree", "dependency-tree")
    };
    Ok(request(
        content,
        "plugin-archive",
        "archive",
        json!({ "type": origin }),
        &found,
        json!({ "contentType": kind, "pluginId": found }),
    ))
}

/// The project that OpenClaw makes for one package.
fn project(
    archive: &Archive,
    manifest: &Value,
    id: &SubjectId,
    content: &Path,
) -> Result<Value, NotStaged> {
    let name = id.name();
    let version = manifest
        .get("version")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let packed = id.scheme() == "npm-pack";
    let spec = if packed {
        "file:archive.tgz".to_owned()
    } else {
        version.to_owned()
    };
    let write = |path: &str, value: Value| fs::write(content.join(path), value.to_string());
    write(
        "package.json",
        json!({ "private": true, "dependencies": { name: spec } }),
    )?;
    let entry = json!({ "version": version, "integrity": archive.integrity.to_string() });
    write(
        "package-lock.json",
        json!({ "lockfileVersion": 3, "packages": { (format!("node_modules/{name}")): entry } }),
    )?;
    let (source, spec) = if packed {
        ("archive", format!("npm-pack:{name}"))
    } else {
        ("npm", format!("{name}@{version}"))
    };
    let plugin = json!({ "contentType": "dependency-tree", "pluginId": name });
    let mut request = request(
        content,
        "plugin-npm",
        source,
        json!({ "type": "plugin-dependency-tree" }),
        name,
        plugin,
    );
    if let Some(asked) = request.get_mut("request").and_then(Value::as_object_mut) {
        asked.insert("requestedSpecifier".to_owned(), spec.into());
    }
    Ok(request)
}

fn request(
    content: &Path,
    kind: &str,
    source: &str,
    origin: Value,
    name: &str,
    plugin: Value,
) -> Value {
    json!({
        "protocolVersion": PROTOCOL_VERSION, "targetType": "plugin", "targetName": name,
        "sourcePath": content.to_string_lossy(), "sourcePathKind": "directory",
        "source": { "kind": source }, "origin": origin,
        "request": { "kind": kind, "mode": "install" }, "plugin": plugin,
    })
}
