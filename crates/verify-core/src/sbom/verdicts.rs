//! What was verified, as far as an SBOM tells it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::advisories::{AdvisoriesUsed, Match, NotAffected};
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::report::Outcomes;
use crate::subject::SubjectId;

/// The verdicts of one run.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    /// By subject.
    pub subjects: BTreeMap<SubjectId, SubjectVerdict>,
    /// Comparisons of installed npm packages with their archives: by subject, and by the package's path below its project
    /// (`node_modules/a/node_modules/b`).
    pub packages: BTreeMap<(SubjectId, String), ArchiveMatch>,
    /// What advisories say of subjects and of what they bring along; empty also where there was no index.
    pub known: Vec<KnownAdvisory>,
    /// The index that was looked into.
    pub advisories: Option<AdvisoriesUsed>,
    /// The policy that was applied.
    pub policy: Option<AppliedPolicy>,
}

/// What is known about one subject.
#[derive(Clone, Debug, Default)]
pub struct SubjectVerdict {
    /// Its digest, when taken.
    pub tree: Option<TreeDigest>,
    /// The digest of its dependencies, when taken.
    pub dependencies: Option<TreeDigest>,
    /// Files under `tree`.
    pub files: Option<u64>,
    /// The comparison of its installed files with its archive, when made.
    pub archive: Option<ArchiveMatch>,
    /// Who built it, once verified.
    pub provenance: Option<VerifiedProvenance>,
    /// The commit whose files these are: established, or what a lock says where only that is described. Never what a record claims.
    pub commit: Option<String>,
    /// The people whose reviews count for it, as they sign: `Ada <ada@example.org>`.
    pub reviewers: Vec<String>,
    /// Outcomes, one for each group of findings.
    pub outcomes: Outcomes,
}

/// What the advisories of one alias set say of one version of one package.
#[derive(Clone, Debug)]
pub struct KnownAdvisory {
    /// The subject that is the package, or brings it along.
    pub subject: SubjectId,
    /// The package's version, where something says it. Untrusted text.
    pub version: Option<String>,
    /// Where it is: paths below the subject's project (`node_modules/a`), or words.
    pub places: Vec<String>,
    /// What the records say.
    pub found: Match,
    /// How the operator judged it; none where it was not judged.
    pub analysis: Option<Analysis>,
}

/// How the operator judged what an advisory says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Analysis {
    /// An exception of the policy covers it until a day: it is put up with, not denied.
    Excepted {
        /// The last day.
        until: Date,
        /// Why, as the policy says.
        reason: String,
    },
    /// The operator's team says that it is none here.
    NotAffected(NotAffected),
}

/// The result of comparing installed files with the published archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveMatch {
    /// The installed files are those of the archive with this SHA-512.
    Identical {
        /// SHA-512 of the archive.
        archive: Sri,
    },
    /// They differ from what is published under that name and version.
    Differs {
        /// SHA-512 of the archive; none when it cannot even be the right one.
        archive: Option<Sri>,
        /// What differs, in one sentence, safe to show.
        summary: String,
        /// Where, one line a path, safe to show.
        paths: Vec<String>,
    },
    /// The registry says that nothing is published under that name and version.
    NotPublished,
    /// It was asked for, and nothing could be compared.
    NotEstablished,
}

/// The verified identity of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProvenance {
    /// Repository, such as `github.com/openclaw/openclaw`.
    pub repository: String,
    /// Workflow file.
    pub workflow: String,
    /// Commit.
    pub commit: String,
    /// Predicate type of the attestation.
    pub predicate_type: String,
}

/// The policy behind the verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedPolicy {
    /// `default`, `strict` or `homelab`.
    pub preset: String,
    /// Digest of the policy file; none when only the preset was used.
    pub digest: Option<Sha256Digest>,
}
