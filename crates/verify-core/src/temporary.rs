//! Temporary files and folders that do not outlive the run that made them.
//!
//! Dropping them removes them. A process that is killed drops nothing, so each is locked while its maker lives: the kernel lets go of
//! the lock when the maker ends, however it ends, and the next run in the same place removes what it can lock. A name alone never
//! removes anything: it must have exactly our form, belong to this user, be what its form says, and be let go of; a folder in a place
//! that others use too must also hold our mark.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

const PREFIX: &str = ".openclaw-verify-";
/// How the name of a file ends. A folder's ends with its random characters.
const SUFFIX: &str = ".tmp";
const FILE_RANDOM: usize = 6;
const FOLDER_RANDOM: usize = 12;
/// The file in a folder that says whose it is.
const MARK: &str = ".openclaw-verify-temporary";
/// How often another name is tried when a sweep took the one that was just made.
const ATTEMPTS: usize = 16;
/// Most entries of a folder that are looked at for what was left behind.
const MAX_ENTRIES: usize = 100_000;

/// A folder of this run, with mode 0700; removed when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock. None once the folder was given away.
    lock: Option<File>,
}

impl Folder {
    /// A folder in a place that others use too, such as the system's temporary folder. What killed runs left there goes first.
    ///
    /// # Errors
    /// When nothing can be made in `parent`.
    pub fn in_shared(parent: &Path) -> io::Result<Self> {
        sweep_folders(parent, true);
        let made = Self::make(parent)?;
        // Made before anything else: a folder without it holds nothing yet.
        File::create_new(made.path.join(MARK))?;
        Ok(made)
    }

    /// A folder in a place that holds nothing but ours.
    ///
    /// # Errors
    /// When nothing can be made in `parent`.
    pub fn in_own(parent: &Path) -> io::Result<Self> {
        Self::make(parent)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder away: it is no longer removed.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        self.lock = None;
        self.path.clone()
    }

