//! SQLite databases of other programs, read from a private copy.
//!
//! Such a file may have been made by an attacker, and its program may be writing to it. It is copied with its write-ahead log into a
//! private folder, and only the copy is opened: opening the original would leave `-shm` and `-wal` beside it. Schema code is not trusted,
//! views and triggers are off, and a budget of operations ends whatever would run for ever.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::read::{self, ReadError};
use crate::temporary;
use crate::text;

/// Most bytes of the database, and of its log. People have some hundred megabytes.
const MAX_DATABASE: u64 = 2 << 30;
/// Most bytes of one value.
const MAX_VALUE: i32 = 64 << 20;
const COPY_ATTEMPTS: usize = 5;
/// Most virtual machine operations of all statements together; reading a real index takes some thousands.
const MAX_OPERATIONS: u32 = 50_000_000;
const OPERATIONS_PER_CALL: i32 = 10_000;

/// Why a database is not read. Completes a sentence that starts with its name; safe to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(
        "an interrupted change lies beside it (-journal); let the program that it belongs to open it once"
    )]
    InterruptedChange,
    #[error("it changed each time it was copied; try again, or stop what writes it")]
    Changing,
    #[error("{name}is {kind}, not a regular file")]
    NotRegular {
        /// `its -wal ` of the write-ahead log, nothing of the database itself.
        name: &'static str,
        kind: &'static str,
    },
    #[error(transparent)]
    Unread(#[from] ReadError),
    #[error("cannot be copied: {0}")]
    NotCopied(#[from] io::Error),
    #[error("{}", shown(.0))]
    Sqlite(#[from] rusqlite::Error),
}

/// What helps where the content is no database of OpenClaw's any more.
pub(crate) const PUT_BACK: &str = "stop OpenClaw and put back a copy of the database from before; without one, `openclaw doctor` says what is lost";

impl Unreadable {
    /// What to do about it.
    pub(crate) fn way_out(&self) -> &'static str {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        match self {
            Self::InterruptedChange => {
                "start OpenClaw once, which completes or takes back the change, and stop it"
            }
            Self::Changing => "try again while the gateway does nothing, or stop it for the check",
            Self::NotRegular { .. } => {
                "find out who put that there; put the database back, itself or a link to it"
            }
            Self::Unread(ReadError::Io(error)) if denied(error) => {
                "run as the user who runs OpenClaw"
            }
            Self::Unread(ReadError::TooLarge { .. }) => {
                "stop OpenClaw and have SQLite make it smaller (`VACUUM`), or put back a copy of the database from before"
            }
            Self::Unread(_) => PUT_BACK,
            Self::NotCopied(_) => {
                "name a temporary folder (TMPDIR) that this user can write and that has room for a copy of it"
            }
            Self::Sqlite(_) => PUT_BACK,
        }
    }
}

/// The private copy; removed when dropped.
pub(crate) struct Copy(temporary::Folder);

impl Copy {
    /// The copied database.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("db")
    }
}

/// What tells whether a file changed: size, time of change to the nanosecond, identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64, i64, i64, i64, i64, u64, u64);

/// A copy of the database at `real` and of its write-ahead log, as they were at one moment.
///
/// # Errors
/// When it is no regular file, too large, being written all the time, or left in the middle of a change.
pub(crate) fn copy(real: &Path) -> Result<Copy, Unreadable> {
    let beside = |suffix: &str| {
        let mut name = real.to_owned().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (wal, journal) = (beside("-wal"), beside("-journal"));
    // A rollback journal is replayed on opening, and can name other files to delete. What is read here uses write-ahead logs.
    if std::fs::symlink_metadata(&journal).is_ok_and(|found| !found.is_file() || found.len() > 0) {
        return Err(Unreadable::InterruptedChange);
    }
    // A running gateway writes now and then; one quiet moment is enough.
    for _ in 0..COPY_ATTEMPTS {
        let before = (stamp(real)?, stamp(&wal)?);
        let folder = private_folder()?;
        let mut copied = copy_file(real, &folder.file())?;
        if before.1.is_some_and(|wal| wal.0 > 0) {
            copied &= copy_file(&wal, &folder.0.path().join("db-wal"))?;
        }
        if copied && before == (stamp(real)?, stamp(&wal)?) {
            return Ok(folder);
        }
    }
    Err(Unreadable::Changing)
}

/// The database also holds secrets, which the original keeps from other users.
fn private_folder() -> io::Result<Copy> {
    temporary::Folder::in_shared(&std::env::temp_dir()).map(Copy)
}

/// What the file at `path` is now; none where there is none.
///
/// # Errors
/// When it is no regular file, or cannot be looked at.
pub(crate) fn stamp(path: &Path) -> Result<Option<Stamp>, Unreadable> {
    match std::fs::symlink_metadata(path) {
        Ok(m) if !m.is_file() => {
            let name = if path
                .extension()
                .is_some_and(|end| end.to_string_lossy().ends_with("-wal"))
            {
                "its -wal "
            } else {
                ""
            };
            let kind = read::kind_of(&m);
            Err(Unreadable::NotRegular { name, kind })
        }
        Ok(m) => Ok(Some(Stamp(
            m.len(),
            m.mtime(),
            m.mtime_nsec(),
            m.ctime(),
            m.ctime_nsec(),
            m.dev(),
            m.ino(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the whole file was copied: it is false when it shrank or grew meanwhile.
fn copy_file(from: &Path, to: &Path) -> Result<bool, Unreadable> {
    let (file, metadata) = read::open(from)?;
    let size = metadata.len();
    if size > MAX_DATABASE {
        let limit = MAX_DATABASE;
        return Err(ReadError::TooLarge { size, limit }.into());
    }
    let copied = io::copy(
        &mut io::Read::take(file, size + 1),
        &mut std::fs::File::create_new(to)?,
    )?;
    Ok(copied == size)
}

/// Opens the copy so that nothing in it is trusted or runs for ever.
///
/// # Errors
/// When it is no database.
pub(crate) fn open(file: &Path) -> rusqlite::Result<Connection> {
    let mut db = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    let mut left = MAX_OPERATIONS / OPERATIONS_PER_CALL.unsigned_abs();
    let spend = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    db.progress_handler(OPERATIONS_PER_CALL, Some(spend))?;
    db.pragma_update(None, "cell_size_check", true)?;
    Ok(db)
}

/// An error of SQLite in words, safe to show.
pub(crate) fn shown(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => {
            "reading it takes longer than any real index would".to_owned()
        }
        _ => text::excerpt(&error.to_string(), 200),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_user_can_read_the_copy() {
        let folder = private_folder().expect("folder");
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.0.path())
            .expect("folder")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn an_endless_query_meets_the_budget() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("db");
        Connection::open(&file)
            .and_then(|db| db.execute_batch("CREATE TABLE t (a)"))
            .expect("create");
        let db = open(&file).unwrap_or_else(|_| panic!("opens"));
        let endless =
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
        let refusal = db
            .query_row(endless, [], |row| row.get::<_, i64>(0))
            .map_err(|error| shown(&error));
        assert!(refusal.is_err_and(|why| why.contains("takes longer")));
    }
}
