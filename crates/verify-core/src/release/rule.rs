//! A `[[release]]` of the policy with its trust files read.

use std::path::Path;
use std::sync::Arc;

use super::openpgp::OpenPgpCertificates;
use super::signers::{AllowedSigners, RevokedKeys};
use crate::error::{OperatorError, Result};
use crate::policy::{self, Gitsign, Pattern, ReleaseNeed};
use crate::provenance::Anchors;
use crate::{operator_file, read};

/// Most bytes of an OpenPGP certificate file: 16 MiB.
const CERTIFICATES_LIMIT: u64 = 16 << 20;

/// What is asked of the tags of a repository, and who may sign them.
#[derive(Clone, Debug)]
pub struct ReleaseRule {
    /// The names of the tags that the rule is for.
    pub tags: Pattern,
    /// Who may sign.
    pub trust: Trust,
    /// What is asked of a tag.
    pub require: ReleaseNeed,
    /// The oldest tag that is accepted.
    pub minimum: Option<String>,
}

/// Who may sign. A scheme without an entry is not allowed, however good a signature is.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The operator's `allowed_signers` file.
    pub ssh: Option<AllowedSigners>,
    /// SSH keys that count no longer.
    pub revoked: Option<RevokedKeys>,
    /// The operator's OpenPGP certificates.
    pub openpgp: Option<OpenPgpCertificates>,
    /// Identity and issuer of a gitsign certificate.
    pub gitsign: Option<Gitsign>,
    /// What vouches for gitsign certificates, asked only for one; without it nothing about them is established.
    pub anchors: Option<Arc<Anchors>>,
}

impl ReleaseRule {
    /// Reads the files that a rule of the policy names. `anchors` judge gitsign certificates, where it allows them.
    ///
    /// # Errors
    /// A file that is not there or cannot be read as what it must be.
    pub fn load(rule: &policy::ReleaseRule, anchors: &Arc<Anchors>) -> Result<Self> {
        let openpgp = (!rule.openpgp.is_empty()).then(|| Trust::read_openpgp(&rule.openpgp)).transpose()?;
        let trust = Trust {
            ssh: rule.signers.as_deref().map(Trust::read_ssh).transpose()?,
            revoked: None,
            openpgp,
            gitsign: rule.gitsign.clone(),
            anchors: rule.gitsign.is_some().then(|| Arc::clone(anchors)),
        };
        Ok(Self { tags: rule.tags.clone(), trust, require: rule.require, minimum: rule.minimum.clone() })
    }
}

impl Trust {
    /// Reads an `allowed_signers` file.
    ///
    /// # Errors
    /// A file that is not there, or a line that cannot be read.
    pub fn read_ssh(path: &Path) -> Result<AllowedSigners> {
        let missing = || OperatorError::whole(path, format!("the signers file {} is not there", path.display()));
        AllowedSigners::parse(path, &operator_file::read(path)?.ok_or_else(missing)?)
    }

    /// Reads files of OpenPGP certificates.
    ///
    /// # Errors
    /// A file that is not there, or that holds no certificate.
    pub fn read_openpgp(paths: &[impl AsRef<Path>]) -> Result<OpenPgpCertificates> {
        let mut certificates = OpenPgpCertificates::default();
        for path in paths.iter().map(AsRef::as_ref) {
            // The operator may have put a link there.
            let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
            let bytes = read::bytes(&real, CERTIFICATES_LIMIT);
            let unreadable = |error| OperatorError::whole(path, format!("the OpenPGP certificates {}: {error}", path.display()));
            certificates.add(path, &bytes.map_err(unreadable)?)?;
        }
        Ok(certificates)
    }
}
