//! `openclaw-verify.toml`: what the operator asks for. Format: docs/formats.md.
//!
//! A policy is a preset with the operator's own keys over it. What comes out of [`Policy::parse`] cannot contradict itself: every
//! finding id is known, no finding that must stand can be lowered, no two rules can tie over a subject.

mod advisories;
mod criteria;
pub mod edit;
mod exception;
mod glob;
mod host;
pub mod keys;
mod requirements;
mod rule_set;
mod signed;
mod skill_signer;
pub mod starter;
pub(crate) mod state_files;
mod validate;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::advisories::VexPolicy;
use crate::digest::Sha256Digest;
use crate::error::{OperatorError, Unmerged};
use crate::finding::Level;
use crate::nix::StoreKey;
use crate::subject::{Kind, Source, SubjectId};

pub use advisories::AdvisoryPolicy;
pub use criteria::Criteria;
pub(crate) use exception::is_one_version;
pub use exception::{Digests, Exception, ExceptionTarget, MAX_EXCEPTION_DAYS, MAX_MALICIOUS_DAYS};
pub use glob::{BadPattern, Pattern};
pub use host::HostPolicy;
pub use requirements::{OriginProof, Requirements};
use rule_set::RuleSet;
pub use signed::{InstallationPlaces, PinnedFile};
pub use skill_signer::{SkillSigner, SkillSignerKind};
pub(crate) use validate::SCHEMES;

/// What policy has to know about each rule of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo<'a> {
    /// The finding's id.
    pub id: &'a str,
    /// Its group: `integrity`, `pinning`, `provenance`, `review`, `hygiene` …
    pub group: &'a str,
    /// Whether its level can never be lowered and no exception covers it.
    pub fixed: bool,
}

/// The policy in force.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    preset: Preset,
    levels: BTreeMap<String, (Level, RequirementOrigin)>,
    /// Where code may come from; none when the operator does not say.
    pub sources: Option<AllowedSources>,
    /// What is known to be bad, and how much of it is put up with.
    pub advisories: AdvisoryPolicy,
    /// What of the machine is judged, and how.
    pub host: HostPolicy,
    /// Reviews of other people.
    pub imports: Vec<Import>,
    rules: RuleSet,
    base: Vec<BaseRule>,
    releases: Vec<ReleasePolicy>,
    skill_signers: Vec<SkillSigner>,
    /// Files that say which holes are none.
    pub vex: Vec<VexPolicy>,
    /// Who may sign the paths of a Nix store.
    pub nix_keys: Vec<StoreKey>,
    exceptions: Vec<Exception>,
    /// Their numbers by subject.
    excepted: BTreeMap<SubjectId, Vec<usize>>,
    mutable: Vec<Mutable>,
    /// Where what is judged lies, where a signed policy says so.
    pub installation: InstallationPlaces,
    files: Vec<PinnedFile>,
}

/// The built-in policies.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// Everything pinned by digest, everything from outside reviewed.
    #[default]
    Default,
    /// And proof of origin where there can be one.
    Strict,
    /// One person's own machine: what is unread only warns.
    Homelab,
}

/// Where in the operator's files or in the presets something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RequirementOrigin {
    /// The operator's policy.
    Policy {
        /// Line, from 1.
        line: usize,
    },
    /// A built-in preset.
    Preset {
        /// Which.
        preset: Preset,
        /// Line in it, from 1.
        line: usize,
    },
}

/// How exactly something has to be pinned. Ordered from loose to strict.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PinRequirement {
    /// Not at all.
    Any,
    /// One exact version, or better.
    Exact,
    /// A locked digest of the archive or of the files. The `definition` of an MCP server is no such digest.
    Digest,
}

/// Whether a fact has to be there.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Need {
    /// Its absence is a warning.
    Optional,
    /// Its absence denies. For a git source a verified tag signature is as good as an attestation.
    Required,
}

/// What dependencies have to be. Ordered from loose to strict.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dependencies {
    /// Equal to the lock.
    Locked,
    /// Each equal to its published archive.
    ArchiveVerified,
    /// Reviewed, as this very digest.
    Reviewed,
}

/// Which files stand for the local script or program that an MCP server's command line names.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LocalFiles {
    /// Its package, where it lies in one.
    #[default]
    Package,
    /// It alone, and the local files that it names.
    File,
    /// None: what it runs is not established.
    None,
}

impl LocalFiles {
    /// The word in policy and report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::File => "file",
            Self::None => "none",
        }
    }
}

/// Whose build an attestation must be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildIdentity {
    /// Repository, such as `github.com/openclaw/openclaw`.
    pub repository: String,
    /// Workflow file in it; none for any.
    pub workflow: Option<String>,
    /// Git ref that was built; none for any.
    pub reference: Option<Pattern>,
}

/// Where code may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllowedSources {
    /// Addresses of registries, without a slash at the end; none when the operator does not say.
    pub registries: Option<Vec<String>>,
    /// Repositories as `<host>/<path>`; none when the operator does not say.
    pub git: Option<Vec<Pattern>>,
    /// Days that a version has to be public before it is wanted.
    pub min_age_days: Option<u32>,
}

