//! Writing an archive out, but only as what was verified before.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{Archive, ArchiveError, ArchiveLimits, Sink};
use super::{reader, zipped};
use crate::digest::{Sri, TreeDigest};
use crate::tree::{self, BlobId, Manifest, Mode, TreeSpec};
use crate::{read, temporary};

/// Why an archive was not written out. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The archive is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// These are not the bytes that were verified.
    #[error("the archive has the integrity {found}, not the {expected} that was verified")]
    Integrity {
        /// What was verified.
        expected: String,
        /// What was read.
        found: String,
    },
    /// The archive holds a symlink or hard link.
    #[error("`{0}` is a link, and links are not unpacked")]
    Link(String),
    /// There is something at the target already.
    #[error("`{}` exists already; name a folder that does not exist", .0.display())]
    Exists(PathBuf),
    /// What is in the folder is not what was read: the file system changed names, or another process wrote there.
    #[error("what was written does not have the digest of the archive")]
    Differs,
    /// The operating system refused.
    #[error("cannot write `{}`: {source}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads the archive again and writes what lies below its top folder to `target`, which must not exist; its parent must. The bytes
/// must have the integrity `expected`: that of the archive that was verified.
///
/// It is written beside `target`, digested, and renamed, so `target` is never seen in part. Files get the modes 644 and 755.
/// Symlinks and hard links are refused, because npm never installs them.
///
/// # Errors
/// See [`UnpackError`].
pub fn unpack(
    reader: impl Read,
    limits: &ArchiveLimits,
    expected: &Sri,
    target: &Path,
) -> Result<Archive, UnpackError> {
    place(target, |writer| {
        let archive = reader::read(reader, limits, writer)?;
        if archive.integrity != *expected {
            return Err(UnpackError::Integrity {
                expected: expected.to_string(),
                found: archive.integrity.to_string(),
            });
        }
        Ok(archive)
    })
}

/// The same for a zip at `path`, which was read as `expected`.
pub(crate) fn unpack_zip(
    path: &Path,
    limits: &ArchiveLimits,
    root: &str,
    expected: &Archive,
    target: &Path,
) -> Result<Archive, UnpackError> {
    place(target, |writer| {
        let archive = zipped::read(path, limits, root, writer)?;
        if archive.integrity != expected.integrity || archive.digest != expected.digest {
            return Err(UnpackError::Integrity {
                expected: expected.integrity.to_string(),
                found: archive.integrity.to_string(),
            });
        }
        Ok(archive)
    })
}

/// Copies the files of a folder that was read as `expected` to `target`, which must not exist; its parent must. Nothing else of the
/// folder is copied, and what changed since is refused.
///
/// # Errors
/// See [`UnpackError`].
pub fn copy_tree(from: &Path, expected: &Manifest, target: &Path) -> Result<(), UnpackError> {
    /// Most bytes of one file, which is read whole.
    const MAX_FILE: u64 = 256 << 20;
    fresh(target, |root| {
        let mut writer = Writer::new(root);
        for entry in expected.entries() {
            if entry.mode == Mode::Symlink {
                return Err(UnpackError::Link(entry.path.clone()));
            }
            let unread = |error: read::ReadError| UnpackError::Io {
                path: from.join(&entry.path),
                source: match error {
                    read::ReadError::Io(source) => source,
                    other => io::Error::other(other.to_string()),
                },
            };
            let bytes = read::bytes(&from.join(&entry.path), MAX_FILE).map_err(unread)?;
            if BlobId::of(&bytes) != entry.id {
                return Err(UnpackError::Differs);
            }
            writer.begin(&entry.path, entry.mode, bytes.len() as u64)?;
            writer.data(&bytes)?;
            writer.end()?;
        }
        Ok(((), expected.digest()))
    })
}

fn place(
    target: &Path,
    read: impl FnOnce(&mut dyn Sink) -> Result<Archive, UnpackError>,
) -> Result<Archive, UnpackError> {
    fresh(target, |root| {
        let archive = read(&mut Writer::new(root))?;
        if let Some(link) = archive
            .entries
            .iter()
            .find(|entry| entry.hard_link || entry.mode == Mode::Symlink)
        {
            return Err(UnpackError::Link(link.path.clone()));
        }
        let digest = archive.digest;
        Ok((archive, digest))
    })
}

/// Has a folder beside `target` filled, makes sure that what was written has the digest that `fill` says, and gives it its name.
fn fresh<T>(
    target: &Path,
    fill: impl FnOnce(&Path) -> Result<(T, TreeDigest), UnpackError>,
) -> Result<T, UnpackError> {
    let io = |path: &Path, source| UnpackError::Io {
        path: path.to_owned(),
        source,
    };
    let exists = || UnpackError::Exists(target.to_owned());
    if target.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let fresh = temporary::Folder::in_shared(parent).map_err(|source| io(parent, source))?;
    let root = fresh.path().join("tree");
    std::fs::create_dir(&root).map_err(|source| io(&root, source))?;
    let (filled, digest) = fill(&root)?;
    let written = tree::digest(&TreeSpec::whole(&root), &tree::TreeOptions::default());
    if !written.is_ok_and(|written| written.digest == digest) {
        return Err(UnpackError::Differs);
    }
    match rename(&root, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        renamed => renamed
            .map(|()| filled)
            .map_err(|source| io(target, source)),
    }
}

/// Renames to a place where there is nothing. A plain rename would also take the place of an empty folder that was created meanwhile.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do that.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        other => Ok(other?),
    }
}

/// Writes files below a fresh folder in which there is no symlink to follow.
pub(super) struct Writer<'a> {
    root: &'a Path,
    open: Option<(String, File)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root, open: None }
    }
}

impl Sink for Writer<'_> {
    fn begin(&mut self, path: &str, mode: Mode, _: u64) -> Result<(), ArchiveError> {
        let place = self.root.join(path);
        let permissions = if mode == Mode::Executable {
            0o755
        } else {
            0o644
        };
        let open = || {
            std::fs::create_dir_all(place.parent().unwrap_or(self.root))?;
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(permissions)
                .open(&place)?;
            // The umask took bits away.
            file.set_permissions(Permissions::from_mode(permissions))?;
            Ok(file)
        };
        let file = open().map_err(|source| ArchiveError::Write {
            path: path.to_owned(),
            source,
        })?;
        self.open = Some((path.to_owned(), file));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let Some((path, file)) = &mut self.open else {
            return Ok(());
        };
        file.write_all(bytes).map_err(|source| ArchiveError::Write {
            path: path.clone(),
            source,
        })
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        self.open = None;
        Ok(())
    }
}
