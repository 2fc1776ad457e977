//! What is in `openclaw-verify.lock`, and how it becomes a [`Lock`].

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{Lock, LockedPackage, LockedRelease, Provenance};
use crate::digest::{GitOid, Sha256Digest, Sri, TreeDigest};
use crate::error::{OperatorError, Unmerged};
use crate::subject::{Kind, Source, SubjectId};
use crate::toml_file::{Checked, TomlFile, fail};

/// The format version that is read and written. A larger one breaks readers.
pub(super) const VERSION: i64 = 1;

/// The revision that is written. A larger one only adds keys, which are unknown keys here.
pub(super) const REVISION: u32 = 1;

const BY_HAND: &str = "restore the file from version control, or lock anew what is installed";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLock {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    revision: u32,
    #[serde(default)]
    package: Vec<Spanned<WirePackage>>,
    #[serde(default)]
    release: Vec<Spanned<WireRelease>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WirePackage {
    id: SubjectId,
    kind: Kind,
    version: Option<String>,
    source: Source,
    spec: Option<String>,
    archive: Option<Sri>,
    commit: Option<GitOid>,
    tag_object: Option<GitOid>,
    signer: Option<String>,
    tree: Option<TreeDigest>,
    dependencies: Option<TreeDigest>,
    siblings: Option<TreeDigest>,
    definition: Option<Sha256Digest>,
    settings: Option<Sha256Digest>,
    instructions: Option<Sha256Digest>,
    files: Option<u64>,
    provenance: Option<WireProvenance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProvenance {
    repository: String,
    workflow: String,
    commit: Option<GitOid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireRelease {
    repository: String,
    tag: String,
    tag_object: Option<GitOid>,
    commit: GitOid,
    signer: Option<String>,
    tree: Option<TreeDigest>,
}

pub(super) fn parse(path: &Path, text: &str) -> Checked<Lock> {
    read(path, text).map_err(|error| error.in_merge_of(Unmerged::Lock))
}

fn read(path: &Path, text: &str) -> Checked<Lock> {
    let file = TomlFile::new(path, text, BY_HAND)?;
    let wire: WireLock = file.parse(VERSION)?;

    let mut seen = HashMap::new();
    let mut packages = Vec::with_capacity(wire.package.len());
    for entry in wire.package {
        let span = entry.span();
        let package = entry.into_inner().into_package(file.line(span.start));
        if let Some(first) = seen.insert(package.id.to_string(), span.clone()) {
            return fail(
                file.duplicate(&package.id.to_string(), first, span)
                    .with_help(BY_HAND),
            );
        }
        package
            .check()
            .map_err(|why| file.error(span.clone(), format!("{}: {why}", package.id)))?;
        // Without its revision a lock would say nothing about what these are for.
        if wire.revision == 0 && package.is_of_revision_1() {
            let what = format!(
                "{} is not in a lock of revision 0, so the line `revision` was lost or changed",
                package.id
            );
            return fail(file.error(span, what).with_help(BY_HAND));
        }
        packages.push(package);
    }

    let mut seen = HashMap::new();
    let mut releases = Vec::with_capacity(wire.release.len());
    for entry in wire.release {
        let span = entry.span();
        let release = entry.into_inner().into_release(file.line(span.start));
        if let Some(first) = seen.insert(release.id(), span.clone()) {
            return fail(
                file.duplicate(&release.id(), first, span)
                    .with_help(BY_HAND),
            );
        }
        release
            .check()
            .map_err(|why| file.error(span, format!("{}: {why}", release.id())))?;
        releases.push(release);
    }
    Lock::new(packages, releases)
        .map(|lock| lock.of_revision(wire.revision))
        .or_else(|e| fail(OperatorError::whole(path, e.to_string()).with_help(BY_HAND)))
}

impl WirePackage {
    fn into_package(self, line: usize) -> LockedPackage {
        LockedPackage {
            id: self.id,
            kind: self.kind,
            version: self.version,
            source: self.source,
            spec: self.spec,
            archive: self.archive,
            commit: self.commit,
            tag_object: self.tag_object,
            signer: self.signer,
            tree: self.tree,
            dependencies: self.dependencies,
            siblings: self.siblings,
            definition: self.definition,
            settings: self.settings,
            instructions: self.instructions,
            files: self.files,
            provenance: self.provenance.map(|p| Provenance {
                repository: p.repository,
                workflow: p.workflow,
                commit: p.commit,
            }),
            line,
        }
    }
}

impl WireRelease {
    fn into_release(self, line: usize) -> LockedRelease {
        LockedRelease {
            repository: self.repository,
            tag: self.tag,
            tag_object: self.tag_object,
            commit: self.commit,
            signer: self.signer,
            tree: self.tree,
            line,
        }
    }
}
