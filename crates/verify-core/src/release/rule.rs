//! A `[[release]]` of the policy with its trust files read.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::openpgp::OpenPgpCertificates;
use super::signers::{AllowedSigners, RevokedKeys};
use super::tag::Scheme;
use super::verdict::{Code, Failure, TagSigner};
use super::wire::SshKey;
use crate::error::{OperatorError, Result};
use crate::fact::NotEstablished;
use crate::policy::{self, Gitsign, Pattern, ReleaseNeed};
use crate::provenance::Anchors;
use crate::text::excerpt;
use crate::{operator_file, read};

/// Most bytes of an OpenPGP certificate file: 16 MiB.
const CERTIFICATES_LIMIT: u64 = 16 << 20;

/// What is asked of the tags of a repository, and who may sign them.
#[derive(Clone, Debug)]
pub struct ReleaseRule {
    /// The names of the tags that the rule is for.
    pub tags: Pattern,
    /// Who may sign.
    pub trust: TrustedSigners,
    /// What is asked of a tag.
    pub require: ReleaseNeed,
    /// The oldest tag that is accepted.
    pub minimum: Option<String>,
}

/// Who may sign. A scheme without an entry is not allowed, however good a signature is.
#[derive(Clone, Debug, Default)]
pub struct TrustedSigners {
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
    pub fn load(rule: &policy::ReleasePolicy, anchors: &Arc<Anchors>) -> Result<Self> {
        let openpgp = (!rule.openpgp.is_empty())
            .then(|| TrustedSigners::read_openpgp(&rule.openpgp))
            .transpose()?;
        let trust = TrustedSigners {
            ssh: rule
                .signers
                .as_deref()
                .map(TrustedSigners::read_ssh)
                .transpose()?,
            revoked: None,
            openpgp,
            gitsign: rule.gitsign.clone(),
            anchors: rule.gitsign.is_some().then(|| Arc::clone(anchors)),
        };
        Ok(Self {
            tags: rule.tags.clone(),
            trust,
            require: rule.require,
            minimum: rule.minimum.clone(),
        })
    }
}

impl TrustedSigners {
    /// Who `signer` of a pin is, when that key may still sign: what was verified when the tag was pinned holds only as long.
    pub(super) fn pinned_signer(
        &self,
        signer: &str,
        now: Timestamp,
    ) -> Result<(Scheme, TagSigner), Failure> {
        let gone = || {
            let why = format!(
                "{}, who signed the tag when it was pinned, is no longer among those who may",
                excerpt(signer, 200)
            );
            Failure::new(Code::UnknownKey, why)
                .help("look why the key was taken out; trust it again only for a reason")
        };
        let (scheme, fingerprint) = signer.split_once(':').ok_or_else(gone)?;
        if scheme == Scheme::Ssh.as_str() {
            let revoked = |key: &SshKey| matches!(&self.revoked, Some(RevokedKeys::Keys(keys)) if keys.contains(key));
            let signers = self.ssh.as_ref().ok_or_else(gone)?;
            let lines: Vec<_> = signers
                .sign_with(fingerprint)
                .filter(|entry| !revoked(&entry.key))
                .collect();
            // A pin does not say when the tag was made, and the end of a line is how a key is taken back.
            let counts = lines
                .iter()
                .find(|entry| entry.validity(now.as_second()).is_ok());
            let Some(entry) = counts else {
                let line = lines.first().ok_or_else(gone)?.line;
                let why = format!(
                    "the key {} (line {line} of the signers file) may not sign today, and the pin of its tag does not say when that was made",
                    excerpt(fingerprint, 80)
                );
                let help = "look why the line expired; verify the tag in a clone, and pin what another key signed";
                return Err(Failure::new(Code::KeyExpired, why).help(help));
            };
            let (principal, key_type) = (
                excerpt(&entry.principals, 200),
                entry.key.type_name().to_owned(),
            );
            return Ok((
                Scheme::Ssh,
                TagSigner {
                    principal,
                    key_type,
                    fingerprint: fingerprint.to_owned(),
                },
            ));
        }
        if scheme == Scheme::OpenPgp.as_str() {
            let certificates = self.openpgp.as_ref().ok_or_else(gone)?;
            return Ok((
                Scheme::OpenPgp,
                certificates.signer(fingerprint, now)?.ok_or_else(gone)?,
            ));
        }
        let why = "the pin of a gitsign tag names its certificate and not its identity, so that the rule still allows it is not known";
        Err(Failure::new(
            Code::NotEstablished(NotEstablished::UnsupportedRepository),
            why,
        ))
    }

    /// Reads an `allowed_signers` file.
    ///
    /// # Errors
    /// A file that is not there, or a line that cannot be read.
    pub fn read_ssh(path: &Path) -> Result<AllowedSigners> {
        let missing = || {
            OperatorError::whole(
                path,
                format!("the signers file {} is not there", path.display()),
            )
        };
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
            let unreadable = |error| {
                OperatorError::whole(
                    path,
                    format!("the OpenPGP certificates {}: {error}", path.display()),
                )
            };
            certificates.add(path, &bytes.map_err(unreadable)?)?;
        }
        Ok(certificates)
    }
}
