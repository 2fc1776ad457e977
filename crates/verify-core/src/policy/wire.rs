//! What is in `openclaw-verify.toml` and in the presets, with the places of everything that can still be wrong.

use std::collections::BTreeMap;

use crate::toml_file::{Spanned, date_schema};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::Criteria;
use super::{Dependencies, LocalFiles, Need, PinRequirement, Preset, ReleaseNeed};
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::finding::Level;
use crate::subject::SubjectId;

/// The format version that is read. A larger one breaks readers.
pub(super) const VERSION: i64 = 1;

pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(WirePolicy)
}

/// What is required of an installation of OpenClaw: `openclaw-verify.toml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Policy")]
pub(super) struct WirePolicy {
    /// The version of this format.
    #[serde(rename = "version")]
    pub _version: i64,
    /// Which keys of this version are used.
    #[serde(default, rename = "revision")]
    pub _revision: u32,
    /// The built-in policy that the rest changes.
    pub preset: Option<Spanned<Preset>>,
    /// By id of a finding: how much it counts. Some cannot be lowered.
    #[serde(default)]
    pub levels: BTreeMap<Spanned<String>, Spanned<Level>>,
    /// Where code may come from.
    pub sources: Option<WireSources>,
    /// What is asked of advisories.
    pub advisories: Option<Spanned<WireAdvisories>>,
    /// What is asked of the machine.
    pub host: Option<WireHost>,
    /// Reviews of others that count, by a name of your own.
    #[serde(default)]
    pub imports: BTreeMap<Spanned<String>, Spanned<WireImport>>,
    /// What is required of subjects whose ids match.
    #[serde(default)]
    pub rule: Vec<Spanned<WireRule>>,
    /// Files of data that a plugin or skill may change.
    #[serde(default)]
    pub mutable: Vec<Spanned<WireMutable>>,
    /// Who may sign release tags of a repository.
    #[serde(default)]
    pub release: Vec<Spanned<WireRelease>>,
    /// Who may sign skills whose ids match.
    #[serde(default, rename = "skill-signer")]
    pub skill_signer: Vec<Spanned<WireSkillSigner>>,
    /// What is asked of a Nix store.
    pub nix: Option<WireNix>,
    /// Where what is judged lies. Counts where signatures are required.
    pub installation: Option<WireInstallation>,
    /// Files of the operator that have to be these.
    #[serde(default)]
    pub file: Vec<Spanned<WireFile>>,
    /// OpenVEX documents about known vulnerabilities.
    #[serde(default)]
    pub vex: Vec<Spanned<WireVex>>,
    /// Findings that are accepted until a day.
    #[serde(default)]
    pub exception: Vec<Spanned<WireException>>,
}

/// Where what is judged lies.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Installation")]
pub(super) struct WireInstallation {
    /// OpenClaw's state directory.
    pub state_dir: Option<Spanned<String>>,
    /// The host package.
    pub openclaw: Option<Spanned<String>>,
    /// The home folder of the user who runs OpenClaw.
    pub home: Option<Spanned<String>>,
}

/// What is asked of the machine.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Host")]
pub(super) struct WireHost {
    /// Whether `check` judges the machine too.
    pub check: Option<bool>,
    /// Whether the group of OpenClaw's files is trusted.
    pub group_shared: Option<bool>,
}

/// What is asked of a Nix store.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Nix")]
pub(super) struct WireNix {
    /// Keys of caches, as Nix writes them: `name:base64`.
    #[serde(default)]
    pub trusted_keys: Vec<Spanned<String>>,
}

/// A file of the operator.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "File")]
pub(super) struct WireFile {
    /// Relative to the policy, or absolute.
    pub path: Spanned<String>,
    /// Its digest.
    pub sha256: Spanned<Sha256Digest>,
}

/// Where code may come from. Without a list, anywhere.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Sources")]
pub(super) struct WireSources {
    /// Addresses of npm registries.
    pub registries: Option<Vec<Spanned<String>>>,
    /// Repositories, such as `github.com/acme/*`.
    pub git: Option<Vec<Spanned<String>>>,
    /// Days that a release has to be public.
    pub min_age_days: Option<u32>,
}

/// What is asked of advisories.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Advisories")]
pub(super) struct WireAdvisories {
    /// The index, relative to the policy or absolute.
    pub index: Option<Spanned<String>>,
    /// Where to fetch advisories.
    pub source: Option<Spanned<String>>,
    /// The digest that what is fetched must have.
    pub sha256: Option<Spanned<String>>,
    /// Days after which the index counts as old.
    pub max_age_days: Option<Spanned<u32>>,
    /// Whether it is a finding that there is no index.
    pub require: Option<bool>,
    /// The severity from which a known vulnerability denies.
    pub deny_severity: Option<Spanned<String>>,
    /// Packages of your own whose names are also in the public registry.
    #[serde(default)]
    pub not_for: Vec<Spanned<String>>,
}

