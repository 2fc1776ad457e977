//! Opening what lies beneath a folder, and nothing else: no symlink is followed on the way, at any component.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// A folder, and how to open what lies beneath it.
pub(crate) struct Beneath {
    folder: OwnedFd,
    /// Whether the kernel resolves a path beneath a folder by itself (Linux 5.6; sandboxes may forbid it).
    whole_paths: bool,
}

impl Beneath {
    /// Opens the folder at `path`. Symlinks on the way to it, and at its end, are followed: the caller chose this path.
    pub(crate) fn new(path: &Path) -> Result<Self, Errno> {
        let folder = rustix::fs::open(path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Ok(Self::of(folder))
    }

    /// The same, refusing a symlink at the end of `path`.
    pub(crate) fn new_nofollow(path: &Path) -> Result<Self, Errno> {
        Ok(Self::of(rustix::fs::open(path, FOLDER, Mode::empty())?))
    }

    /// The open folder `folder`.
    pub(crate) fn of(folder: OwnedFd) -> Self {
        Self {
            whole_paths: resolves_whole_paths(folder.as_fd()),
            folder,
        }
    }

    /// Does without the help of the kernel, as on macOS.
    #[cfg(test)]
    fn by_component(mut self) -> Self {
        self.whole_paths = false;
        self
    }

    /// The folder itself.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Opens the file at `path` for reading, without waiting for a writer if it is a FIFO. The caller looks at its type again.
    pub(crate) fn file(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.open(path, FILE)
    }

    /// Opens the folder at `path`, the empty text being this folder.
    pub(crate) fn folder(&self, path: &str) -> Result<OwnedFd, Errno> {
        if path.is_empty() {
            rustix::fs::openat(&self.folder, ".", FOLDER, Mode::empty())
        } else {
            self.open(path, FOLDER)
        }
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        if self.whole_paths {
            match open_whole(self.folder.as_fd(), path, flags) {
                // A path longer than the kernel takes at once.
                Err(Errno::NAMETOOLONG) => {}
                result => return result,
            }
        }
        let Some((parents, name)) = path.rsplit_once('/') else {
            return rustix::fs::openat(&self.folder, path, flags, Mode::empty());
        };
        let mut folder: Option<OwnedFd> = None;
        for component in parents.split('/') {
            let above = folder.as_ref().map_or(self.folder.as_fd(), |fd| fd.as_fd());
            folder = Some(rustix::fs::openat(above, component, FOLDER, Mode::empty())?);
        }
        let above = folder.as_ref().map_or(self.folder.as_fd(), |fd| fd.as_fd());
        rustix::fs::openat(above, name, flags, Mode::empty())
    }
}

#[cfg(target_os = "linux")]
fn open_whole(folder: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    rustix::fs::openat2(
        folder,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
}

#[cfg(not(target_os = "linux"))]
fn open_whole(_: BorrowedFd<'_>, _: &str, _: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NAMETOOLONG)
}

/// Asked once: kernel and sandbox do not change while a process runs.
fn resolves_whole_paths(folder: BorrowedFd<'_>) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let ask = || cfg!(target_os = "linux") && open_whole(folder, ".", FOLDER).is_ok();
    *ANSWER.get_or_init(ask)
}

/// What changes whenever the bytes or the listing of an open file or folder change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the widths differ between systems"
    )]
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// What a file type is called in a message.
pub(crate) fn type_in_words(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "a special file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_component_may_be_a_symlink_with_or_without_openat2() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::create_dir_all(dir.path().join("a/b")).expect("folders");
        std::fs::write(dir.path().join("a/b/f"), "x").expect("file");
        symlink("a", dir.path().join("to-a")).expect("symlink");
        symlink("f", dir.path().join("a/b/to-f")).expect("symlink");
        let open = || Beneath::new(dir.path()).expect("open");
        for beneath in [open(), open().by_component()] {
            assert!(beneath.file("a/b/f").is_ok());
            assert!(beneath.folder("a/b").is_ok() && beneath.folder("").is_ok());
            assert!(beneath.file("to-a/b/f").is_err());
            assert!(beneath.file("a/b/to-f").is_err());
            assert!(beneath.folder("to-a").is_err());
        }
    }
}
