//! What is in `openclaw-verify.toml` and in the presets, with the places of everything that can still be wrong.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::Criteria;
use super::{Dependencies, LocalFiles, Need, PinRequirement, Preset, ReleaseNeed};
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::finding::Level;
use crate::subject::SubjectId;

/// The format version that is read. A larger one breaks readers.
pub(super) const VERSION: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePolicy {
    #[serde(rename = "version")]
    pub _version: i64,
    #[serde(default, rename = "revision")]
    pub _revision: u32,
    pub preset: Option<Spanned<Preset>>,
    #[serde(default)]
    pub levels: BTreeMap<Spanned<String>, Spanned<Level>>,
    pub sources: Option<WireSources>,
    pub advisories: Option<Spanned<WireAdvisories>>,
    pub host: Option<WireHost>,
    #[serde(default)]
    pub imports: BTreeMap<Spanned<String>, Spanned<WireImport>>,
    #[serde(default)]
    pub rule: Vec<Spanned<WireRule>>,
    #[serde(default)]
    pub mutable: Vec<Spanned<WireMutable>>,
    #[serde(default)]
    pub release: Vec<Spanned<WireRelease>>,
    #[serde(default, rename = "skill-signer")]
    pub skill_signer: Vec<Spanned<WireSkillSigner>>,
    pub nix: Option<WireNix>,
    pub installation: Option<WireInstallation>,
    #[serde(default)]
    pub file: Vec<Spanned<WireFile>>,
    #[serde(default)]
    pub vex: Vec<Spanned<WireVex>>,
    #[serde(default)]
    pub exception: Vec<Spanned<WireException>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireInstallation {
    pub state_dir: Option<Spanned<String>>,
    pub openclaw: Option<Spanned<String>>,
    pub home: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireHost {
    pub check: Option<bool>,
    pub group_shared: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireNix {
    #[serde(default)]
    pub trusted_keys: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFile {
    pub path: Spanned<String>,
    pub sha256: Spanned<Sha256Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireSources {
    pub registries: Option<Vec<Spanned<String>>>,
    pub git: Option<Vec<Spanned<String>>>,
    pub min_age_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireAdvisories {
    pub index: Option<Spanned<String>>,
    pub source: Option<Spanned<String>>,
    pub sha256: Option<Spanned<String>>,
    pub max_age_days: Option<Spanned<u32>>,
    pub require: Option<bool>,
    pub deny_severity: Option<Spanned<String>>,
    #[serde(default)]
    pub not_for: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireImport {
    pub path: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    pub digest: Spanned<Sha256Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireRule {
    #[serde(rename = "match")]
    pub pattern: Spanned<String>,
    pub pin: Option<PinRequirement>,
    pub provenance: Option<Need>,
    pub identity: Option<Spanned<WireIdentity>>,
    pub review: Option<WireReview>,
    pub dependencies: Option<Dependencies>,
    pub local: Option<Spanned<LocalFiles>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireMutable {
    pub package: Spanned<SubjectId>,
    pub paths: Spanned<Vec<Spanned<String>>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireReview {
    None,
    SafeToLoad,
    SafeToRun,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireIdentity {
    pub repository: Spanned<String>,
    pub workflow: Option<Spanned<String>>,
    #[serde(rename = "ref")]
    pub reference: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireRelease {
    pub repository: Spanned<String>,
    pub tags: Spanned<String>,
    pub signers: Option<Spanned<String>>,
    pub openpgp: Option<Spanned<Vec<Spanned<String>>>>,
    pub gitsign: Option<Spanned<WireGitsign>>,
    pub require: Option<ReleaseNeed>,
    pub minimum: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSkillSigner {
    #[serde(rename = "match")]
    pub pattern: Spanned<String>,
    pub certificate: Option<Spanned<String>>,
    pub key: Option<Spanned<String>>,
    pub identity: Option<Spanned<String>>,
    pub issuer: Option<Spanned<String>>,
    pub require: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireVex {
    pub path: Spanned<String>,
    pub digest: Option<Sha256Digest>,
    pub until: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireGitsign {
    pub identity: Spanned<String>,
    pub issuer: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireException {
    pub package: SubjectId,
    pub tree: Option<TreeDigest>,
    pub definition: Option<Sha256Digest>,
    pub settings: Option<Sha256Digest>,
    pub instructions: Option<Sha256Digest>,
    pub version: Option<Spanned<String>>,
    pub dependencies: Option<TreeDigest>,
    pub archive: Option<Spanned<Sri>>,
    pub advisory: Option<Spanned<String>>,
    pub allow: Option<Spanned<Vec<Spanned<String>>>>,
    pub reason: Spanned<String>,
    pub until: Spanned<Datetime>,
}

impl WireReview {
    pub(super) fn criteria(self) -> Option<Criteria> {
        match self {
            Self::None => None,
            Self::SafeToLoad => Some(Criteria::SafeToLoad),
            Self::SafeToRun => Some(Criteria::SafeToRun),
        }
    }
}
