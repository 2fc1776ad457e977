//! What can be wrong with provenance, as stable codes.

use crate::fact::Fact;

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

    /// The fault with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == code)
    }

    const ALL: [Self; 16] = [
        Self::Certificate,
        Self::Sct,
        Self::Log,
        Self::Timestamp,
        Self::Signature,
        Self::Artifact,
        Self::Bundle,
        Self::PredicateType,
        Self::Subject,
        Self::Key,
        Self::Identity,
        Self::Issuer,
        Self::Repository,
        Self::Workflow,
        Self::Ref,
        Self::Runner,
    ];
}

/// Why a bundle was not accepted; becomes the [`Fact`] of the caller.
#[derive(Debug)]
pub(super) enum RefusedBundle {
    /// It is wrong.
    Wrong(Fault, String),
    /// It is of a kind that this tool does not judge.
    Unsupported(String),
}

impl RefusedBundle {
    pub(super) fn wrong(fault: Fault, why: impl Into<String>) -> Self {
        Self::Wrong(fault, why.into())
    }

    pub(super) fn into_fact<T>(self) -> Fact<T> {
        match self {
            Self::Wrong(fault, why) => Fact::violated(fault.as_str(), why),
            Self::Unsupported(why) => {
                Fact::not_established(crate::fact::NotEstablished::UnsupportedSchema, why)
            }
        }
    }
}

/// A result that becomes a fact.
pub(super) fn fact<T>(result: Result<T, RefusedBundle>) -> Fact<T> {
    match result {
        Ok(value) => Fact::Verified(value),
        Err(refused) => refused.into_fact(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_lead_to_their_finding() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_code(fault.as_str()), Some(fault));
        }
        let mismatches = Fault::ALL
            .into_iter()
            .filter(|fault| fault.is_mismatch())
            .count();
        assert_eq!(mismatches, 6);
        assert_eq!(Fault::from_code("offline"), None);
    }
}
