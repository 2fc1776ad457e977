//! What is said about one tag. Plain data; every text is safe to show.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::pin::PinState;
use super::tag::Scheme;
use crate::digest::GitOid;
use crate::fact::{NotEstablished, Outcome};
use crate::lock::LockedRelease;
use crate::policy::ReleaseNeed;

/// The verdict about one tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TagVerdict {
    /// The tag's name, as asked for, safe to show.
    pub tag: String,
    /// The same as it really is: what pins and patterns are compared with. Untrusted text.
    #[serde(skip)]
    pub(crate) name: String,
    /// The id of the tag object; none for a lightweight tag.
    pub tag_object: Option<GitOid>,
    /// The commit that the tag points at, when it is known to be one.
    pub commit: Option<GitOid>,
    /// The scheme of the signature.
    pub scheme: Option<Scheme>,
    /// Who signed, by the operator's file. Only when that is established.
    pub signer: Option<TagSigner>,
    /// Verified, violated or not established.
    pub outcome: Outcome,
    /// What is wrong, the first cause first. Empty exactly when the outcome is [`Outcome::Verified`].
    pub failures: Vec<Failure>,
    /// How the tag relates to the pinned one, when there is a pin.
    pub pin: Option<PinState>,
    /// What was looked at, in this order, and what came out.
    pub checks: Vec<TagCheck>,
    /// What an accepted tag should still be read with.
    pub notes: Vec<String>,
}

/// A key that the operator's file allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TagSigner {
    /// The principal as the operator's file has it; for OpenPGP the primary user ID of the operator's certificate; for gitsign
    /// the identity in the certificate.
    pub principal: String,
    /// Such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…` as OpenSSH writes it, or the OpenPGP fingerprint in hex.
    pub fingerprint: String,
}

impl TagVerdict {
    /// The entry for the lock. `None` for a tag that must not be pinned: anything but a verified one, one that was made anew for the
    /// commit that is already pinned, or one that only lacks a signature where the rule does not ask for it.
    #[must_use]
    pub fn to_pin(&self, repository: &str, require: ReleaseNeed) -> Option<LockedRelease> {
        let may_lack = require == ReleaseNeed::Pinned;
        let pinnable = |failure: &Failure| match failure.code {
            Code::Retagged => true,
            code => may_lack && code.class() == FailureClass::Missing,
        };
        if !self.failures.iter().all(pinnable) {
            return None;
        }
        Some(LockedRelease {
            repository: repository.to_owned(),
            tag: self.name.clone(),
            tag_object: self.tag_object.clone(),
            commit: self.commit.clone()?,
            signer: self
                .signer
                .as_ref()
                .zip(self.scheme)
                .map(|(signer, scheme)| signer.pin(scheme)),
            tree: None,
            line: 0,
        })
    }
}

impl TagSigner {
    /// The text for `signer` in the lock: scheme and fingerprint.
    #[must_use]
    pub fn pin(&self, scheme: Scheme) -> String {
        format!("{}:{}", scheme.as_str(), self.fingerprint)
    }

