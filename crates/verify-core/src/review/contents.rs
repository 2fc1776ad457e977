//! Files behind a digest, wherever they can be had: each is checked against the listing before it is read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::store::{ContentStore, MAX_FILE};
use crate::read;
use crate::tree::{BlobId, Manifest, Mode, TreeEntry};

/// A tree whose files can be read.
#[derive(Clone, Debug)]
pub struct Contents<'m> {
    /// The listing, which hashes to the digest.
    pub manifest: Cow<'m, Manifest>,
    /// Where the files come from, in words, safe to show.
    pub place: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Folder(PathBuf),
    Store(ContentStore),
    Memory(HashMap<BlobId, Vec<u8>>),
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// It is too large to be read.
    #[error("has more than {MAX_FILE} bytes")]
    TooLarge,
    /// No copy is left.
    #[error("is not at hand any more")]
    Missing,
    /// What is there now is not what the listing says.
    #[error("changed since it was listed")]
    Changed,
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<'m> Contents<'m> {
    /// The files in a folder.
    #[must_use]
    pub fn folder(manifest: Cow<'m, Manifest>, root: PathBuf, place: String) -> Self {
        Self {
            manifest,
            place,
            source: Source::Folder(root),
        }
    }

    /// Files that were kept.
    #[must_use]
    pub fn store(manifest: Manifest, store: ContentStore) -> Self {
        Self {
            manifest: Cow::Owned(manifest),
            place: "kept when it was locked or reviewed".to_owned(),
            source: Source::Store(store),
        }
    }

    /// Files in memory.
    #[must_use]
    pub fn memory(manifest: Manifest, files: HashMap<BlobId, Vec<u8>>, place: String) -> Self {
        Self {
            manifest: Cow::Owned(manifest),
            place,
            source: Source::Memory(files),
        }
    }

    /// The same, with a listing of its own.
    #[must_use]
    pub fn into_owned(self) -> Contents<'static> {
        Contents {
            manifest: Cow::Owned(self.manifest.into_owned()),
            place: self.place,
            source: self.source,
        }
    }

    /// The bytes of a file, or the target of a symlink, exactly as the listing says.
    ///
    /// # Errors
    /// When they cannot be had. Other bytes than the listed ones are never given.
    pub fn read(&self, entry: &TreeEntry) -> Result<Vec<u8>, ContentsError> {
        let bytes = match &self.source {
            Source::Folder(root) => {
                let path = root.join(&entry.path);
                if entry.mode == Mode::Symlink {
                    use std::os::unix::ffi::OsStringExt as _;
                    fs::read_link(&path)?.into_os_string().into_vec()
                } else {
                    match read::bytes(&path, MAX_FILE) {
                        Ok(bytes) => bytes,
                        Err(read::ReadError::TooLarge { .. }) => {
                            return Err(ContentsError::TooLarge);
                        }
                        Err(read::ReadError::Io(error)) => return Err(ContentsError::Io(error)),
                        Err(_) => return Err(ContentsError::Changed),
                    }
                }
            }
            Source::Store(store) => store.get(&entry.id).ok_or(ContentsError::Missing)?,
            Source::Memory(files) => files
                .get(&entry.id)
                .cloned()
                .ok_or(ContentsError::Missing)?,
        };
        if BlobId::of(&bytes) == entry.id {
            Ok(bytes)
        } else {
            Err(ContentsError::Changed)
        }
    }

    /// Bytes of the file as the folder states them; none where only the content tells.
    #[must_use]
    pub fn size(&self, entry: &TreeEntry) -> Option<u64> {
        match &self.source {
            Source::Folder(root) => fs::symlink_metadata(root.join(&entry.path))
                .ok()
                .map(|found| found.len()),
            _ => None,
        }
    }

    /// Keeps every file of which nothing is kept yet; what is there is not looked at again.
    ///
    /// # Errors
    /// As [`Contents::keep`].
    pub fn keep_new(&self, store: &ContentStore) -> io::Result<()> {
        let entries = self.manifest.entries().iter();
        for entry in entries.filter(|entry| !store.has(&entry.id)) {
            if let Ok(bytes) = self.read(entry) {
                store.put(&bytes)?;
            }
        }
        Ok(())
    }

    /// Keeps every file that is worth it in `store`.
    ///
    /// # Errors
    /// When the store cannot be written. Files that cannot be read are left out.
    pub fn keep(&self, store: &ContentStore) -> io::Result<()> {
        for entry in self.manifest.entries() {
            if let Ok(bytes) = self.read(entry) {
                store.put(&bytes)?;
            }
        }
        Ok(())
    }
}