/// Reviews of others.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Import")]
pub(super) struct WireImport {
    /// A file, relative to the policy or absolute.
    pub path: Option<Spanned<String>>,
    /// Where it comes from.
    pub url: Option<Spanned<String>>,
    /// What it has to be.
    pub digest: Spanned<Sha256Digest>,
}

/// What is required of subjects.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub(super) struct WireRule {
    /// Ids that it is about, such as `npm:@openclaw/*`.
    #[serde(rename = "match")]
    pub pattern: Spanned<String>,
    /// How exactly it has to be pinned.
    pub pin: Option<PinRequirement>,
    /// Whether its origin has to be proved.
    pub provenance: Option<Need>,
    /// Who has to have built it.
    pub identity: Option<Spanned<WireIdentity>>,
    /// How it has to have been read.
    pub review: Option<WireReview>,
    /// What its dependencies have to be.
    pub dependencies: Option<Dependencies>,
    /// Which files stand for the local script of an MCP server.
    pub local: Option<Spanned<LocalFiles>>,
}

/// Files of data that a subject may change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mutable")]
pub(super) struct WireMutable {
    /// The subject.
    pub package: Spanned<SubjectId>,
    /// Paths in it; no code, and no instructions.
    pub paths: Spanned<Vec<Spanned<String>>>,
}

/// How it has to have been read.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Review")]
pub(super) enum WireReview {
    None,
    SafeToLoad,
    SafeToRun,
}

/// Who has to have built it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identity")]
pub(super) struct WireIdentity {
    /// The repository, such as `github.com/acme/notes`.
    pub repository: Spanned<String>,
    /// The workflow, such as `.github/workflows/release.yml`.
    pub workflow: Option<Spanned<String>>,
    /// The ref from which it ran.
    #[serde(rename = "ref")]
    pub reference: Option<Spanned<String>>,
}

/// Who may sign release tags of a repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Release")]
pub(super) struct WireRelease {
    /// Such as `github.com/openclaw/openclaw`.
    pub repository: Spanned<String>,
    /// Names of tags, such as `v*`.
    pub tags: Spanned<String>,
    /// A file of allowed signers, as `ssh-keygen` reads it.
    pub signers: Option<Spanned<String>>,
    /// Fingerprints of OpenPGP keys.
    pub openpgp: Option<Spanned<Vec<Spanned<String>>>>,
    /// The identity of a certificate.
    pub gitsign: Option<Spanned<WireGitsign>>,
    /// Whether a signature has to be there.
    pub require: Option<ReleaseNeed>,
    /// The oldest version that is accepted.
    pub minimum: Option<Spanned<String>>,
}

/// Who may sign skills whose ids match.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SkillSigner")]
pub(super) struct WireSkillSigner {
    /// Ids that it is about.
    #[serde(rename = "match")]
    pub pattern: Spanned<String>,
    /// A certificate, relative to the policy or absolute.
    pub certificate: Option<Spanned<String>>,
    /// A public key, relative to the policy or absolute.
    pub key: Option<Spanned<String>>,
    /// The identity in a certificate of Sigstore.
    pub identity: Option<Spanned<String>>,
    /// Who vouched for that identity.
    pub issuer: Option<Spanned<String>>,
    /// Whether a signature has to be there.
    pub require: Option<bool>,
}

/// An OpenVEX document.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Vex")]
pub(super) struct WireVex {
    /// Relative to the policy, or absolute.
    pub path: Spanned<String>,
    /// What it has to be.
    pub digest: Option<Sha256Digest>,
    /// The last day on which it counts.
    #[schemars(schema_with = "date_schema")]
    pub until: Spanned<Datetime>,
}

/// The identity of a certificate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gitsign")]
pub(super) struct WireGitsign {
    /// Such as an address of e-mail.
    pub identity: Spanned<String>,
    /// Who vouched for it.
    pub issuer: Spanned<String>,
}

/// Findings that are accepted until a day. It names what it is about by a digest or a version.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exception")]
pub(super) struct WireException {
    /// The subject.
    pub package: SubjectId,
    /// The digest of its files.
    pub tree: Option<TreeDigest>,
    /// The digest of what it starts.
    pub definition: Option<Sha256Digest>,
    /// The digest of its settings.
    pub settings: Option<Sha256Digest>,
    /// The digest of its instructions.
    pub instructions: Option<Sha256Digest>,
    /// Its version.
    pub version: Option<Spanned<String>>,
    /// The digest of its dependencies.
    pub dependencies: Option<TreeDigest>,
    /// The digest of its archive.
    pub archive: Option<Spanned<Sri>>,
    /// The advisory that is accepted.
    pub advisory: Option<Spanned<String>>,
    /// Ids of findings.
    pub allow: Option<Spanned<Vec<Spanned<String>>>>,
    /// Why.
    pub reason: Spanned<String>,
    /// The last day on which it counts.
    #[schemars(schema_with = "date_schema")]
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
