//! What replaces OpenPGP when the feature `openpgp` is not compiled in: nothing about such signatures is established.

use std::path::Path;

use jiff::Timestamp;

use super::tag::Tag;
use super::verdict::{Code, Failure, TagSigner};
use super::verify::Accepted;
use crate::fact::NotEstablished;

/// The certificates of those who may sign; not read without the feature `openpgp`.
#[derive(Clone, Debug, Default)]
pub struct OpenPgpCertificates {}

impl OpenPgpCertificates {
    /// Takes note that there are certificates.
    ///
    /// # Errors
    /// None without the feature `openpgp`.
    pub fn add(&mut self, _path: &Path, _bytes: &[u8]) -> crate::error::Result<()> {
        Ok(())
    }

    pub(super) fn verify(&self, _tag: &Tag, _now: Timestamp) -> Result<Accepted, Failure> {
        Err(disabled())
    }

    pub(super) fn signer(
        &self,
        _fingerprint: &str,
        _now: Timestamp,
    ) -> Result<Option<TagSigner>, Failure> {
        Err(disabled())
    }
}

fn disabled() -> Failure {
    let why = "the tag has an OpenPGP signature, and this program was built without the feature `openpgp`";
    Failure::new(Code::NotEstablished(NotEstablished::FeatureDisabled), why)
}
