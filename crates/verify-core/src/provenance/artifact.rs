//! The thing that an attestation speaks of, with the digests that are known of it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::statement::StatementSubject;
use crate::digest::{Sha256Digest, Sri};
use crate::read::{self, ReadError};

/// An artifact to compare with what a bundle signs.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    pub(super) sha256: Option<Sha256Digest>,
    pub(super) sha512: Option<Sri>,
    source: Source<'a>,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Bytes(&'a [u8]),
    File(PathBuf),
    DigestOnly,
}

/// Most bytes of a file that is held in memory, for the signature schemes that cannot verify a digest (Ed25519).
const MAX_IN_MEMORY: u64 = 256 << 20;

impl<'a> Artifact<'a> {
    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self {
            sha256: Some(Sha256Digest::of(bytes)),
            sha512: Some(Sri::of(bytes)),
            source: Source::Bytes(bytes),
        }
    }

    /// The regular file at `path`, hashed once now. It is read again, from the same path, only for the signature
    /// schemes that need its bytes, and then must have the same digest.
    pub fn file(path: &Path) -> Result<Self, ReadError> {
        let (file, before) = read::open(path)?;
        let mut sha256 = sha2::Sha256::new();
        let mut sha512 = sha2::Sha512::new();
        let mut buffer = vec![0; 1 << 16];
        let mut reader = file.take(before.len().saturating_add(1));
        let mut seen = 0_u64;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            let chunk = buffer.get(..n).unwrap_or_default();
            sha256.update(chunk);
            sha512.update(chunk);
            seen += n as u64;
        }
        if seen != before.len() {
            return Err(ReadError::Changed);
        }
        Ok(Self {
            sha256: Some(Sha256Digest(sha256.finalize().into())),
            sha512: Some(Sri(sha512.finalize().into())),
            source: Source::File(path.to_owned()),
        })
    }

    /// Something of which only the SHA-256 is known.
    #[must_use]
    pub fn sha256(digest: Sha256Digest) -> Self {
        Self {
            sha256: Some(digest),
            sha512: None,
            source: Source::DigestOnly,
        }
    }

    /// Something of which only the SHA-512 is known, such as an npm archive by its recorded integrity.
    #[must_use]
    pub fn sha512(digest: Sri) -> Self {
        Self {
            sha256: None,
            sha512: Some(digest),
            source: Source::DigestOnly,
        }
    }

    /// Whether it is `subject`: none where no digest is known of both.
    pub(super) fn is(&self, subject: &StatementSubject) -> Option<bool> {
        let pairs = [
            (subject.digest("sha256"), self.sha256.map(|d| d.hex())),
            (subject.digest("sha512"), self.sha512.map(|d| d.hex())),
        ];
        pairs
            .into_iter()
            .filter_map(|(said, is)| Some(said? == is?))
            .reduce(|a, b| a && b)
    }

    /// The bytes for a signature scheme that needs them all.
    pub(super) fn whole(&self) -> Result<Option<std::borrow::Cow<'a, [u8]>>, ReadError> {
        match &self.source {
            Source::Bytes(bytes) => Ok(Some(std::borrow::Cow::Borrowed(bytes))),
            Source::File(path) => {
                let bytes = read::bytes(path, MAX_IN_MEMORY)?;
                // The verdict is about what was hashed, not about what lies there now.
                if Some(Sha256Digest::of(&bytes)) == self.sha256 {
                    Ok(Some(bytes.into()))
                } else {
                    Err(ReadError::Changed)
                }
            }
            Source::DigestOnly => Ok(None),
        }
    }
}
