//! A CycloneDX SBOM of an OpenClaw installation: OpenClaw, plugins, every npm package on disk, skills, hooks, MCP servers, and what
//! was verified about each. docs/sbom.md has the shape, the properties and the scale of confidence.
//!
//! The disk is the source: what lies in `node_modules` is listed, one flat component an instance, and nothing else. Hashes are
//! truthful: the archive's SHA-512 belongs to the `distribution` reference, and becomes the component's own only where the
//! installed files were compared with that archive. What is not known says `NOASSERTION`.

mod build;
mod component;
mod declarations;
pub mod diff;
mod locked;
mod party;
mod projects;
mod purls;
mod service;
mod swhid;
#[cfg(test)]
mod tests;
mod uplift;
mod values;
mod verdicts;
mod vulnerabilities;

use std::collections::BTreeSet;

use cyclonedx_bom::models::lifecycle::Phase;
use serde_json::{Map, Value, json};

use declarations::Declared;

pub use crate::report::Outcomes;
pub use diff::{ComponentEntry, Diff, diff};
pub use party::{Party, PartyError};
pub use verdicts::{
    Analysis, AppliedPolicy, ArchiveMatch, KnownAdvisory, SubjectVerdict, Verdicts,
    VerifiedProvenance,
};

use crate::error::{Error, Result};
use crate::inventory::{self, Inventory};
use crate::lock::Lock;
use crate::npm::NpmLimits;
use crate::subject::SubjectId;

/// How to write the SBOM.
#[derive(Clone, Debug, Default)]
pub struct SbomOptions {
    /// Version of CycloneDX.
    pub spec_version: SpecVersion,
    /// When it was made. The caller takes `SOURCE_DATE_EPOCH` or its clock; none leaves the time out.
    pub timestamp: Option<jiff::Timestamp>,
    /// Leave out the time, and say so: equal installations give equal bytes.
    pub reproducible: bool,
    /// One line instead of indented text.
    pub compact: bool,
    /// Only these subjects and their packages; all when empty.
    pub subjects: BTreeSet<SubjectId>,
    /// The people who make the SBOM.
    pub authors: Vec<Party>,
    /// The organisation that makes the SBOM.
    pub manufacturer: Option<Party>,
    /// The organisation that supplies the installation which it describes.
    pub supplier: Option<Party>,
}

/// Versions of CycloneDX that can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SpecVersion {
    /// 1.5: without authors, manufacturers, SWHIDs and declarations.
    V1_5,
    /// 1.6, which consumers read today.
    #[default]
    V1_6,
    /// 1.7.
    V1_7,
}

impl SpecVersion {
    /// The version as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

/// A text that is no [`SpecVersion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1.5, 1.6 or 1.7")]
pub struct SpecVersionError;

impl std::str::FromStr for SpecVersion {
    type Err = SpecVersionError;

    fn from_str(text: &str) -> std::result::Result<Self, SpecVersionError> {
        [Self::V1_5, Self::V1_6, Self::V1_7]
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or(SpecVersionError)
    }
}

/// An SBOM, ready to be written.
#[derive(Clone, Debug)]
pub struct Sbom {
    bom: Value,
    compact: bool,
}

impl Sbom {
    /// The JSON value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.bom
    }

    /// The text, which ends in a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        if self.compact {
            format!("{}\n", self.bom)
        } else {
            format!("{:#}\n", self.bom)
        }
    }
}

/// Describes what is installed. Reads `package.json` files and the content of small skills; everything else comes from the
/// arguments. Whatever is odd about a package makes it less well described, and never fails the call.
///
/// # Errors
///
/// Only when the SBOM cannot be written at all, which would be a defect of this library.
pub fn generate(inventory: &Inventory, verdicts: &Verdicts, options: &SbomOptions) -> Result<Sbom> {
    let wanted = |id: &SubjectId| options.subjects.is_empty() || options.subjects.contains(id);
    let projects = projects::Projects::read(inventory, wanted, &NpmLimits::default());
    let built = build::build(inventory, &projects, verdicts, wanted);
    drop(projects);

    write(built, verdicts, options)
}