/// A reviews file of another team.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Import {
    /// The operator's name for it.
    pub name: String,
    /// Where it is.
    pub location: ImportLocation,
    /// Digest that the file must have.
    pub digest: Sha256Digest,
    /// Where it is in the policy, in bytes.
    pub digest_at: Range<usize>,
    /// Line in the policy, from 1.
    pub line: usize,
}

/// Where an imported reviews file is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportLocation {
    /// A file; a relative path starts at the folder of the policy.
    Path(PathBuf),
    /// An `https` address, or an `http` address of this machine.
    Url(String),
}

/// One `[[rule]]` of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyRule {
    /// Subject ids that it is about.
    pub pattern: Pattern,
    /// Line in the policy, from 1.
    pub line: usize,
    pin: Option<PinRequirement>,
    provenance: Option<Need>,
    identity: Option<BuildIdentity>,
    /// Some(None) is `review = "none"`.
    review: Option<Option<Criteria>>,
    dependencies: Option<Dependencies>,
    /// For MCP servers: which of their local files have a digest.
    pub local: Option<LocalFiles>,
}

/// One `[[mutable]]`: files of a skill that the skill itself writes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mutable {
    package: SubjectId,
    paths: Vec<Pattern>,
    line: usize,
}

/// One `[[rule]]` of a preset: by kind and source, complete, never by name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BaseRule {
    kind: Kind,
    /// Empty for any.
    sources: Vec<Source>,
    origin: RequirementOrigin,
    pin: PinRequirement,
    provenance: Need,
    review: Option<Criteria>,
    dependencies: Dependencies,
}

/// One `[[release]]`: who may sign the tags of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleasePolicy {
    /// Repositories that it is about.
    pub repository: Pattern,
    /// Tags that it is about.
    pub tags: Pattern,
    /// OpenSSH `allowed_signers` file, resolved against the folder of the policy.
    pub signers: Option<PathBuf>,
    /// OpenPGP certificate files, resolved against the folder of the policy.
    pub openpgp: Vec<PathBuf>,
    /// Identity of a gitsign certificate.
    pub gitsign: Option<Gitsign>,
    /// What is asked of a tag.
    pub require: ReleaseNeed,
    /// The oldest tag that is accepted.
    pub minimum: Option<String>,
    /// Line in the policy, from 1.
    pub line: usize,
}

/// Identity of a gitsign certificate, both exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gitsign {
    /// Subject alternative name of the certificate.
    pub identity: String,
    /// OIDC issuer.
    pub issuer: String,
}

/// What a release rule asks of a tag.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReleaseNeed {
    /// A pin in the lock is enough.
    Pinned,
    /// A signature by one of the signers.
    #[default]
    SignedTag,
}

impl Policy {
    /// The JSON Schema of the file, for editors that complete and check TOML by it.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        wire::schema()
    }

    /// Reads the policy at `path` that holds `text`. `today` bounds how far ahead exceptions may end.
    pub fn parse(
        path: &Path,
        text: &str,
        catalogue: &[RuleInfo<'_>],
        today: Date,
    ) -> Result<Self, Box<OperatorError>> {
        validate::operator(path, text, catalogue, today).map_err(|mut error| {
            // Two branches that each wrote a table git merges without a word.
            if error.span.is_some() && keys::is_joinable(text) {
                error.unmerged = Some(Unmerged::Policy);
            }
            error.in_merge_of(Unmerged::Policy)
        })
    }

    /// The policy of an operator who has no file.
    pub fn preset(preset: Preset, catalogue: &[RuleInfo<'_>]) -> Result<Self, Box<OperatorError>> {
        validate::preset(preset, catalogue)
    }

    /// Files that judge, by the digests that they must have.
    #[must_use]
    pub fn files(&self) -> &[PinnedFile] {
        &self.files
    }

    /// The preset under the operator's keys.
    #[must_use]
    pub fn base(&self) -> Preset {
        self.preset
    }

    /// The level of a finding, when preset or operator set one; otherwise the rule's own default counts.
    #[must_use]
    pub fn level(&self, finding: &str) -> Option<(Level, RequirementOrigin)> {
        self.levels.get(finding).copied()
    }

    /// What is asked of a subject.
    #[must_use]
    pub fn requirements(&self, id: &SubjectId, kind: Kind, source: Source) -> Requirements<'_> {
        requirements::resolve(&self.rules, &self.base, id, kind, source)
    }

    /// Which local files of MCP servers have a digest, where a rule says so.
    #[must_use]
    pub fn local_files(&self) -> LocalRules {
        LocalRules(self.rules.clone())
    }

    /// The operator's own rules, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[PolicyRule] {
        self.rules.as_slice()
    }

    /// The operator's rules that match none of `ids`.
    pub fn unmatched_rules<'a>(
        &'a self,
        ids: &[&SubjectId],
    ) -> impl Iterator<Item = &'a PolicyRule> + use<'a> {
        self.rules.unmatched(ids)
    }

    /// All release rules, the most specific first.
    #[must_use]
    pub fn release_rules(&self) -> &[ReleasePolicy] {
        &self.releases
    }

    /// The most specific rule for a tag of a repository.
    #[must_use]
    pub fn release_rule(&self, repository: &str, tag: &str) -> Option<&ReleasePolicy> {
        self.releases
            .iter()
            .find(|r| r.repository.matches(repository) && r.tags.matches(tag))
    }

    /// Who may sign skills.
    #[must_use]
    pub fn skill_signers(&self) -> &[SkillSigner] {
        &self.skill_signers
    }

    /// The paths of a skill that the operator declared as state of its own.
    #[must_use]
    pub fn mutable(&self, id: &SubjectId) -> &[Pattern] {
        let found = self.mutable.iter().find(|mutable| mutable.package == *id);
        found.map_or(&[], |mutable| &mutable.paths)
    }

    /// Skills of which state is declared and that are none of `ids`, with the line in the policy.
    pub fn unmatched_mutable<'a>(
        &'a self,
        ids: &'a [&SubjectId],
    ) -> impl Iterator<Item = (&'a SubjectId, usize)> {
        let ids: BTreeSet<&SubjectId> = ids.iter().copied().collect();
        let mutable = self.mutable.iter();
        mutable
            .filter(move |mutable| !ids.contains(&mutable.package))
            .map(|mutable| (&mutable.package, mutable.line))
    }

    /// All exceptions, expired ones too, in the order of the file.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// The exceptions that are in force today and that nothing used: `used` holds indexes from [`Policy::exception_for`].
    pub fn unused_exceptions<'a>(
        &'a self,
        used: &'a BTreeSet<usize>,
        today: Date,
    ) -> impl Iterator<Item = &'a Exception> {
        let all = self.exceptions.iter().enumerate();
        all.filter(move |(index, e)| !e.expired(today) && !used.contains(index))
            .map(|(_, e)| e)
    }

    /// The exception that covers a finding today, with its index in [`Policy::exceptions`]. Of several the one that lasts longest.
    #[must_use]
    pub fn exception_for(
        &self,
        finding: &ExceptionTarget<'_>,
        today: Date,
    ) -> Option<(usize, &Exception)> {
        let numbers = self.excepted.get(finding.subject)?.iter();
        let covering = numbers
            .filter_map(|number| Some((*number, self.exceptions.get(*number)?)))
            .filter(|(_, e)| e.covers(finding, today));
        covering.max_by_key(|(index, e)| (e.until, std::cmp::Reverse(*index)))
    }
}

