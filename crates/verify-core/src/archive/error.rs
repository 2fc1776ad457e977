//! Why an archive is refused.

use std::io;

/// Why an archive is refused, by name. Paths are safe to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Not what `openclaw fleet backup` writes.
    #[error("is no backup of a cell: {0}")]
    NoBackup(String),
    /// Not gzip, or damaged: bad header, bad data, bad checksum.
    #[error("is no whole gzip file: {0}")]
    Gzip(String),
    /// A second gzip member follows: some readers stop before it, others go on.
    #[error("holds several gzip members")]
    SeveralMembers,
    /// Bytes after the gzip member.
    #[error("has bytes after the end of the gzip data")]
    TrailingBytes,
    /// Bytes after the end of the tar archive that are not zero.
    #[error("has data after the end of the tar archive")]
    TrailingData,
    /// The tar archive ends without its two blocks of zeros, or within an entry.
    #[error("is cut short: the tar archive does not end")]
    Truncated,
    /// More packed bytes than accepted.
    #[error("is larger than the {0} bytes accepted")]
    PackedTooLarge(u64),
    /// More unpacked bytes than accepted.
    #[error("unpacks to more than the {0} bytes accepted")]
    UnpackedTooLarge(u64),
    /// Unpacks to so much more than it has that it must be a decompression bomb.
    #[error("is a decompression bomb: unpacks to more than {0} times its size")]
    Bomb(u64),
    /// More entries than accepted.
    #[error("holds more than {0} entries")]
    TooManyEntries(u64),
    /// Deeper folders than accepted.
    #[error("has more than {max} levels of folders at `{path}`")]
    TooDeep {
        /// Where.
        path: String,
        /// How many are accepted.
        max: usize,
    },
    /// Longer paths than accepted, all together.
    #[error("has more than {0} bytes of paths")]
    TooManyPathBytes(u64),
    /// A file that the caller wants to read is larger than accepted.
    #[error("`{path}` has {size} bytes, more than are accepted for a file that is looked into")]
    FileTooLarge {
        /// Which.
        path: String,
        /// Its bytes.
        size: u64,
    },
    /// A header whose checksum is wrong.
    #[error("has a header with a wrong checksum")]
    BadChecksum,
    /// A header field that two readers could read differently.
    #[error("has a malformed header: {0}")]
    BadHeader(&'static str),
    /// An extended header that two readers could read differently.
    #[error("has a malformed extended header: {0}")]
    BadExtendedHeader(&'static str),
    /// An extended header that gives an entry another size than its own header.
    #[error("says two sizes for `{0}`")]
    SizeLies(String),
    /// A sparse file: its content depends on who reads it.
    #[error("holds a sparse file")]
    Sparse,
    /// A path with `..`.
    #[error("holds `{0}`, which leaves the folder by `..`")]
    Traversal(String),
    /// A path that begins with `/`.
    #[error("holds `{0}`, which is an absolute path or names a drive")]
    AbsolutePath(String),
    /// A path that is not UTF-8.
    #[error("holds `{0}`, which is not UTF-8")]
    NotUtf8(String),
    /// A path with control characters.
    #[error("holds `{0}`, a path with control characters")]
    ControlCharacter(String),
    /// A path with an empty name or `.`, or a file that is named like a folder.
    #[error("holds `{0}`, which is no plain path")]
    BadPath(String),
    /// The same path twice, or as file and folder.
    #[error("holds `{0}` twice")]
    Duplicate(String),
    /// Two paths that are one where case or Unicode normalisation are ignored.
    #[error(
        "holds `{path}` and `{with}`, which are the same name where case or normalisation are ignored"
    )]
    Collision {
        /// The second.
        path: String,
        /// The first.
        with: String,
    },
    /// A zip that is damaged, or that two readers could understand in two ways.
    #[error("is no zip that every reader understands in the same way: {0}")]
    Zip(String),
    /// A symbolic link in a zip: some programs make it, others write a file in its place.
    #[error("holds `{0}`, a symbolic link")]
    Link(String),
    /// A device or FIFO.
    #[error("holds `{0}`, which is a device or FIFO")]
    SpecialFile(String),
    /// An entry of a type that not every reader knows.
    #[error("holds `{path}`, which is of the unknown type {kind:?}")]
    UnknownType {
        /// Which.
        path: String,
        /// The type as it is in the header.
        kind: char,
    },
    /// A symlink that leads out of the folder, or nowhere that can be known.
    #[error("holds `{path}`, a symbolic link to `{target}`, which leaves the folder")]
    LinkLeaves {
        /// Which.
        path: String,
        /// Its target.
        target: String,
    },
    /// A hard link to something that is no earlier file of the archive.
    #[error("holds `{path}`, a hard link to `{target}`, which is no earlier file of the archive")]
    HardLinkLeaves {
        /// Which.
        path: String,
        /// Its target.
        target: String,
    },
    /// A file outside any folder: npm drops it.
    #[error("holds `{0}` outside the top folder")]
    NoTopFolder(String),
    /// More than one folder at the top: npm merges them.
    #[error("has two folders at the top, `{0}` and `{1}`")]
    SeveralTopFolders(String, String),
    /// No file at all.
    #[error("is empty")]
    Empty,
    /// The reader failed.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// What was read cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl ArchiveError {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "bad-gzip",
            Self::SeveralMembers => "several-gzip-members",
            Self::TrailingBytes => "trailing-bytes",
            Self::TrailingData => "trailing-data",
            Self::Truncated => "truncated",
            Self::PackedTooLarge(_) => "packed-too-large",
            Self::UnpackedTooLarge(_) => "unpacked-too-large",
            Self::Bomb(_) => "bomb",
            Self::TooManyEntries(_) => "too-many-entries",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyPathBytes(_) => "too-many-path-bytes",
            Self::FileTooLarge { .. } => "file-too-large",
            Self::BadChecksum => "bad-checksum",
            Self::BadHeader(_) => "bad-header",
            Self::BadExtendedHeader(_) => "bad-extended-header",
            Self::SizeLies(_) => "size-lies",
            Self::Sparse => "sparse",
            Self::Traversal(_) => "traversal",
            Self::AbsolutePath(_) => "absolute-path",
            Self::NotUtf8(_) => "not-utf8",
            Self::ControlCharacter(_) => "control-character",
            Self::BadPath(_) => "bad-path",
            Self::Duplicate(_) => "duplicate",
            Self::Collision { .. } => "collision",
            Self::Zip(_) => "bad-zip",
            Self::Link(_) => "link",
            Self::SpecialFile(_) => "special-file",
            Self::UnknownType { .. } => "unknown-type",
            Self::LinkLeaves { .. } => "link-leaves",
            Self::HardLinkLeaves { .. } => "hard-link-leaves",
            Self::NoTopFolder(_) => "no-top-folder",
            Self::SeveralTopFolders(..) => "several-top-folders",
            Self::Empty => "empty",
            Self::Io(_) => "unreadable",
            Self::Write { .. } => "unwritable",
            Self::NoBackup(_) => "no-backup",
        }
    }

    /// The reason that a layer below wrapped into an I/O error, or what that error means for gzip data.
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(reason) => reason,
            Err(error) => match error.kind() {
                io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::UnexpectedEof => Self::Gzip(error.to_string()),
                _ => Self::Io(error),
            },
        }
    }
}
