//! Rows of a table of OpenClaw's database. SQLite lets a cell hold a value of any type, so each is looked at before it is taken.

use std::fmt;

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Error as Sqlite, Params, Row};

use crate::text;

/// Longest key that a message names.
const MAX_KEY: usize = 80;

/// Why the rows of a table are not known.
#[derive(Debug)]
pub(super) enum TableError {
    /// SQLite refuses.
    Sqlite(Sqlite),
    /// A cell holds what OpenClaw never writes into it.
    Cell {
        /// The table.
        table: &'static str,
        /// The first column of the row, safe to show.
        row: String,
        /// The column.
        column: String,
        /// What the cell holds, in words.
        found: &'static str,
    },
}

impl From<Sqlite> for TableError {
    fn from(error: Sqlite) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => out.write_str(&text::excerpt(&error.to_string(), 200)),
            Self::Cell {
                table,
                row,
                column,
                found,
            } => write!(
                out,
                "the table {table} has {found} in the column {column} of the row {row}, which OpenClaw never writes"
            ),
        }
    }
}

/// What `read` takes from each row that `sql` selects of `table`, of at most `most` rows. The first column is the key of the row.
///
/// # Errors
/// When SQLite refuses, or a cell is not of the type that `read` asks for.
pub(super) fn rows<T>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    parameters: impl Params,
    most: usize,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, TableError> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        found.push(read(row).map_err(|error| named(table, row, error))?);
    }
    Ok(found)
}

/// The error with the table, the row and the column that it is about.
fn named(table: &'static str, row: &Row<'_>, error: Sqlite) -> TableError {
    let (at, found) = match &error {
        Sqlite::InvalidColumnType(at, _, Type::Null) => (*at, "NULL"),
        Sqlite::InvalidColumnType(at, _, Type::Blob) => (*at, "a BLOB"),
        Sqlite::InvalidColumnType(at, _, Type::Text) => (*at, "a text"),
        Sqlite::InvalidColumnType(at, ..) => (*at, "a number"),
        Sqlite::Utf8Error(at, _) => (*at, "text that is not UTF-8"),
        Sqlite::IntegralValueOutOfRange(at, _) => (*at, "a number out of range"),
        _ => return error.into(),
    };
    let column = row.as_ref().column_name(at).unwrap_or("?");
    TableError::Cell {
        table,
        row: key(row),
        column: text::excerpt(column, MAX_KEY),
        found,
    }
}

/// The first column of a row, whatever it holds.
fn key(row: &Row<'_>) -> String {
    match row.get_ref(0) {
        Ok(ValueRef::Text(bytes)) => text::excerpt(&String::from_utf8_lossy(bytes), MAX_KEY),
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Real(number)) => number.to_string(),
        Ok(ValueRef::Blob(_)) => "whose key is a BLOB".to_owned(),
        Ok(ValueRef::Null) | Err(_) => "whose key is NULL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_another_type_is_named() {
        let db = Connection::open_in_memory().expect("database");
        db.execute_batch("CREATE TABLE t (k, v)").expect("table");
        for (cells, said) in [
            ("'a', NULL", "NULL in the column v of the row a,"),
            ("'a', x'00'", "a BLOB in the column v of the row a,"),
            ("7, 1.5", "a number in the column v of the row 7,"),
            (
                "'a', CAST(x'ff' AS TEXT)",
                "text that is not UTF-8 in the column v",
            ),
            (
                "NULL, NULL",
                "NULL in the column v of the row whose key is NULL",
            ),
            ("x'00', NULL", "the row whose key is a BLOB"),
        ] {
            db.execute_batch(&format!("DELETE FROM t; INSERT INTO t VALUES ({cells})"))
                .expect("row");
            let sql = "SELECT k, v FROM t";
            let found = rows(&db, "t", sql, [], 9, |row| row.get::<_, String>(1));
            let error = found.expect_err(cells).to_string();
            assert!(error.contains(said), "{cells}: {error}");
        }
        let found = rows(&db, "t", "SELECT * FROM none", [], 9, |_| Ok(()));
        assert!(matches!(found, Err(TableError::Sqlite(_))));
    }
}
