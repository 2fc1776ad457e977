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
        /// Stable code of the failure; empty where the finding has one meaning only.
        code: &'static str,
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
    pub fn violated(code: &'static str, why: impl Into<String>) -> Self {
        Self::Violated {
            code,
            why: why.into(),
        }
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
    /// The fact needs a registry, and none is configured.
    NoRegistry,
    /// No current trust root at hand.
    NoTrustRoot,
    /// The host package is not known.
    NoHost,
    /// A file or table of a newer or unknown format.
    UnsupportedSchema,
    /// A folder layout that is not understood.
    UnknownLayout,
    /// An MCP server that runs a local command.
    LocalCommand,
    /// An MCP server that runs elsewhere.
    Remote,
    /// The feature that would establish it is not compiled in.
    FeatureDisabled,
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
            Self::NoRegistry => "no-registry",
            Self::NoTrustRoot => "no-trust-root",
            Self::NoHost => "no-host",
            Self::UnsupportedSchema => "unsupported-schema",
            Self::UnknownLayout => "unknown-layout",
            Self::LocalCommand => "local-command",
            Self::Remote => "remote",
            Self::FeatureDisabled => "feature-disabled",
        }
    }
}
