//! The Nix archive of a file or folder, as a hash: what Nix's database, caches and names of store paths stand on.
//!
//! The form is that of Dolstra's thesis, figure 5.2: every text is its length as eight bytes, its bytes, and zeros up to the next eight.
//! It knows regular files, whether one is executable, symlinks and folders, sorted by the bytes of their names, and nothing else.

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};

use crate::read;
use crate::text;

/// Deepest folder of an archive.
const MAX_DEPTH: usize = 256;
/// Most files, folders and links of an archive.
const MAX_ENTRIES: u64 = 2_000_000;
/// Most bytes of all files together.
const MAX_BYTES: u64 = 8 << 30;

/// The SHA-256 of an archive, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NarHash {
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: u64,
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NarError {
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// Nix makes no archive of what is here, or it is too large. Safe to show.
    #[error("{0}")]
    Refused(String),
}

/// The hash of the archive of what lies at `root`. Nothing is followed.
///
/// # Errors
/// When something is neither file, folder nor link, cannot be read, changed meanwhile, or a limit was reached.
pub(crate) fn hash(root: &Path, cancel: Option<&AtomicBool>) -> Result<NarHash, NarError> {
    let mut writer = Writer {
        hash: Sha256::new(),
        bytes: 0,
        entries: 0,
        left: MAX_BYTES,
        root,
        cancel,
    };
    writer.text(b"nix-archive-1");
    writer.node(root, 0)?;
    Ok(NarHash {
        sha256: writer.hash.finalize().into(),
        bytes: writer.bytes,
    })
}

struct Writer<'a> {
    hash: Sha256,
    bytes: u64,
    entries: u64,
    left: u64,
    root: &'a Path,
    cancel: Option<&'a AtomicBool>,
}

impl Writer<'_> {
    fn raw(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Zeros after a text of this length.
    fn padding(&mut self, len: u64) {
        let over = usize::try_from(len % 8).unwrap_or(0);
        if over > 0 {
            self.raw(&[0; 8][over..]);
        }
    }

    fn text(&mut self, text: &[u8]) {
        let len = text.len() as u64;
        self.raw(&len.to_le_bytes());
        self.raw(text);
        self.padding(len);
    }

    fn texts(&mut self, texts: &[&[u8]]) {
        for text in texts {
            self.text(text);
        }
    }

    fn refuse(&self, path: &Path, why: &dyn std::fmt::Display) -> NarError {
        let inside = path.strip_prefix(self.root).unwrap_or(path);
        let shown = text::excerpt(&inside.to_string_lossy(), 100);
        NarError::Refused(format!("{shown} {why}").trim().to_owned())
    }

    fn node(&mut self, path: &Path, depth: usize) -> Result<(), NarError> {
        if self.cancel.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(NarError::Cancelled);
        }
        self.entries += 1;
        if self.entries > MAX_ENTRIES || depth > MAX_DEPTH {
            return Err(self.refuse(path, &"is one entry or level more than is read"));
        }
        let found = fs::symlink_metadata(path).map_err(|e| self.refuse(path, &e))?;
        self.text(b"(");
        self.text(b"type");
        if found.is_symlink() {
            let target = fs::read_link(path).map_err(|e| self.refuse(path, &e))?;
            self.texts(&[b"symlink", b"target", target.as_os_str().as_bytes()]);
        } else if found.is_dir() {
            self.text(b"directory");
            self.folder(path, depth)?;
        } else {
            self.text(b"regular");
            self.file(path)?;
        }
        self.text(b")");
        Ok(())
    }

    fn folder(&mut self, path: &Path, depth: usize) -> Result<(), NarError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(|e| self.refuse(path, &e))? {
            let entry = entry.map_err(|e| self.refuse(path, &e))?;
            names.push(entry.file_name().into_vec());
            if names.len() as u64 > MAX_ENTRIES {
                return Err(self.refuse(path, &"holds more entries than are read"));
            }
        }
        names.sort_unstable();
        for name in names {
            self.texts(&[b"entry", b"(", b"name", &name, b"node"]);
            let below = PathBuf::from(std::ffi::OsString::from_vec(name));
            self.node(&path.join(below), depth + 1)?;
            self.text(b")");
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), NarError> {
        let (mut file, found) = read::open(path).map_err(|e| self.refuse(path, &e))?;
        if found.permissions().mode() & 0o100 != 0 {
            self.texts(&[b"executable", b""]);
        }
        let len = found.len();
        self.left = self
            .left
            .checked_sub(len)
            .ok_or_else(|| self.refuse(path, &"is more than is read of one store path"))?;
        self.text(b"contents");
        self.raw(&len.to_le_bytes());
        let mut buffer = vec![0; 256 << 10];
        let mut left = len;
        while left > 0 {
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let piece = buffer.get_mut(..wanted).unwrap_or_default();
            let count = file.read(piece).map_err(|e| self.refuse(path, &e))?;
            if count == 0 {
                return Err(self.refuse(path, &"changed while it was read"));
            }
            let read = buffer.get(..count).unwrap_or_default();
            self.hash.update(read);
            self.bytes += count as u64;
            left -= count as u64;
        }
        if file.read(&mut [0]).map_err(|e| self.refuse(path, &e))? != 0 {
            return Err(self.refuse(path, &"changed while it was read"));
        }
        self.padding(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::digest::to_hex;

    fn executable(path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    fn hex(path: &Path) -> String {
        to_hex(&hash(path, None).expect("archive").sha256)
    }

    #[test]
    fn hashes_are_those_of_nix() {
        let dir = tempfile::tempdir().expect("folder");
        let root = dir.path().join("src");
        fs::create_dir_all(root.join("d")).expect("folder");
        fs::write(root.join("f"), "hi\n").expect("file");
        executable(&root.join("f"));
        symlink("f", root.join("l")).expect("link");
        fs::write(root.join("d/a.b"), "x\n").expect("file");
        // `nix-store --add src`: the hash, and `narSize` of the database.
        let found = hash(&root, None).expect("archive");
        let want = "5133523c3aeefeaccddb5e1fee9ad2aa70eb0f06fcd3af15366d66a65fd26881";
        assert_eq!((to_hex(&found.sha256).as_str(), found.bytes), (want, 872));
        // Rights of others and times say nothing; every byte, name, link and the owner's right to execute do.
        fs::set_permissions(root.join("d/a.b"), fs::Permissions::from_mode(0o600)).expect("mode");
        assert_eq!(hex(&root), want);
        executable(&root.join("d/a.b"));
        assert_ne!(hex(&root), want);
        fs::set_permissions(root.join("d/a.b"), fs::Permissions::from_mode(0o444)).expect("mode");
        fs::create_dir(root.join("e")).expect("folder");
        assert_ne!(hex(&root), want);
    }

    #[test]
    fn what_is_no_part_of_an_archive_is_refused() {
        let dir = tempfile::tempdir().expect("folder");
        let socket = dir.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).expect("socket");
        let why = hash(dir.path(), None).expect_err("a socket").to_string();
        assert_eq!(why, "socket is a socket, not a regular file");
        fs::remove_file(&socket).expect("remove");
        let stop = AtomicBool::new(true);
        assert!(matches!(
            hash(dir.path(), Some(&stop)),
            Err(NarError::Cancelled)
        ));
        let deep: PathBuf = std::iter::repeat_n("d", MAX_DEPTH + 1).collect();
        fs::create_dir_all(dir.path().join(deep)).expect("folders");
        assert!(matches!(hash(dir.path(), None), Err(NarError::Refused(_))));
    }
}
