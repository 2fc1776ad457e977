//! Bounded reading of one file that may belong to an attacker.
//!
//! The type is looked at before the file is opened, so a FIFO, socket or device is never opened; a file larger than the limit is
//! refused by its stated size, and never more than that size and one byte is read.

use std::fs::{File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing at the path.
    #[error("not found")]
    NotFound,
    /// The path names something else than a regular file.
    #[error("is {0}, not a regular file")]
    NotRegular(&'static str),
    /// The file is larger than the caller accepts.
    #[error("has {size} bytes, more than the {limit} accepted")]
    TooLarge {
        /// Bytes that the file states.
        size: u64,
        /// Bytes that the caller accepts.
        limit: u64,
    },
    /// The file changed while it was read.
    #[error("changed while it was read")]
    Changed,
    /// The bytes are not UTF-8.
    #[error("is not UTF-8 text")]
    NotUtf8,
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The bytes of the regular file at `path`, at most `limit`. A symlink as the last component is refused.
pub fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (mut file, before) = open(path)?;
    let size = before.len();
    if size > limit {
        return Err(ReadError::TooLarge { size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(1 << 20));
    (&mut file).take(size + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(ReadError::Changed);
    }
    Ok(bytes)
}

/// The text of the regular file at `path`, at most `limit` bytes of UTF-8. A byte order mark stays.
pub fn text(path: &Path, limit: u64) -> Result<String, ReadError> {
    String::from_utf8(bytes(path, limit)?).map_err(|_| ReadError::NotUtf8)
}

/// Opens the regular file at `path` for reading, without following a symlink at its end.
pub fn open(path: &Path) -> Result<(File, Metadata), ReadError> {
    let seen = std::fs::symlink_metadata(path).map_err(not_found)?;
    regular(&seen)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file =
        File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|e| not_found(e.into()))?);
    let opened = file.metadata()?;
    regular(&opened)?;
    Ok((file, opened))
}

/// Whether two regular files hold the same bytes. What cannot be read is not the same.
pub(crate) fn same_bytes(one: &Path, other: &Path) -> bool {
    let (Ok((one, of_one)), Ok((other, of_other))) = (open(one), open(other)) else {
        return false;
    };
    if of_one.len() != of_other.len() {
        return false;
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (Ok(left), Ok(right)) = (one.fill_buf(), other.fill_buf()) else {
            return false;
        };
        let length = left.len().min(right.len());
        if left.get(..length) != right.get(..length) {
            return false;
        }
        if length == 0 {
            return left.is_empty() && right.is_empty();
        }
        one.consume(length);
        other.consume(length);
    }
}

/// What kind of thing `metadata` describes, in words for a message.
#[must_use]
pub fn kind_of(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_file() {
        "a regular file"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "a special file"
    }
}

fn regular(metadata: &Metadata) -> Result<(), ReadError> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(ReadError::NotRegular(kind_of(metadata)))
    }
}

fn not_found(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::NotFound,
        _ => ReadError::Io(error),
    }
}

/// Makes a FIFO. Not by a call of the system, because rustix has none for it on macOS.
#[cfg(test)]
pub(crate) fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "mkfifo {}",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_files_are_never_opened() {
        let dir = tempfile::tempdir().expect("temp dir");
        let fifo = dir.path().join("fifo");
        make_fifo(&fifo);
        assert!(matches!(
            bytes(&fifo, 10),
            Err(ReadError::NotRegular("a FIFO"))
        ));
        assert!(matches!(
            bytes(dir.path(), 10),
            Err(ReadError::NotRegular("a folder"))
        ));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("symlink");
        assert!(matches!(
            bytes(&link, 10),
            Err(ReadError::NotRegular("a symbolic link"))
        ));
    }

    #[test]
    fn size_is_bounded_before_reading() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sparse = dir.path().join("sparse");
        File::create(&sparse)
            .and_then(|f| f.set_len(4 << 30))
            .expect("sparse file");
        assert!(
            matches!(bytes(&sparse, 1 << 20), Err(ReadError::TooLarge { size, .. }) if size == 4 << 30)
        );
        assert!(matches!(
            bytes(&dir.path().join("none"), 1),
            Err(ReadError::NotFound)
        ));
    }
}
