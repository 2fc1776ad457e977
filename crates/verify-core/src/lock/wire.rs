//! What is in `openclaw-verify.lock`, and how it becomes a [`Lock`].

use std::collections::HashMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Lock, LockedPackage, LockedRelease, Provenance};
use crate::digest::{GitOid, Sha256Digest, Sri, TreeDigest};
use crate::error::{OperatorError, Unmerged};
use crate::subject::{Kind, Source, SubjectId};
use crate::toml_file::{Checked, Spanned, TomlFile, fail};

/// The format version that is read and written. A larger one breaks readers.
pub(super) const VERSION: i64 = 1;

/// The revision that is written. A larger one only adds keys, which are unknown keys here.
pub(super) const REVISION: u32 = 1;

const BY_HAND: &str =
    "restore the file from version control, or move it aside and lock anew what is installed";

pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(WireLock)
}

/// What is installed, as it was when it was locked: `openclaw-verify.lock`. Written by the program.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lock")]
struct WireLock {
    /// The version of this format.
    #[serde(rename = "version")]
    _version: i64,
    /// Which keys of this version are used.
    #[serde(default)]
    revision: u32,
    /// What is installed.
    #[serde(default)]
    package: Vec<Spanned<WirePackage>>,
    /// Release tags that are pinned.
    #[serde(default)]
    release: Vec<Spanned<WireRelease>>,
}

/// Something that is installed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Package")]
struct WirePackage {
    /// Its stable name.
    id: SubjectId,
    /// What it is.
    kind: Kind,
    /// Its version.
    version: Option<String>,
    /// Where it came from.
    source: Source,
    /// What OpenClaw was asked for.
    spec: Option<String>,
    /// The digest of its archive.
    archive: Option<Sri>,
    /// The commit that it was made from.
    commit: Option<GitOid>,
    /// The tag that names this commit.
    tag_object: Option<GitOid>,
    /// Who signed.
    signer: Option<String>,
    /// The digest of its files.
    tree: Option<TreeDigest>,
    /// The digest of its dependencies.
    dependencies: Option<TreeDigest>,
    /// The digest of what is installed beside it and that it loads.
    siblings: Option<TreeDigest>,
    /// The digest of what it starts.
    definition: Option<Sha256Digest>,
    /// The digest of its settings.
    settings: Option<Sha256Digest>,
    /// The digest of its instructions.
    instructions: Option<Sha256Digest>,
    /// How many files it has.
    files: Option<u64>,
    /// Who built it.
    provenance: Option<WireProvenance>,
}

/// Who built it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Provenance")]
struct WireProvenance {
    /// The repository.
    repository: String,
    /// The workflow.
    workflow: String,
    /// The commit.
    commit: Option<GitOid>,
}

/// A release tag that is pinned.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Release")]
struct WireRelease {
    /// The repository.
    repository: String,
    /// Its name.
    tag: String,
    /// The tag, where it is an object.
    tag_object: Option<GitOid>,
    /// The commit that it names.
    commit: GitOid,
    /// Who signed.
    signer: Option<String>,
    /// The digest of the commit's files.
    tree: Option<TreeDigest>,
}

pub(super) fn parse(path: &Path, text: &str) -> Checked<Lock> {
    read(path, text).map_err(|error| error.in_merge_of(Unmerged::Lock))
}

fn read(path: &Path, text: &str) -> Checked<Lock> {
    let file = TomlFile::new(path, text, BY_HAND)?;
    let wire: WireLock = file.parse_revised(VERSION, REVISION.into())?;

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
