//! The files that were looked at, kept so that the next difference can be shown without the network.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::read;
use crate::temporary::{self, Temporary};
use crate::tree::BlobId;

/// Bytes of one file that is kept. What is larger is no text that people read.
pub(super) const MAX_FILE: u64 = 8 << 20;
/// Bytes of the packed store after [`ContentStore::prune`].
pub const MAX_STORE: u64 = 512 << 20;

/// A folder of files by their content: `<2 hex>/<62 hex>.gz`, named by git's SHA-256 blob id.
///
/// What is read is hashed again, so the folder need not be trusted; what does not hash to its name counts as not there.
#[derive(Clone, Debug)]
pub struct ContentStore {
    folder: PathBuf,
}

impl ContentStore {
    /// The store in `folder`, which is made when something is first written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Whether something is kept under this id. [`ContentStore::get`] may still find it damaged.
    #[must_use]
    pub fn has(&self, id: &BlobId) -> bool {
        self.path(id).is_file()
    }

    /// The bytes with this id, when they are kept here whole.
    #[must_use]
    pub fn get(&self, id: &BlobId) -> Option<Vec<u8>> {
        let packed = read::bytes(&self.path(id), MAX_FILE + (1 << 20)).ok()?;
        let mut bytes = Vec::new();
        GzDecoder::new(packed.as_slice())
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        (BlobId::of(&bytes) == *id).then_some(bytes)
    }

    /// Keeps `bytes`, unless they are there already or too large to be worth it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let id = BlobId::of(bytes);
        if bytes.len() as u64 > MAX_FILE || self.get(&id).is_some() {
            return Ok(());
        }
        let path = self.path(&id);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut packer = GzEncoder::new(Temporary::in_folder(folder, 0o600)?, Compression::fast());
        packer.write_all(bytes)?;
        // Not flushed to the disk: after a crash a file that is cut short counts as not there.
        packer.finish()?.persist(&path)
    }

    /// Removes the oldest files until at most `max` packed bytes are left, and says how many went.
    ///
    /// # Errors
    /// When the folder cannot be listed or a file cannot be removed.
    pub fn prune(&self, max: u64) -> io::Result<usize> {
        let mut files = Vec::new();
        for shelf in list(&self.folder)? {
            temporary::sweep_files(&shelf);
            for file in list(&shelf)? {
                if let Ok((_, found)) = read::open(&file) {
                    files.push((
                        found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                        found.len(),
                        file,
                    ));
                }
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        let mut removed = 0;
        for (_, size, file) in files {
            if total <= max {
                break;
            }
            fs::remove_file(&file)?;
            total -= size;
            removed += 1;
        }
        Ok(removed)
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        let hex = id.hex();
        let (shelf, name) = hex.split_at(2);
        self.folder.join(shelf).join(format!("{name}.gz"))
    }
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_was_put_is_got_and_a_swapped_file_is_not_there() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ContentStore::new(dir.path().join("new"));
        store.put(b"one").expect("put");
        store.put(b"two").expect("put");
        let (one, two) = (BlobId::of(b"one"), BlobId::of(b"two"));
        assert_eq!(store.get(&one).as_deref(), Some(&b"one"[..]));
        assert!(store.has(&one) && !store.has(&BlobId::of(b"three")));
        fs::copy(store.path(&two), store.path(&one)).expect("swap");
        assert_eq!(store.get(&one), None);
        fs::write(store.path(&two), b"\x1f\x8b").expect("cut");
        assert_eq!(store.get(&two), None);
        store.put(b"one").expect("heals");
        assert!(store.get(&one).is_some());
    }

    #[test]
    fn a_bomb_in_the_store_is_bounded() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ContentStore::new(dir.path());
        let id = BlobId::of(b"x");
        fs::create_dir_all(store.path(&id).parent().expect("folder")).expect("folder");
        let mut packer = GzEncoder::new(
            File::create(store.path(&id)).expect("file"),
            Compression::best(),
        );
        (0..64).for_each(|_| packer.write_all(&vec![0; 1 << 20]).expect("write"));
        packer.finish().expect("finish");
        assert_eq!(store.get(&id), None);
        assert_eq!(
            store.put(&vec![0; MAX_FILE as usize + 1]).ok(),
            Some(()),
            "too large is not kept, and no error"
        );
    }

    #[test]
    fn pruning_removes_the_oldest_until_it_fits() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = ContentStore::new(dir.path());
        for (n, text) in ["one", "two", "three"].iter().enumerate() {
            store.put(text.as_bytes()).expect("put");
            let file = File::options()
                .write(true)
                .open(store.path(&BlobId::of(text.as_bytes())))
                .expect("open");
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n as u64))
                .expect("time");
        }
        let one = fs::metadata(store.path(&BlobId::of(b"three")))
            .expect("size")
            .len();
        assert_eq!(store.prune(one).expect("prune"), 2);
        assert!(store.get(&BlobId::of(b"three")).is_some() && !store.has(&BlobId::of(b"one")));
        assert_eq!(store.prune(0).expect("prune"), 1);
    }
}
