//! What git hashes: blobs and tree objects of object format SHA-256 (git's `gitformat-pack`, "object format"; hash-function-transition).

use sha2::{Digest as _, Sha256};

use crate::digest::to_hex;

/// The id that git gives the bytes of a file, or the target of a symlink, in a SHA-256 repository.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct BlobId(pub [u8; 32]);

impl BlobId {
    /// The id of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = BlobHasher::new(bytes.len() as u64);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 hex digits, as git prints the id.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl std::fmt::Debug for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

/// Takes a [`BlobId`] piece by piece. The length is part of what is hashed, so it is named first; the caller makes sure that exactly
/// so many bytes follow.
#[derive(Clone)]
pub(crate) struct BlobHasher(Sha256);

impl BlobHasher {
    pub(crate) fn new(len: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format!("blob {len}\0"));
        Self(hasher)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> BlobId {
        BlobId(self.0.finalize().into())
    }
}

/// What git knows about an entry besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// A file that its owner may not execute: 100644.
    Regular,
    /// A file that its owner may execute: 100755.
    Executable,
    /// A symbolic link: 120000.
    Symlink,
}

impl Mode {
    /// The six octal digits.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
        }
    }

    /// The mode of these six octal digits.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        [Self::Regular, Self::Executable, Self::Symlink]
            .into_iter()
            .find(|mode| mode.as_str() == digits)
    }
}

/// One tree object in the making. Entries are added in git's order; `mode` stands without leading zeros, as git writes it.
pub(crate) struct TreeHasher(Sha256);

impl TreeHasher {
    /// `len` is the sum of [`TreeHasher::entry_len`] of the entries that follow.
    pub(crate) fn new(len: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format!("tree {len}\0"));
        Self(hasher)
    }

    /// Bytes of one entry.
    pub(crate) fn entry_len(mode: &str, name: &str) -> u64 {
        (mode.len() + 1 + name.len() + 1 + 32) as u64
    }

    pub(crate) fn push(&mut self, mode: &str, name: &str, id: &[u8; 32]) {
        self.0.update(mode);
        self.0.update(b" ");
        self.0.update(name);
        self.0.update(b"\0");
        self.0.update(id);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_git_documents() {
        // `git hash-object` and `git hash-object -t tree` of nothing, in a repository of object format SHA-256.
        assert_eq!(
            BlobId::of(b"").hex(),
            "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
        );
        assert_eq!(
            to_hex(&TreeHasher::new(0).finish()),
            "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        );
    }
}
