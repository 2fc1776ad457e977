//! Reading and writing the operator's own files: lock, policy, reviews.

mod seal;

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::error::{Error, OperatorError, Result};
use crate::temporary::{self, Temporary};
use crate::{read, text};

pub use seal::{NotRootsAlone, Purpose, Seal, roots_alone};

/// The usual name of the policy.
pub const POLICY: &str = "openclaw-verify.toml";
/// The usual name of the lock.
pub const LOCK: &str = "openclaw-verify.lock";
/// The usual name of the reviews file.
pub const REVIEWS: &str = "openclaw-reviews.toml";

/// Most bytes that a file of the operator may have: 64 MiB. A review has some 285 bytes, an entry of the lock some 420.
pub const MAX_BYTES: u64 = 64 << 20;

/// Which side counts where both say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The side that git calls ours, which stands first.
    Ours,
    /// The other.
    Theirs,
}

/// The text of the operator's file at `path`; none when nothing is there.
///
/// A symlink is followed, because the operator put it there; it must lead to a regular file of at most [`MAX_BYTES`] of UTF-8.
/// Anything else, a dangling symlink too, is an error: an unreadable policy is never the same as no policy.
pub fn read(path: &Path) -> Result<Option<String>> {
    let wrong = |why: String| {
        let error = OperatorError::whole(path, format!("{}: {why}", path.display()));
        Error::from(error.with_help(
            "repair it or name another file; a file that cannot be read never counts as missing",
        ))
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(wrong("is a symbolic link to nothing".to_owned())),
                Err(_) => Ok(None),
            };
        }
        Err(e) => return Err(wrong(format!("cannot be read: {e}"))),
    };
    if !metadata.is_file() {
        return Err(wrong(format!(
            "is {}, not a regular file",
            read::kind_of(&metadata)
        )));
    }
    // Without O_NONBLOCK a FIFO that took the file's place meanwhile would hang here.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|e| wrong(format!("cannot be read: {}", io::Error::from(e))))?;
    let mut file = File::from(file);
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err(wrong("changed while it was opened".to_owned()));
    }
    let mut bytes = Vec::new();
    (&mut file)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| wrong(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!(
            "has more than the {MAX_BYTES} bytes accepted"
        )));
    }
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e
            .as_bytes()
            .iter()
            .take(valid)
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        wrong(format!("is not UTF-8 text (line {line})"))
    })
}

/// The thing under test never says whom to trust: anyone who can write to one of the `folders`, which are real paths, could write such a
/// file there. Files that are not there are none.
///
/// # Errors
/// When one of `files` lies in one of `folders`.
pub fn refuse_inside<'a>(
    files: impl IntoIterator<Item = &'a Path>,
    folders: &[PathBuf],
) -> Result<()> {
    for file in files {
        if let Ok(real) = file.canonicalize() {
            refuse_below(file, &real, folders)?;
        }
    }
    Ok(())
}

/// The same before `file` is written, which need not be there yet, and neither need its folder.
///
/// # Errors
/// When it would lie in one of `folders`, or it is not known where it would.
pub fn refuse_to_write_inside(file: &Path, folders: &[PathBuf]) -> Result<()> {
    let whole = std::path::absolute(file).map_err(|error| Error::io("find", file, error))?;
    for folder in whole.ancestors() {
        let Ok(real) = folder.canonicalize() else {
            continue;
        };
        // What leads out of a folder that is not there leads elsewhere once it is.
        let mut rest = whole.strip_prefix(folder).unwrap_or(&whole).components();
        if rest.any(|part| part == Component::ParentDir) {
            let shown = text::visible(&file.to_string_lossy()).into_owned();
            return Err(Error::environment(
                format!("{shown} leads through a folder that is not there"),
                "name it without `..`",
            ));
        }
        return refuse_below(file, &real, folders);
    }
    Ok(())
}

fn refuse_below(file: &Path, real: &Path, folders: &[PathBuf]) -> Result<()> {
    let Some(folder) = folders.iter().find(|folder| real.starts_with(folder)) else {
        return Ok(());
    };
    let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
    Err(Error::environment(
        format!(
            "{} lies in {}, which is under test and must not say whom to trust",
            shown(file),
            shown(folder)
        ),
        "keep it in a place that no code judged by it can write to",
    ))
}

