//! Writing an archive out, but only as what was verified before.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::reader;
use super::{Archive, ArchiveError, ArchiveLimits, Sink};
use crate::digest::Sri;
use crate::temporary;
use crate::tree::{self, Mode, TreeSpec};

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
    #[error("`{0}` is a link; npm does not install links, so it is not unpacked")]
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
    let mut writer = Writer {
        root: &root,
        open: None,
    };
    let archive = reader::read(reader, limits, &mut writer)?;
    if archive.integrity != *expected {
        return Err(UnpackError::Integrity {
            expected: expected.to_string(),
            found: archive.integrity.to_string(),
        });
    }
    if let Some(link) = archive
        .entries
        .iter()
        .find(|entry| entry.hard_link || entry.mode == Mode::Symlink)
    {
        return Err(UnpackError::Link(link.path.clone()));
    }
    let written = tree::digest(&TreeSpec::whole(&root), &tree::TreeOptions::default());
    if !written.is_ok_and(|written| written.digest == archive.digest) {
        return Err(UnpackError::Differs);
    }
    match rename(&root, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        renamed => renamed
            .map(|()| archive)
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
struct Writer<'a> {
    root: &'a Path,
    open: Option<(String, File)>,
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
