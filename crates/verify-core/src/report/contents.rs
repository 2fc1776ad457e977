//! What is inside an archive, as plain data.

use schemars::JsonSchema;
use serde::Serialize;

use crate::archive::{Archive, Binary};
use crate::digest::{Sha256Digest, Sri};
use crate::evidence::NpmFacts;
use crate::inventory::packed::bundled;
use crate::npm::{Dependency, DependencyKind, PackageJson};
use crate::text;

/// What is inside an archive. Texts are untrusted and safe to show.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PackageContents {
    /// Name in `package.json`.
    pub name: String,
    /// Version in `package.json`.
    pub version: String,
    /// SHA-512 of the archive, as npm writes it.
    pub integrity: Sri,
    /// SHA-256 of the archive.
    pub sha256: Sha256Digest,
    /// Digest of the tree that it unpacks to.
    pub tree: crate::digest::TreeDigest,
    /// Bytes of the archive.
    pub packed: u64,
    /// Bytes that it unpacks to, headers included.
    pub unpacked: u64,
    /// Files and links.
    pub files: usize,
    /// Scripts that npm would run, those of bundled packages included, one line each.
    pub install_scripts: Vec<String>,
    /// Files with machine code.
    pub binaries: Vec<Binary>,
    /// Commands that it brings: name and file.
    pub commands: Vec<(String, String)>,
    /// What npm would install with it: name and range.
    pub dependencies: Vec<(String, String)>,
    /// Packages that it brings inside.
    pub bundled: Vec<String>,
    /// Symbolic and hard links, which npm does not install.
    pub links: Vec<String>,
}

/// Names and files of `bin`, or else all files below `directories.bin`.
fn commands(archive: &Archive, manifest: &PackageJson) -> Vec<(String, String)> {
    let text = archive
        .content("package.json")
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    let package = crate::json::last_wins(text)
        .map(|parsed| parsed.value)
        .unwrap_or_default();
    let folder = package
        .pointer("/directories/bin")
        .and_then(serde_json::Value::as_str);
    let Some(folder) = folder.filter(|_| package.get("bin").is_none()) else {
        return manifest.bin.clone();
    };
    let folder = format!("{}/", folder.trim_start_matches("./").trim_end_matches('/'));
    let inside = archive
        .entries
        .iter()
        .filter(|entry| entry.path.starts_with(&folder));
    inside
        .map(|entry| {
            (
                entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
                entry.path.clone(),
            )
        })
        .collect()
}

/// What lies in a `node_modules` without being a package: Node finds it anyway.
fn loose(archive: &Archive) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for entry in &archive.entries {
        let Some((before, rest)) = entry.path.rsplit_once("node_modules/") else {
            continue;
        };
        if !(before.is_empty() || before.ends_with('/')) {
            continue;
        }
        let parts = if rest.starts_with('@') { 2 } else { 1 };
        let name = rest.split('/').take(parts).collect::<Vec<_>>().join("/");
        if archive
            .entry(&format!("{before}node_modules/{name}/package.json"))
            .is_none()
        {
            found.insert(format!("{} (no package.json)", text::excerpt(&name, 200)));
        }
    }
    found.into_iter().collect()
}

pub(crate) fn contents(
    archive: &Archive,
    name: &str,
    version: &str,
    manifest: &PackageJson,
    facts: &NpmFacts,
) -> PackageContents {
    let shown = |text: &str| text::excerpt(text, 200);
    let inside = |(folder, manifest): (&str, Option<PackageJson>)| {
        let name = folder
            .rsplit_once("node_modules/")
            .map_or(folder, |(_, name)| name);
        let version = manifest.and_then(|manifest| manifest.version);
        format!(
            "{}@{}",
            shown(name),
            shown(version.as_deref().unwrap_or("?"))
        )
    };
    let installed = manifest
        .dependencies
        .iter()
        .filter(|dependency| !manifest.bundles.contains(&dependency.name));
    let spec = |dependency: &Dependency| match dependency.kind {
        DependencyKind::Required => shown(&dependency.spec),
        DependencyKind::Optional => format!("{} (optional)", shown(&dependency.spec)),
        DependencyKind::Peer => format!("{} (peer)", shown(&dependency.spec)),
        DependencyKind::OptionalPeer => format!("{} (optional peer)", shown(&dependency.spec)),
    };
    let links = archive
        .entries
        .iter()
        .filter(|entry| entry.hard_link || entry.mode == crate::tree::Mode::Symlink);
    PackageContents {
        name: shown(name),
        version: shown(version),
        integrity: archive.integrity,
        sha256: archive.sha256,
        tree: archive.digest,
        packed: archive.packed,
        unpacked: archive.unpacked,
        files: archive.entries.len(),
        install_scripts: facts.install_scripts.clone(),
        binaries: archive
            .binaries
            .iter()
            .map(|binary| Binary {
                path: shown(&binary.path),
                format: binary.format,
            })
            .collect(),
        commands: commands(archive, manifest)
            .into_iter()
            .map(|(name, file)| (shown(&name), shown(&file)))
            .collect(),
        dependencies: installed
            .map(|dependency| (shown(&dependency.name), spec(dependency)))
            .collect(),
        bundled: bundled(archive).map(inside).chain(loose(archive)).collect(),
        links: links.map(|entry| shown(&entry.path)).collect(),
    }
}
