//! Manifests kept by the digest that they hash to, so that a later run can name the files that changed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::manifest::{Manifest, ManifestError};
use crate::digest::TreeDigest;
use crate::read::{self, ReadError};
use crate::temporary::{self, Temporary};

/// Most bytes of a stored manifest, packed and unpacked. A million entries of 80 bytes fit.
const MAX_PACKED: u64 = 64 << 20;
const MAX_UNPACKED: u64 = 256 << 20;

/// A folder of manifests: `<64 hex>.manifest.gz`, each the gzip of what [`Manifest::to_bytes`] gives.
///
/// What is read is hashed again, so the folder need not be trusted; what does not hash to its name is an error, never an answer.
#[derive(Clone, Debug)]
pub struct ManifestStore {
    folder: PathBuf,
}

/// Why a stored manifest could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot use `{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not the manifest that its name promises: damaged or tampered with. Delete it.
    #[error("`{}` is damaged: {why}; delete it", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl ManifestStore {
    /// The store in `folder`, which is made when something is first written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the manifest of `digest` is kept.
    #[must_use]
    pub fn path(&self, digest: &TreeDigest) -> PathBuf {
        self.folder.join(format!("{}.manifest.gz", digest.hex()))
    }

    /// Keeps `manifest`, and gives its digest. One that is there already and whole is left alone.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, manifest: &Manifest) -> Result<TreeDigest, StoreError> {
        let digest = manifest.digest();
        if matches!(self.get(&digest), Ok(Some(_))) {
            return Ok(digest);
        }
        let path = self.path(&digest);
        write_whole(&self.folder, &path, &manifest.to_bytes())
            .map_err(|source| StoreError::Io { path, source })?;
        Ok(digest)
    }

    /// The manifest of `digest`, if it is kept here.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or does not hash to `digest`.
    pub fn get(&self, digest: &TreeDigest) -> Result<Option<Manifest>, StoreError> {
        let path = self.path(digest);
        let damaged = |why: String| StoreError::Damaged {
            path: path.clone(),
            why,
        };
        let packed = match read::bytes(&path, MAX_PACKED) {
            Ok(packed) => packed,
            Err(ReadError::NotFound) => return Ok(None),
            Err(ReadError::Io(source)) => return Err(StoreError::Io { path, source }),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let mut bytes = Vec::new();
        let unpacked = GzDecoder::new(packed.as_slice())
            .take(MAX_UNPACKED + 1)
            .read_to_end(&mut bytes);
        unpacked.map_err(|error| damaged(error.to_string()))?;
        if bytes.len() as u64 > MAX_UNPACKED {
            return Err(damaged("too large".to_owned()));
        }
        let manifest =
            Manifest::parse(&bytes).map_err(|error: ManifestError| damaged(error.to_string()))?;
        if manifest.digest() == *digest {
            Ok(Some(manifest))
        } else {
            Err(damaged("it has another digest".to_owned()))
        }
    }
}

/// Writes a file so that a reader sees all of it or nothing.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    temporary::sweep_files(folder);
    let mut packer = GzEncoder::new(Temporary::in_folder(folder, 0o600)?, Compression::fast());
    packer.write_all(bytes)?;
    let file = packer.finish()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{BlobId, Mode, TreeEntry};

    fn manifest(content: &str) -> Manifest {
        let id = BlobId::of(content.as_bytes());
        Manifest::new(vec![TreeEntry {
            path: "a/b".to_owned(),
            mode: Mode::Regular,
            id,
        }])
        .expect("manifest")
    }

    #[test]
    fn what_was_put_is_got_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ManifestStore::new(dir.path().join("new/folder"));
        let digest = store.put(&manifest("x")).expect("put");
        assert_eq!(store.put(&manifest("x")).expect("put again"), digest);
        assert_eq!(store.get(&digest).expect("get"), Some(manifest("x")));
        assert!(matches!(store.get(&manifest("y").digest()), Ok(None)));
    }

    #[test]
    fn a_swapped_or_cut_manifest_is_damaged_never_an_answer() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ManifestStore::new(dir.path());
        let (x, y) = (
            store.put(&manifest("x")).expect("put"),
            store.put(&manifest("y")).expect("put"),
        );
        std::fs::copy(store.path(&y), store.path(&x)).expect("swap");
        assert!(matches!(store.get(&x), Err(StoreError::Damaged { .. })));
        std::fs::write(store.path(&y), b"\x1f\x8b").expect("cut");
        assert!(matches!(store.get(&y), Err(StoreError::Damaged { .. })));
        store.put(&manifest("x")).expect("heals");
        assert!(matches!(store.get(&x), Ok(Some(_))));
    }
}