    fn make(parent: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = tempfile::Builder::new()
                .prefix(PREFIX)
                .rand_bytes(FOLDER_RANDOM)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(parent)?
                .keep();
            let lock = match open_folder(&path) {
                // Swept before it was locked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            if held(&lock)? && same(&lock, &path) {
                return Ok(Self {
                    path,
                    lock: Some(lock),
                });
            }
        }
        Err(io::Error::other("another process removes what is made"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.lock.take().is_some() {
            remove_folder(&self.path);
        }
    }
}

/// A file of this run; removed when dropped, unless it is put in its place.
#[derive(Debug)]
pub struct Temporary(tempfile::NamedTempFile);

impl Temporary {
    /// A file in `folder` with `mode`, from which the umask is taken.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn in_folder(folder: &Path, mode: u32) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let file = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(FILE_RANDOM)
                .permissions(Permissions::from_mode(mode))
                .tempfile_in(folder)?;
            if held(file.as_file())? && same(file.as_file(), file.path()) {
                return Ok(Self(file));
            }
        }
        Err(io::Error::other("another process removes what is made"))
    }

    /// The open file.
    #[must_use]
    pub fn as_file(&self) -> &File {
        self.0.as_file()
    }

    /// The file, to be read and moved about.
    pub fn as_file_mut(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Renames it over what is at `path`.
    ///
    /// # Errors
    /// When the rename fails; the file is removed then.
    pub fn persist(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map(drop).map_err(|error| error.error)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Removes the files that killed runs left in `folder`.
pub fn sweep_files(folder: &Path) {
    for path in left(folder, |name| has_form(name, FILE_RANDOM, SUFFIX)) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // Named in full only once its type is known: opening a device can act on it.
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let Ok(file) = rustix::fs::open(&path, flags, Mode::empty()) else {
            continue;
        };
        let file = File::from(file);
        if ours(&file) && held(&file).unwrap_or(false) && same(&file, &path) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Removes the folders that killed runs left in `parent`, which holds nothing but ours.
pub fn sweep_own_folders(parent: &Path) {
    sweep_folders(parent, false);
}

/// How many folders of living runs are in `parent`.
#[must_use]
pub fn living_folders(parent: &Path) -> usize {
    left(parent, |name| has_form(name, FOLDER_RANDOM, "")).count()
}

fn sweep_folders(parent: &Path, shared: bool) {
    for path in left(parent, |name| has_form(name, FOLDER_RANDOM, "")) {
        let Ok(lock) = open_folder(&path) else {
            continue;
        };
        let private = lock
            .metadata()
            .is_ok_and(|found| found.mode() & 0o7777 == 0o700);
        if !(private && ours(&lock) && held(&lock).unwrap_or(false) && same(&lock, &path)) {
            continue;
        }
        if shared && !path.join(MARK).is_file() {
            // Killed before it was marked: nothing was in it. One that holds anything is not ours, and stays.
            let _ = fs::remove_dir(&path);
        } else {
            remove_folder(&path);
        }
    }
}

/// The mark goes last, so that what a killed removal leaves is known again.
fn remove_folder(path: &Path) {
    let entries = fs::read_dir(path).map(|entries| entries.flatten().collect::<Vec<_>>());
    for entry in entries.unwrap_or_default() {
        if entry.file_name() == MARK {
            continue;
        }
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            _ => fs::remove_file(entry.path()),
        };
    }
    let _ = fs::remove_file(path.join(MARK));
    let _ = fs::remove_dir(path);
}

fn left(folder: &Path, form: impl Fn(&OsStr) -> bool) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
        .flatten()
        .filter(move |entry| form(&entry.file_name()))
        .map(|entry| entry.path())
}

fn has_form(name: &OsStr, random: usize, suffix: &str) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(suffix))
        .is_some_and(|middle| {
            middle.len() == random && middle.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

fn open_folder(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Takes the lock without waiting; whether it is ours now. A file system without locks has no sweeps either: there it counts as held
/// by who makes something, and what a killed run leaves stays.
fn held(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn ours(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

/// Whether `path` still names the open file: another process may have swept it before it was locked.
fn same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("list").count()
    }

    /// What a killed run leaves: everything in place, and no lock.
    fn leave(folder: Folder) -> PathBuf {
        folder.keep()
    }

    #[test]
    fn what_lives_stays_and_what_was_left_goes() {
        let dir = tempfile::tempdir().expect("temp dir");
        let living = Folder::in_shared(dir.path()).expect("folder");
        fs::write(living.path().join("db"), "secret").expect("write");
        let left = leave(Folder::in_shared(dir.path()).expect("folder"));
        fs::create_dir(left.join("deep")).expect("folder");
        fs::write(left.join("deep/db"), "secret").expect("write");
        let next = Folder::in_shared(dir.path()).expect("folder");
        assert!(!left.exists(), "a folder of a killed run stays");
        assert!(living.path().join("db").exists());
        drop((living, next));
        assert_eq!(names(dir.path()), 0);

        let living = Temporary::in_folder(dir.path(), 0o600).expect("file");
        let dead = dir.path().join(".openclaw-verify-abc123.tmp");
        fs::write(&dead, "half").expect("write");
        sweep_files(dir.path());
        assert!(living.path().exists() && !dead.exists());
    }

    #[test]
    fn nothing_of_others_is_ever_removed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let foreign = |name: &str, mode: u32| {
            let path = dir.path().join(name);
            fs::create_dir(&path).expect("folder");
            fs::write(path.join("precious"), "x").expect("write");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        };
        // Names as people and other programs choose them, our own form without our mark, and our mark in a folder open to others.
        foreign("openclaw-verify-real", 0o700);
        foreign(".openclaw-verify-abcdefghijkl", 0o700);
        foreign(".openclaw-verify-mnopqrstuvwx", 0o755);
        fs::write(
            dir.path().join(".openclaw-verify-mnopqrstuvwx").join(MARK),
            "",
        )
        .expect("mark");
        for name in [
            ".openclaw-verify-abc.tmp",
            ".openclaw-verify-abc1234.tmp",
            ".openclaw-verify-abc/12",
        ] {
            let _ = fs::write(dir.path().join(name), "x");
        }
        std::os::unix::fs::symlink(
            "/etc/passwd",
            dir.path().join(".openclaw-verify-abc123.tmp"),
        )
        .expect("link");
        let before = names(dir.path());
        sweep_files(dir.path());
        drop(Folder::in_shared(dir.path()).expect("folder"));
        assert_eq!(names(dir.path()), before);
        for name in [
            "openclaw-verify-real",
            ".openclaw-verify-abcdefghijkl",
            ".openclaw-verify-mnopqrstuvwx",
        ] {
            assert!(dir.path().join(name).join("precious").exists(), "{name}");
        }
    }

    #[test]
    fn hundreds_at_once_take_nothing_from_each_other() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        sweep_folders(dir.path(), true);
                    }
                });
            }
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let folder = Folder::in_shared(dir.path()).expect("folder");
                        fs::write(folder.path().join("db"), "x").expect("write");
                        let file = Temporary::in_folder(dir.path(), 0o600).expect("file");
                        sweep_files(dir.path());
                        file.persist(&dir.path().join("target")).expect("persist");
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), 1, "only the target is left");
    }
}