/// What rules say of the local files of MCP servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalRules(RuleSet);

impl LocalRules {
    /// What the most specific rule for `id` says, and its line in the policy; none where it says nothing of it.
    #[must_use]
    pub fn of(&self, id: &SubjectId) -> Option<(LocalFiles, usize)> {
        let rule = self.0.most_specific(id)?;
        Some((rule.local?, rule.line))
    }
}

impl ReleasePolicy {
    /// The rule that stands on a command line instead of in a policy: for every tag, and a signature is asked for.
    ///
    /// # Errors
    /// Never for these patterns; the type of the pattern's own error.
    pub fn ad_hoc(
        signers: Option<PathBuf>,
        openpgp: Vec<PathBuf>,
        gitsign: Option<Gitsign>,
    ) -> Result<Self, BadPattern> {
        let everything = Pattern::new("**")?;
        Ok(Self {
            repository: everything.clone(),
            tags: everything,
            signers,
            openpgp,
            gitsign,
            require: ReleaseNeed::SignedTag,
            minimum: None,
            line: 0,
        })
    }

    /// The files that say who may sign.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.signers
            .iter()
            .chain(&self.openpgp)
            .map(PathBuf::as_path)
    }
}

impl fmt::Display for RequirementOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { line } => write!(f, "policy, line {line}"),
            Self::Preset { preset, .. } => write!(f, "preset `{}`", preset.as_str()),
        }
    }
}

impl AllowedSources {
    /// Whether an address lies in a listed registry; anything when the operator lists none.
    ///
    /// Compared as text, scheme and host included: a spelling that is not the operator's is not listed.
    #[must_use]
    pub fn allow_registry(&self, url: &str) -> bool {
        let Some(listed) = &self.registries else {
            return true;
        };
        // `..`, plain or escaped, could lead out of a registry that has a path.
        let lower = url.to_ascii_lowercase();
        let leads_out = lower.contains("..") || lower.contains("%2e") || lower.contains('\\');
        let below = |own: &String| {
            url.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !leads_out && listed.iter().any(below)
    }

    /// Whether a repository, `<host>/<path>`, is listed; anything when the operator lists none.
    #[must_use]
    pub fn allow_git(&self, repository: &str) -> bool {
        self.git
            .as_ref()
            .is_none_or(|listed| listed.iter().any(|pattern| pattern.matches(repository)))
    }
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::Strict, Self::Homelab];

    /// The name in policy and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict => "strict",
            Self::Homelab => "homelab",
        }
    }

    /// The file that is compiled in.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Default => include_str!("../../policies/default.toml"),
            Self::Strict => include_str!("../../policies/strict.toml"),
            Self::Homelab => include_str!("../../policies/homelab.toml"),
        }
    }
}