/// Describes what is locked, without any installation: no packages, and no verdicts but the digests themselves.
///
/// # Errors
///
/// As [`generate`].
pub fn from_lock(lock: &Lock, options: &SbomOptions) -> Result<Sbom> {
    let (inventory, verdicts) = (inventory::locked::read(lock), locked::verdicts(lock));
    let wanted = |id: &SubjectId| options.subjects.is_empty() || options.subjects.contains(id);
    let mut built = build::build(
        &inventory,
        &projects::Projects::default(),
        &verdicts,
        wanted,
    );
    if let Some(metadata) = &mut built.bom.metadata {
        metadata.lifecycles = Some(build::phase(Phase::PreBuild));
    }
    write(built, &Verdicts::default(), options)
}

fn write(built: build::Built, verdicts: &Verdicts, options: &SbomOptions) -> Result<Sbom> {
    let mut text = Vec::new();
    let written = built.bom.output_as_json_v1_5(&mut text);
    let core = written
        .map_err(|error| error.to_string())
        .and_then(|()| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    let core = core.map_err(|why| {
        Error::environment(
            format!("cannot write the SBOM: {why}"),
            "report this as a defect",
        )
    })?;
    let mut bom = uplift::uplift(core, options.spec_version, built.extras, &built.externals);
    if !built.vulnerabilities.is_empty() {
        bom.insert("vulnerabilities".to_owned(), built.vulnerabilities.into());
    }
    let declared = if options.spec_version > SpecVersion::V1_5 {
        declarations::declare(verdicts, &built.subjects)
    } else {
        None
    };
    Ok(Sbom {
        bom: seal(bom, declared, options),
        compact: options.compact,
    })
}

/// Puts the members in their usual order, and adds serial and time. The serial is made of the content without the time, so that
/// an unchanged installation keeps it (RFC 9562 version 8).
fn seal(mut bom: Map<String, Value>, declared: Option<Declared>, options: &SbomOptions) -> Value {
    let mut citations = Vec::new();
    if let Some(declared) = declared {
        bom.insert("definitions".to_owned(), declared.definitions);
        bom.insert("declarations".to_owned(), declared.declarations);
        citations = declared.citations;
    }
    if let Some(metadata) = bom.get_mut("metadata").and_then(Value::as_object_mut) {
        party::declare(metadata, options);
    }
    if options.reproducible
        && let Some(properties) = bom
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("properties"))
        && let Some(properties) = properties.as_array_mut()
    {
        properties.insert(0, json!({ "name": "cdx:reproducible", "value": "true" }));
    }
    let mut sealed = Map::new();
    for key in ["$schema", "bomFormat", "specVersion", "version", "metadata"] {
        sealed.extend(bom.shift_remove(key).map(|value| (key.to_owned(), value)));
    }
    sealed.extend(bom);
    let serial = serial(&Value::Object(sealed.clone()));
    sealed.shift_insert(3, "serialNumber".to_owned(), serial.into());
    if let Some(timestamp) = options.timestamp.filter(|_| !options.reproducible)
        && let Some(Value::Object(metadata)) = sealed.get_mut("metadata")
    {
        let seconds = jiff::Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp);
        metadata.shift_insert(0, "timestamp".to_owned(), seconds.to_string().into());
        // A citation must have a time, so it is left out of the serial and of what is reproducible.
        if options.spec_version >= SpecVersion::V1_7 && !citations.is_empty() {
            let dated = citations.into_iter().map(|mut citation| {
                citation["timestamp"] = seconds.to_string().into();
                citation
            });
            sealed.insert("citations".to_owned(), dated.collect());
        }
    }
    Value::Object(sealed)
}

fn serial(bom: &Value) -> String {
    let digest = crate::digest::Sha256Digest::of(bom.to_string().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.0[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::digest::to_hex(&bytes);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
