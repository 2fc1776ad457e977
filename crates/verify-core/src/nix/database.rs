//! Nix's database of the paths in a store: SQLite, `var/nix/db/db.sqlite`, tables `ValidPaths` and `Refs`, schema 10. [M nix 2.8]

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::base32;
use crate::digest::from_hex;
use crate::sqlite::{self, Unreadable};
use crate::text;

/// Most references of one path that are read.
const MAX_REFERENCES: usize = 10_000;
/// Most bytes of one text.
const MAX_TEXT: usize = 64 << 10;

/// What the database says of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The whole path, as it is called in the store.
    pub(crate) path: String,
    /// SHA-256 of its archive.
    pub(crate) sha256: [u8; 32],
    /// Length of its archive.
    pub(crate) bytes: Option<u64>,
    /// `<key name>:<base64>`.
    pub(crate) signatures: Vec<String>,
    /// What it is addressed by, for one that is addressed by its content.
    pub(crate) content: Option<String>,
    /// Whole paths that it refers to.
    pub(crate) references: Vec<String>,
}

/// Why the database, or a row of it, cannot be read. Completes a sentence that starts with its name; safe to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("holds no table {0}")]
    NoTable(&'static str),
    #[error("has an index that disagrees with its table")]
    IndexDisagrees,
    #[error("holds a text that is too long")]
    TextTooLong,
    #[error("holds the hash {}, which is no SHA-256", text::excerpt(.0, 80))]
    NoSha256(String),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(error.into())
    }
}

/// A private copy of the database, as it was at one moment.
pub(crate) struct Database(Connection);

impl Database {
    /// Reads the database at `file`.
    pub(crate) fn read(file: &Path) -> Result<Self, DatabaseError> {
        let copy = sqlite::copy(file)?;
        let db = sqlite::open(&copy.file())?;
        db.execute_batch("BEGIN")?;
        for table in ["ValidPaths", "Refs"] {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ?1";
            let count: i64 = db.query_row(sql, [table], |row| row.get(0))?;
            if count != 1 {
                return Err(DatabaseError::NoTable(table));
            }
        }
        Ok(Self(db))
    }

    /// What it says of `path`; none where it does not know it.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub(crate) fn path(&self, path: &str) -> Result<Option<Registered>, DatabaseError> {
        type Row = (i64, String, Option<i64>, Option<String>, Option<String>);
        let row = |from: &str| -> Result<Option<Row>, rusqlite::Error> {
            let sql = format!("SELECT id, hash, narSize, sigs, ca FROM ValidPaths {from}");
            let fields = |row: &rusqlite::Row<'_>| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            };
            self.0.query_row(&sql, [path], fields).optional()
        };
        // Nix reads through the index, and a forged file can make it differ from the table.
        let found = row("WHERE path IN (?1)")?;
        if found != row("NOT INDEXED WHERE +path = ?1")? {
            return Err(DatabaseError::IndexDisagrees);
        }
        let Some((id, hash, bytes, signatures, content)) = found else {
            return Ok(None);
        };
        let texts = [Some(&hash), signatures.as_ref(), content.as_ref()];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.len() > MAX_TEXT)
        {
            return Err(DatabaseError::TextTooLong);
        }
        let digits = hash.strip_prefix("sha256:").unwrap_or_default();
        let sha256 = from_hex(digits)
            .and_then(|bytes| bytes.try_into().ok())
            .or_else(|| base32::decode(digits));
        let words = signatures.as_deref().unwrap_or_default().split_whitespace();
        Ok(Some(Registered {
            path: path.to_owned(),
            sha256: sha256.ok_or(DatabaseError::NoSha256(hash))?,
            bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
            signatures: words.map(str::to_owned).collect(),
            content: content.filter(|content| !content.is_empty()),
            references: self.references(id)?,
        }))
    }

    fn references(&self, id: i64) -> Result<Vec<String>, rusqlite::Error> {
        let sql = "SELECT v.path FROM Refs r JOIN ValidPaths v ON v.id = r.reference WHERE r.referrer = ?1 LIMIT ?2";
        let mut statement = self.0.prepare(sql)?;
        let limit = i64::try_from(MAX_REFERENCES).unwrap_or(i64::MAX);
        let rows = statement.query_map((id, limit), |row| row.get(0))?;
        rows.collect()
    }
}
