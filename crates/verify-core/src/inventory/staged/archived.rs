//! An archive on disk, staged as OpenClaw would stage it, so that it can be read and locked before it is installed for the first time.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Staging;
use super::kept::StagedCopy;
use super::protocol::{PROTOCOL_VERSION, Request};
use crate::archive::{self, Archive, ArchiveLimits};
use crate::read;
use crate::subject::SubjectId;
use crate::text;

impl StagedCopy {
    /// Unpacks the archive `file` into `folder`, an empty folder of the caller's, as OpenClaw would stage it for `id`: one of
    /// `archive:`, `bundle:`, `npm-pack:` and `npm:`. For a package of npm, `file` is the archive that the registry published.
    ///
    /// # Errors
    /// In words, safe to show: when the archive is refused or is of something else than `id`, and when what will be installed is more
    /// than the archive, because npm fetches dependencies or changes files. That is only known once it is staged: let the gate refuse
    /// the install, and take the copy that it keeps.
    pub fn of_archive(file: &Path, id: &SubjectId, folder: &Path) -> Result<Self, String> {
        let open = || {
            read::open(file)
                .map(|(file, _)| file)
                .map_err(|error| error.to_string())
        };
        let archive = archive::read(open()?, &ArchiveLimits::default(), |path| {
            path == "package.json"
        })
        .map_err(|error| error.to_string())?;
        let manifest = manifest(&archive)?;
        let content = folder.join("content");
        let npm = matches!(id.scheme(), "npm" | "npm-pack");
        let package = if npm {
            content.join("node_modules").join(id.name())
        } else {
            content.clone()
        };
        if let Some(parent) = package.parent() {
            fs::create_dir_all(parent).map_err(|error| error.to_string())?;
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
        )
        .map_err(|error| error.to_string())?;
        let request = match id.scheme() {
            "npm" | "npm-pack" => project(&archive, &manifest, id, &content)?,
            "archive" | "bundle" => plugin(id, &content)?,
            other => {
                return Err(format!(
                    "OpenClaw installs no {}: from an archive",
                    text::excerpt(other, 60)
                ));
            }
        };
        let request =
            Request::parse(request.to_string().as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            request,
            name: None,
        })
    }
}

fn manifest(archive: &Archive) -> Result<Value, String> {
    let Some(bytes) = archive.content("package.json") else {
        return Ok(Value::Null);
    };
    let text =
        std::str::from_utf8(bytes).map_err(|_| "package.json is not UTF-8 text".to_owned())?;
    crate::json::strict(text).map_err(|error| format!("package.json {error}"))
}

/// Nothing that npm would fetch along. OpenClaw links its own package itself.
fn only_itself(manifest: &Value) -> Result<(), String> {
    let keys = ["dependencies", "optionalDependencies", "peerDependencies"];
    let names = keys
        .iter()
        .filter_map(|key| manifest.get(key)?.as_object())
        .flat_map(serde_json::Map::keys);
    match names.into_iter().find(|name| *name != "openclaw") {
        Some(name) => Err(format!(
            "it depends on {}, and which files that brings is only known once npm has installed them",
            text::excerpt(name, 120)
        )),
        None => Ok(()),
    }
}

/// npm renames `.gitignore` and makes the files of `bin` executable.
fn unchanged_by_npm(archive: &Archive, manifest: &Value, id: &SubjectId) -> Result<(), String> {
    let name = manifest
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name != id.name() {
        return Err(format!("it is the package {}", text::excerpt(name, 120)));
    }
    let listing = archive
        .manifest_of_npm()
        .map_err(|error| error.to_string())?;
    let bins = manifest.get("bin").is_some() || manifest.pointer("/directories/bin").is_some();
    if bins || listing.digest() != archive.digest {
        return Err(
            "npm changes names or modes of files when it installs it, so they are only known once it is staged".to_owned()
        );
    }
    Ok(())
}

fn plugin(id: &SubjectId, content: &Path) -> Result<Value, String> {
    let staging = Staging::open(content, None).map_err(|error| error.to_string())?;
    let found = staging.plugin_id();
    if found != id.name() {
        return Err(format!(
            "it holds the plugin {}",
            text::excerpt(&found, 120)
        ));
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
) -> Result<Value, String> {
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
    let write = |path: &str, value: Value| {
        fs::write(content.join(path), value.to_string()).map_err(|error| error.to_string())
    };
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