/// Makes `text` the content of the file at `path`; whether anything had to change.
///
/// A file with that content already is not touched. Otherwise a temporary file in the same folder is written, flushed to the disk and
/// renamed over the old one, so a crash at any moment leaves the old content or the new, whole. A symlink stays, its target is
/// replaced; the mode of the old file stays, and its owner where root writes.
pub fn write_atomic(path: &Path, text: &str) -> Result<bool> {
    if read(path)?.is_some_and(|old| old == text) {
        return Ok(false);
    }
    let cannot = |e: io::Error| Error::io("write", path, e);
    let target = resolve(path).map_err(cannot)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    temporary::sweep_files(folder);
    // A new file gets what the umask leaves of rw-rw-rw-: these files hold no secrets and are meant to be committed.
    let mut temporary = Temporary::in_folder(folder, 0o666).map_err(cannot)?;
    temporary.write_all(text.as_bytes()).map_err(cannot)?;
    if let Ok(old) = fs::metadata(&target) {
        // Written by root it stays its owner's, who writes it the next time. Others than root cannot give files away.
        let _ = std::os::unix::fs::fchown(temporary.as_file(), Some(old.uid()), Some(old.gid()));
        let mode = old.permissions().mode() & 0o777;
        temporary
            .as_file()
            .set_permissions(Permissions::from_mode(mode))
            .map_err(cannot)?;
    }
    temporary.as_file().sync_all().map_err(cannot)?;
    temporary.persist(&target).map_err(cannot)?;
    // The rename itself is on the disk only when the folder is. Not every file system lets a folder be flushed.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(true)
}

/// The real path of an existing file; a path that does not exist yet stays as it is.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        read(path)
            .expect_err("must be refused")
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn only_regular_text_is_read_and_nothing_is_taken_for_missing() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = |name: &str| dir.path().join(name);
        assert!(matches!(read(&path("none")), Ok(None)));
        fs::write(path("file"), "text").expect("write");
        std::os::unix::fs::symlink("file", path("link")).expect("symlink");
        assert_eq!(read(&path("link")).expect("read").as_deref(), Some("text"));

        read::make_fifo(&path("fifo"));
        assert_eq!(
            refused(&path("fifo")),
            "FILE: is a FIFO, not a regular file"
        );
        assert_eq!(refused(dir.path()), "FILE: is a folder, not a regular file");
        assert_eq!(
            refused(Path::new("/dev/zero")),
            "FILE: is a device, not a regular file"
        );
        std::os::unix::fs::symlink("nowhere", path("dangling")).expect("symlink");
        assert_eq!(
            refused(&path("dangling")),
            "FILE: is a symbolic link to nothing"
        );
        std::os::unix::fs::symlink("loop", path("loop")).expect("symlink");
        assert!(refused(&path("loop")).starts_with("FILE: cannot be read: "));
        assert!(refused(&path("file/below")).starts_with("FILE: cannot be read: Not a directory"));
        fs::write(path("latin"), b"a\nb\xe9").expect("write");
        assert_eq!(refused(&path("latin")), "FILE: is not UTF-8 text (line 2)");
        File::create(path("sparse"))
            .and_then(|f| f.set_len(4 << 30))
            .expect("sparse file");
        assert_eq!(
            refused(&path("sparse")),
            "FILE: has more than the 67108864 bytes accepted"
        );
    }

    #[test]
    fn what_root_writes_stays_its_owners() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("file");
        assert!(write_atomic(&file, "one").expect("write"));
        // To give a file to another user takes root; of anyone else there is nothing to see.
        let given = std::os::unix::fs::chown(&file, Some(1), Some(1)).is_ok();
        let before = fs::metadata(&file).expect("metadata");
        assert!(write_atomic(&file, "two").expect("write"));
        let after = fs::metadata(&file).expect("metadata");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert!(!given || after.uid() == 1);
    }

    #[test]
    fn writing_keeps_link_and_mode_and_leaves_equal_files_alone() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().expect("temp dir");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        assert!(write_atomic(&file, "one").expect("write"));
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("chmod");
        std::os::unix::fs::symlink("file", &link).expect("symlink");
        assert!(write_atomic(&link, "two").expect("write"));
        assert!(fs::symlink_metadata(&link).expect("link").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("read"), "two");
        let before = fs::metadata(&file).expect("metadata");
        assert_eq!(before.permissions().mode() & 0o777, 0o640);
        assert!(!write_atomic(&link, "two").expect("write"));
        assert_eq!(fs::metadata(&file).expect("metadata").ino(), before.ino());
        assert_eq!(
            fs::read_dir(dir.path()).expect("list").count(),
            2,
            "no temporary file is left"
        );
    }
}