    /// The text for `publisher` in a `[[trust]]`: scheme and fingerprint. A gitsign key signs once and never again, so there it is
    /// the identity.
    #[must_use]
    pub fn publisher(&self, scheme: Scheme) -> String {
        match scheme {
            Scheme::X509 => format!("{}:{}", scheme.as_str(), self.principal),
            _ => self.pin(scheme),
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TagCheck {
    /// Stable name, such as `signature`.
    pub name: &'static str,
    /// What came out.
    pub state: CheckState,
    /// A few words.
    pub detail: String,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// As it must be.
    Passed,
    /// Not as it must be.
    Failed,
    /// Not looked at, or not possible.
    NotChecked,
}

/// Why a tag is not verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Failure {
    /// The code.
    #[serde(flatten)]
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
}

/// The codes of the release findings. Each belongs to one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "docs/findings has a page for each")]
pub enum Code {
    Lightweight,
    Unsigned,
    Malformed,
    ControlChar,
    MultipleSignatures,
    TrailingData,
    TooLarge,
    BadArmor,
    NameMismatch,
    TargetNotCommit,
    TargetTypeLies,
    TargetMissing,
    BadSignature,
    WrongNamespace,
    WeakHash,
    SignatureInFuture,
    KeyExpiredAtSignature,
    UnknownKey,
    NamespaceNotAllowed,
    KeyExpired,
    KeyNotYetValid,
    Revoked,
    WeakKey,
    SchemeNotAllowed,
    UnsupportedCertificate,
    /// `tag-rollback`, which has no codes.
    Rollback,
    /// `tag-retagged`, which has no codes.
    Retagged,
    /// `tag-moved`, which has no codes.
    Moved,
    /// Could not be established, and why.
    NotEstablished(NotEstablished),
}

/// The kinds of failure of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// No signature.
    Missing,
    /// The object is not of the strict form.
    Malformed,
    /// The object says something else than the repository.
    Mismatch,
    /// The signature does not hold.
    Invalid,
    /// The signature holds, and its key is not allowed.
    Signer,
    /// Older than what is pinned or asked for.
    Rollback,
    /// Made anew for the pinned commit.
    Retagged,
    /// Leads elsewhere than the pinned one.
    Moved,
    /// It could not be established.
    Open,
}

impl Code {
    /// What kind of failure it is: each kind is a finding of its own.
    #[must_use]
    pub fn class(self) -> FailureClass {
        use Code::*;
        match self {
            Lightweight | Unsigned => FailureClass::Missing,
            Malformed | ControlChar | MultipleSignatures | TrailingData | TooLarge | BadArmor => {
                FailureClass::Malformed
            }
            NameMismatch | TargetNotCommit | TargetTypeLies | TargetMissing => {
                FailureClass::Mismatch
            }
            BadSignature
            | WrongNamespace
            | WeakHash
            | SignatureInFuture
            | KeyExpiredAtSignature => FailureClass::Invalid,
            UnknownKey
            | NamespaceNotAllowed
            | KeyExpired
            | KeyNotYetValid
            | Revoked
            | WeakKey
            | SchemeNotAllowed
            | UnsupportedCertificate => FailureClass::Signer,
            Rollback => FailureClass::Rollback,
            Retagged => FailureClass::Retagged,
            Moved => FailureClass::Moved,
            NotEstablished(_) => FailureClass::Open,
        }
    }

    /// The code within the finding; empty where the finding has one meaning only.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lightweight => "lightweight",
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::ControlChar => "control-char",
            Self::MultipleSignatures => "multiple-signatures",
            Self::TrailingData => "trailing-data",
            Self::TooLarge => "too-large",
            Self::BadArmor => "bad-armor",
            Self::NameMismatch => "name-mismatch",
            Self::TargetNotCommit => "target-not-commit",
            Self::TargetTypeLies => "target-type-lies",
            Self::TargetMissing => "target-missing",
            Self::BadSignature => "bad-signature",
            Self::WrongNamespace => "wrong-namespace",
            Self::WeakHash => "weak-hash",
            Self::SignatureInFuture => "signature-in-future",
            Self::KeyExpiredAtSignature => "key-expired-at-signature",
            Self::UnknownKey => "unknown-key",
            Self::NamespaceNotAllowed => "namespace-not-allowed",
            Self::KeyExpired => "key-expired",
            Self::KeyNotYetValid => "key-not-yet-valid",
            Self::Revoked => "revoked",
            Self::WeakKey => "weak-key",
            Self::SchemeNotAllowed => "scheme-not-allowed",
            Self::UnsupportedCertificate => "unsupported-certificate",
            Self::Rollback | Self::Retagged | Self::Moved => "",
            Self::NotEstablished(code) => code.as_str(),
        }
    }

    /// The outcome of the code.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::NotEstablished(_) => Outcome::NotEstablished,
            _ => Outcome::Violated,
        }
    }
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: String::new(),
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut value = serializer.serialize_struct("Code", 2)?;
        value.serialize_field("id", self.finding())?;
        value.serialize_field("code", self.as_str())?;
        value.end()
    }
}
