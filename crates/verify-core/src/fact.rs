//! The four outcomes of looking for evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about one question. *Not established* is neither good nor tampering, so it is never folded into either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// Established, with what was found.
    Verified(T),
    /// Established to be wrong.
    Violated {
        /// What kind of wrong; none where the finding has one meaning only.
        code: Option<Fault>,
        /// What was wanted and what was found, safe to show.
        why: String,
    },
    /// Could not be established.
    NotEstablished {
        /// Stable code of the reason.
        code: NotEstablished,
        /// What stood in the way, safe to show.
        why: String,
    },
    /// The question does not arise for this subject, or was not asked.
    #[default]
    NotApplicable,
}

impl<T> Fact<T> {
    /// The value, when established.
    pub fn verified(&self) -> Option<&T> {
        match self {
            Self::Verified(value) => Some(value),
            _ => None,
        }
    }

    /// What is wrong, when that is established. Safe to show.
    pub fn violation(&self) -> Option<&str> {
        match self {
            Self::Violated { why, .. } => Some(why),
            _ => None,
        }
    }

    /// The outcome without its details.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Verified(_) => Outcome::Verified,
            Self::Violated { .. } => Outcome::Violated,
            Self::NotEstablished { .. } => Outcome::NotEstablished,
            Self::NotApplicable => Outcome::NotApplicable,
        }
    }

    /// Shorthand for [`Fact::NotEstablished`].
    pub fn not_established(code: NotEstablished, why: impl Into<String>) -> Self {
        Self::NotEstablished {
            code,
            why: why.into(),
        }
    }

    /// Shorthand for [`Fact::Violated`].
    pub fn violated(code: impl Into<Option<Fault>>, why: impl Into<String>) -> Self {
        Self::Violated {
            code: code.into(),
            why: why.into(),
        }
    }
}

/// Why provenance does not hold. The codes of the findings `provenance-invalid` and `provenance-mismatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The signing certificate does not come from the trusted authority, or was not valid at the time of signing.
    Certificate,
    /// The certificate was not logged: no valid signed certificate timestamp.
    Sct,
    /// The signature was not logged: no valid promise, inclusion proof or checkpoint, or the entry belongs to another signature.
    Log,
    /// No trustworthy time of signing, or one in the future.
    Timestamp,
    /// The signature does not verify.
    Signature,
    /// Everything may be in order, but for another artifact.
    Artifact,
    /// The file is not a well-formed bundle.
    Bundle,
    /// What the attestation says it is, unsigned or signed, is not what was expected.
    PredicateType,
    /// The attestation speaks of another package, version, tag or commit.
    Subject,
    /// The public key is unknown, not meant for this use, or outside its lifetime.
    Key,
    /// The certificate names another identity.
    Identity,
    /// The identity was vouched for by another issuer.
    Issuer,
    /// It was built from another repository.
    Repository,
    /// It was signed by another workflow.
    Workflow,
    /// It was built from another branch, tag or commit.
    Ref,
    /// It was built on another kind of runner.
    Runner,
    /// The claim is a verifier's summary, and says that it did not pass.
    Failed,
}

impl Fault {
    /// The code in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Sct => "sct",
            Self::Log => "log",
            Self::Timestamp => "timestamp",
            Self::Signature => "signature",
            Self::Artifact => "artifact",
            Self::Bundle => "bundle",
            Self::PredicateType => "predicate-type",
            Self::Subject => "subject",
            Self::Key => "key",
            Self::Identity => "identity",
            Self::Issuer => "issuer",
            Self::Repository => "repository",
            Self::Workflow => "workflow",
            Self::Ref => "ref",
            Self::Runner => "runner",
            Self::Failed => "failed",
        }
    }

    /// Whether the attestation is genuine, and another one than policy names.
    #[must_use]
    pub fn is_mismatch(self) -> bool {
        matches!(
            self,
            Self::Identity
                | Self::Issuer
                | Self::Repository
                | Self::Workflow
                | Self::Ref
                | Self::Runner
        )
    }
}

/// The outcome of a fact or of a group of facts. Ordered so that the maximum of several is their sum: one violation violates all,
/// one open question keeps the rest from being called verified.
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
pub enum Outcome {
    /// The question does not arise.
    #[default]
    NotApplicable,
    /// Established to be right.
    Verified,
    /// Could not be established.
    NotEstablished,
    /// Established to be wrong.
    Violated,
}

impl Outcome {
    /// The name in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::Verified => "verified",
            Self::NotEstablished => "not-established",
            Self::Violated => "violated",
        }
    }
}

/// Why a fact could not be established. Stable codes of the finding `not-established`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotEstablished {
    /// A signature that needs a transparency log entry which is not at hand.
    NeedsLog,
    /// A git repository of a kind that is not read (SHA-256, reftable, partial clone).
    UnsupportedRepository,
    /// The fact needs the network, which was not allowed or did not answer.
    Offline,
    /// The registry was asked, and does not have it.
    NotInRegistry,
    /// The registry was asked, and refused, failed or gave an answer that cannot be used.
    BadAnswer,
    /// The registry was asked, and shows no signatures of any kind.
    NoSignatures,
    /// The fact needs a registry, and none is configured.
    NoRegistry,
    /// No current trust root at hand.
    NoTrustRoot,
    /// A certificate that is not valid today, and no proof of when it was used.
    KeyExpired,
    /// The host package is not known.
    NoHost,
    /// What starts the host package is a script or program that is not followed.
    HostWrapper,
    /// Policy requires an index of advisories, and there is none.
    NoAdvisories,
    /// The home folder of the user who runs OpenClaw is not known.
    NoHome,
    /// Places outside the state directory are not on this machine, or not this machine's to tell of.
    NotHere,
    /// A file or table of a newer or unknown format.
    UnsupportedSchema,
    /// A folder layout that is not understood.
    UnknownLayout,
    /// OpenClaw takes code from the folder of its config, which is not in the state directory.
    ConfigFolder,
    /// An MCP server that runs a local command.
    LocalCommand,
    /// An MCP server that runs elsewhere.
    Remote,
    /// The feature that would establish it is not compiled in.
    FeatureDisabled,
    /// A path of a Nix store of which its database could not be asked, or cannot be believed.
    NixStore,
    /// The caller did not wait long enough.
    Timeout,
}

impl NotEstablished {
    /// The code in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsLog => "needs-log",
            Self::UnsupportedRepository => "unsupported-repository",
            Self::Offline => "offline",
            Self::NotInRegistry => "not-in-registry",
            Self::BadAnswer => "bad-answer",
            Self::NoSignatures => "no-signatures",
            Self::NoRegistry => "no-registry",
            Self::NoTrustRoot => "no-trust-root",
            Self::KeyExpired => "key-expired",
            Self::NoHost => "no-host",
            Self::HostWrapper => "host-wrapper",
            Self::NoAdvisories => "no-advisories",
            Self::NoHome => "no-home",
            Self::NotHere => "not-here",
            Self::UnsupportedSchema => "unsupported-schema",
            Self::UnknownLayout => "unknown-layout",
            Self::ConfigFolder => "config-folder",
            Self::LocalCommand => "local-command",
            Self::Remote => "remote",
            Self::FeatureDisabled => "feature-disabled",
            Self::NixStore => "nix-store",
            Self::Timeout => "timeout",
        }
    }
}
