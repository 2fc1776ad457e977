//! What was fetched, by digest, in a folder of the caller. Everything read from it is verified again: archives by their digest here,
//! attestations by their signatures later.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::fetch::{Attestation, FetchedPackage};
use super::http::FetchError;
use super::judge::RegistryFacts;
use super::plan::Want;
use crate::digest::{Sha256Digest, Sri};
use crate::fact::Fact;
use crate::provenance::MAX_BUNDLE_BYTES;
use crate::provenance::npm::RegistrySignature;
use crate::read;
use crate::temporary::{self, Temporary};

/// Most bytes of kept signatures.
const MAX_SIGNATURES: u64 = 64 << 10;

/// What a registry signed of one version, as it is kept.
#[derive(Serialize, Deserialize)]
struct CacheEntry {
    /// Id of the key, and signature.
    signatures: Vec<(String, String)>,
    published: Option<Timestamp>,
}

/// A cache folder. Created when something is written.
#[derive(Clone, Debug)]
pub struct Cache(PathBuf);

impl Cache {
    /// The cache in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The archive with this digest, when it is here and still has it.
    #[must_use]
    pub fn archive(&self, digest: &Sri) -> Option<PathBuf> {
        let path = self.archive_path(digest);
        let (mut file, _) = read::open(&path).ok()?;
        let mut hash = sha2::Sha512::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hash.update(buffer.get(..n)?),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        (Sri(hash.finalize().into()) == *digest).then_some(path)
    }

    /// Where the archive with this digest would be. The reader has to hash what is read.
    pub(crate) fn archive_file(&self, digest: &Sri) -> Option<PathBuf> {
        Some(self.archive_path(digest))
            .filter(|path| path.symlink_metadata().is_ok_and(|found| found.is_file()))
    }

    /// The attestations that were fetched for this package version with this integrity.
    #[must_use]
    pub fn attestations(&self, name: &str, version: &str, integrity: &Sri) -> Option<Vec<u8>> {
        read::bytes(
            &self.path_of("attestations", name, version, integrity),
            MAX_BUNDLE_BYTES,
        )
        .ok()
    }

    /// The registry's signatures that were fetched for this package version with this integrity, and when it said that it was
    /// published. Nothing of it is proven.
    pub(super) fn signatures(
        &self,
        name: &str,
        version: &str,
        integrity: &Sri,
    ) -> (Vec<RegistrySignature>, Option<Timestamp>) {
        let path = self.path_of("signatures", name, version, integrity);
        let kept = read::bytes(&path, MAX_SIGNATURES)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<CacheEntry>(&bytes).ok());
        let Some(kept) = kept else {
            return (Vec::new(), None);
        };
        let signatures = kept
            .signatures
            .into_iter()
            .map(|(keyid, sig)| RegistrySignature { keyid, sig });
        (signatures.collect(), kept.published)
    }

    /// Keeps attestations and signatures of `want`, when `facts` say that they verified: a wrong answer must be asked for again.
    pub fn keep_verified(
        &self,
        want: &Want,
        fetched: &FetchedPackage,
        facts: &RegistryFacts,
    ) -> Result<(), FetchError> {
        let Some(integrity) = want.integrity.or(facts.integrity.verified().copied()) else {
            return Ok(());
        };
        if let (Attestation::Answer(answer), Fact::Verified(_)) =
            (&fetched.attestations, facts.attestations.package())
        {
            self.keep(
                &self.path_of("attestations", &want.name, &want.version, &integrity),
                answer,
            )?;
        }
        if facts.signatures.verified().is_some() {
            let pair =
                |signature: &RegistrySignature| (signature.keyid.clone(), signature.sig.clone());
            let kept = CacheEntry {
                signatures: fetched.signatures.iter().map(pair).collect(),
                published: fetched.published,
            };
            let bytes =
                serde_json::to_vec(&kept).map_err(|error| FetchError::Cache(error.to_string()))?;
            self.keep(
                &self.path_of("signatures", &want.name, &want.version, &integrity),
                &bytes,
            )?;
        }
        Ok(())
    }

    /// Writes a file whole or not at all, when it is not there already.
    fn keep(&self, path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
        if read::bytes(path, MAX_BUNDLE_BYTES).is_ok_and(|kept| kept == bytes) {
            return Ok(());
        }
        let mut file = self.temporary(path)?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        file.persist(path).map_err(failed)?;
        Ok(())
    }

    /// A file to download into; it disappears unless it is kept.
    pub(super) fn download(&self) -> Result<Temporary, FetchError> {
        self.temporary(&self.0.join("archives").join("x"))
    }

    /// Moves a finished download of this digest to its place.
    pub(super) fn keep_archive(
        &self,
        file: Temporary,
        digest: &Sri,
    ) -> Result<PathBuf, FetchError> {
        let path = self.archive_path(digest);
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(failed)?;
        Ok(path)
    }

    fn archive_path(&self, digest: &Sri) -> PathBuf {
        self.0
            .join("archives")
            .join(format!("sha512-{}.tgz", digest.hex()))
    }

    fn path_of(&self, kind: &str, name: &str, version: &str, integrity: &Sri) -> PathBuf {
        let key = Sha256Digest::of(format!("{name}\0{version}\0{integrity}").as_bytes());
        self.0.join(kind).join(format!("{}.json", key.hex()))
    }

    fn temporary(&self, beside: &Path) -> Result<Temporary, FetchError> {
        let folder = beside.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).map_err(failed)?;
        temporary::sweep_files(folder);
        Temporary::in_folder(folder, 0o600).map_err(failed)
    }
}

fn failed(error: io::Error) -> FetchError {
    FetchError::Cache(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_archive_is_no_longer_there() {
        let folder = tempfile::tempdir().expect("folder");
        let cache = Cache::new(folder.path());
        let digest = Sri::of(b"archive");
        assert!(cache.archive(&digest).is_none());
        let mut file = cache.download().expect("file");
        file.write_all(b"archive").expect("write");
        let path = cache.keep_archive(file, &digest).expect("kept");
        assert_eq!(cache.archive(&digest).as_deref(), Some(path.as_path()));
        fs::write(&path, b"evil").expect("write");
        assert!(cache.archive(&digest).is_none());
    }
}
