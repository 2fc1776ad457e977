//! `[[skill-signer]]`: who may sign skills.

use std::path::{Path, PathBuf};

use super::Pattern;

/// One `[[skill-signer]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkillSigner {
    /// The skills that it is about, by their ids.
    pub pattern: Pattern,
    /// Who may sign.
    pub who: SkillSignerKind,
    /// Whether a skill without a signature is denied.
    pub require: bool,
    /// Line in the policy, from 1.
    pub line: usize,
}

/// Who may sign skills.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkillSignerKind {
    /// Anyone for whom a certificate in this PEM file vouches.
    Certificate(PathBuf),
    /// The public key in this PEM file.
    Key(PathBuf),
    /// This identity, vouched for by this issuer through Sigstore; both exact.
    Identity {
        /// Subject alternative name of the certificate.
        identity: String,
        /// OIDC issuer.
        issuer: String,
    },
}

impl SkillSigner {
    /// The file that says who may sign; none for an identity.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.who {
            SkillSignerKind::Certificate(path) | SkillSignerKind::Key(path) => Some(path),
            SkillSignerKind::Identity { .. } => None,
        }
    }
}
