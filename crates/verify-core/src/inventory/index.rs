//! OpenClaw's install index: SQLite, `state/openclaw.sqlite`, table `config_machine_state`.
//!
//! The file may have been made by an attacker, and a gateway may be writing to it: only a private copy is opened ([`sqlite`]).

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use super::Observation;
use super::config::string;
use super::paths::Paths;
use super::steering::{self, Steering};
use super::table::{self, TableError};
use crate::error::Error;
use crate::json;
use crate::read::ReadError;
use crate::sqlite;
use crate::text;

/// Newest `PRAGMA user_version` that is known. [M 2026.9.6]
const USER_VERSION: i64 = 18;
/// The only `index.version` that is known. [M 2026.9.6]
const INDEX_VERSION: u64 = 1;
const TABLE: &str = "config_machine_state";
/// Where OpenClaw 2026.8 and older kept the records. [M]
const OLDER_TABLE: &str = "installed_plugin_index";
const PLUGINS: &str = "plugins.installedIndex";
const HOOKS: &str = "hooks.internal.installs";
/// Keys that steer, and how they are shown: which gateway `openclaw node run` obeys and which of its commands
/// [S `NODE_HOST_CONFIG_KEY`]; whether plugins that come with OpenClaw are loaded past `plugins.allow` [S
/// `readStartupBundledDiscoveryMode`]; which store the jobs are of [S `readCronStoreStatePath`]; where the settings of speech lie; whom
/// a spoken word reaches.
const STEERING: [(&str, &str); 5] = [
    ("nodeHost.config", "node host"),
    ("plugins.bundledDiscovery", "discovery of bundled plugins"),
    ("cron.store", "store of jobs"),
    ("tts.prefsPath", "settings of speech"),
    ("voicewake.routing", "routing of spoken words"),
];

/// What OpenClaw recorded about its installs.
#[derive(Default)]
pub(super) struct Index {
    /// `installRecords`: plugin id and record, as written, sorted by id.
    pub(super) records: Vec<(String, Value)>,
    /// `index.plugins`, by the key of the record that owns them: what OpenClaw last found where.
    seen: BTreeMap<String, Value>,
    /// The row of the hook packs; null when there is none.
    pub(super) hooks: Value,
    /// What else of the database decides.
    pub(super) steering: Steering,
    /// Whether the database was read, or is not there: otherwise nothing is known of what was installed.
    pub(super) unknown: bool,
    /// The records of an older OpenClaw, in words.
    pub(super) older: Option<String>,
    pub(super) observations: Vec<Observation>,
}

impl Index {
    /// What OpenClaw last found of the plugin that the record of this key owns.
    pub(super) fn seen(&self, key: &str) -> Option<&Value> {
        self.seen.get(key)
    }
}

/// How the database is shown.
pub(super) fn shown(paths: &Paths) -> String {
    paths.shown(&database(paths))
}

fn database(paths: &Paths) -> PathBuf {
    paths.state.join("state/openclaw.sqlite")
}

/// Reads the index. Whatever is wrong with it is an observation, and the records are then not known.
///
/// # Errors
/// When it is there and cannot be read: then nothing is known of what was installed, and nothing may be said of it.
pub(super) fn read(paths: &Paths) -> Result<Index, Error> {
    let mut index = Index::default();
    let place = shown(paths);
    let unreadable = |place: &str, why: String| Observation::Unreadable {
        place: place.to_owned(),
        why,
    };
    let rows = match current(paths, &place) {
        Ok(None) => {
            steering::legacy(paths, &mut index.steering);
            return Ok(index);
        }
        Ok(Some(rows)) => rows,
        Err(Refusal::Unreadable { why, help }) => {
            return Err(Error::Subject {
                place,
                why: format!("the record of installs cannot be read: {why}"),
                help: Some(help.to_owned()),
            });
        }
        Err(Refusal::Cell(why)) => {
            return Err(Error::Subject {
                place,
                why,
                help: Some(
                    "remove the row while the gateway is stopped, or put back a copy of the database"
                        .to_owned(),
                ),
            });
        }
        Err(Refusal::Older(found)) => {
            index.older = Some(found);
            return Ok(index);
        }
        Err(Refusal::Unsupported(found)) => {
            index.unknown = true;
            index
                .observations
                .push(Observation::UnsupportedSchema { place, found });
            return Ok(index);
        }
    };
    index.steering = rows.steering;
    for ((key, shown), written) in STEERING.into_iter().zip(rows.steered) {
        if let Some(written) = written {
            let place = format!("{place}#{key}");
            index.steering.add_keys(shown, &place, &written);
        }
    }
    steering::legacy(paths, &mut index.steering);
    index.observations.append(&mut index.steering.observations);
    if let Some(content) = rows.plugins {
        let place = format!("{place}#{PLUGINS}");
        match json::strict(&content) {
            Ok(value) => plugins(&mut index, place, value),
            Err(error) => index
                .observations
                .push(unreadable(&place, error.to_string())),
        }
    }
    if let Some(content) = rows.hooks {
        match json::strict(&content) {
            Ok(value) => index.hooks = value,
            Err(error) => index
                .observations
                .push(unreadable(&format!("{place}#{HOOKS}"), error.to_string())),
        }
    }
    Ok(index)
}

fn plugins(index: &mut Index, place: String, mut value: Value) {
    let found = value
        .pointer("/index/version")
        .cloned()
        .unwrap_or(Value::Null);
    if found.as_u64() != Some(INDEX_VERSION) {
        let found = format!(
            "index.version {}, where {INDEX_VERSION} is known",
            text::excerpt(&found.to_string(), 40)
        );
        index
            .observations
            .push(Observation::UnsupportedSchema { place, found });
        return;
    }
    match value.pointer_mut("/index/installRecords").map(Value::take) {
        Some(Value::Object(records)) => index.records = records.into_iter().collect(),
        _ => {
            let why = "index.installRecords is missing or no object".to_owned();
            index
                .observations
                .push(Observation::Unreadable { place, why });
        }
    }
    index.records.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(Value::Array(plugins)) = value.pointer_mut("/index/plugins").map(Value::take) {
        for plugin in plugins {
            let owner = string(plugin.get("installOwner"))
                .or_else(|| string(plugin.get("pluginId")))
                .map(str::to_owned);
            if let Some(owner) = owner {
                index.seen.entry(owner).or_insert(plugin);
            }
        }
    }
}

/// The rows as they are now, or as they are kept where nothing moved.
fn current(paths: &Paths, place: &str) -> Result<Option<Rows>, Refusal> {
    let fresh = || copy(paths).and_then(|copy| copy.map(|copy| rows(copy, place)).transpose());
    let Some(memory) = paths.memory() else {
        return fresh();
    };
    let files = files(paths);
    memory.set_database_files(files.to_vec());
    // Taken before the copy: what changes meanwhile has another one.
    let now = stamps(&files).ok();
    let (kept, keep) = memory.database();
    if let (Some(kept), Some(now)) = (&kept, &now)
        && (kept.stamps == *now || keep)
    {
        if kept.stamps != *now {
            memory.set_database_moved();
        }
        return Ok(Some(kept.rows.clone()));
    }
    memory.set_database(None);
    let rows = fresh()?;
    if let (Some(rows), Some(stamps)) = (rows.clone(), now) {
        memory.set_database(Some(CachedRows { stamps, rows }));
    }
    Ok(rows)
}

/// Whether rows that count differ from those that are kept; also where none are, or they cannot be read.
pub(super) fn moved(paths: &Paths) -> bool {
    let Some(memory) = paths.memory() else {
        return true;
    };
    let (before, _) = memory.database();
    memory.keep_database(false);
    let after = current(paths, &shown(paths));
    match (before, after) {
        (Some(before), Ok(Some(after))) => before.rows != after,
        _ => true,
    }
}

/// The rows of a copy, and what the files were when it was made.
#[derive(Clone)]
pub(super) struct CachedRows {
    stamps: [Option<sqlite::Stamp>; 3],
    rows: Rows,
}

/// The database, its log and its journal.
fn files(paths: &Paths) -> [PathBuf; 3] {
    let database = database(paths);
    let real = paths.real(&database).unwrap_or(database);
    ["", "-wal", "-journal"].map(|suffix| {
        let mut name = real.clone().into_os_string();
        name.push(suffix);
        let file = PathBuf::from(name);
        paths.looked_at(&file);
        file
    })
}

fn stamps(files: &[PathBuf; 3]) -> Result<[Option<sqlite::Stamp>; 3], Refusal> {
    let [database, wal, journal] = files;
    Ok([
        sqlite::stamp(database)?,
        sqlite::stamp(wal)?,
        sqlite::stamp(journal)?,
    ])
}

enum Refusal {
    Unreadable {
        why: String,
        help: &'static str,
    },
    /// One cell of it, in words.
    Cell(String),
    Older(String),
    Unsupported(String),
}

impl Refusal {
    /// It is no database that OpenClaw wrote.
    fn damaged(why: impl Into<String>) -> Self {
        let why = why.into();
        let help = sqlite::PUT_BACK;
        Self::Unreadable { why, help }
    }
}

impl From<sqlite::Unreadable> for Refusal {
    fn from(why: sqlite::Unreadable) -> Self {
        let help = why.way_out();
        let why = why.to_string();
        Self::Unreadable { why, help }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        sqlite::Unreadable::from(error).into()
    }
}

impl From<TableError> for Refusal {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Sqlite(error) => error.into(),
            cell @ TableError::Cell { .. } => Self::Cell(cell.to_string()),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                sqlite::Unreadable::from(ReadError::Io(error)).into()
            }
            _ => sqlite::Unreadable::from(error).into(),
        }
    }
}

fn copy(paths: &Paths) -> Result<Option<sqlite::Copy>, Refusal> {
    match paths.real(&database(paths)) {
        Ok(real) => Ok(Some(sqlite::copy(&real)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Clone, PartialEq)]
struct Rows {
    plugins: Option<String>,
    hooks: Option<String>,
    /// What stands under each key of [`STEERING`].
    steered: Vec<Option<String>>,
    steering: Steering,
}

fn rows(copy: sqlite::Copy, place: &str) -> Result<Rows, Refusal> {
    let file = &copy.file();
    let db = sqlite::open(file)?;
    // All that follows reads one moment of one open file.
    db.execute_batch("BEGIN")?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > USER_VERSION {
        return Err(Refusal::Unsupported(format!(
            "user_version {version}, where {USER_VERSION} is the newest known"
        )));
    }
    // SQLite fills the rest of a cut page with zeros, without a word.
    let page: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    if !std::fs::metadata(file)?.len().is_multiple_of(page.into()) {
        return Err(Refusal::damaged(
            "ends within a page: it was cut".to_owned(),
        ));
    }
    real_table(&db)?;
    // It holds secrets, and a process that is killed cleans nothing up: what is open needs no name any more.
    drop(copy);
    Ok(Rows {
        plugins: value(&db, PLUGINS)?,
        hooks: value(&db, HOOKS)?,
        steered: STEERING
            .iter()
            .map(|(key, _)| value(&db, key))
            .collect::<Result<_, _>>()?,
        steering: steering::read(&db, place)?,
    })
}

/// The table is there, and is one. OpenClaw makes it with the database, so without it the file was cut or replaced.
fn real_table(db: &Connection) -> Result<(), Refusal> {
    let mut statement =
        db.prepare("SELECT type, coalesce(sql, ''), coalesce(rootpage, 0) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")?;
    let found: Vec<(String, String, i64)> = statement
        .query_map([TABLE], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    match found.as_slice() {
        [] if has_table(db, OLDER_TABLE)? => Err(Refusal::Older(format!(
            "the records of installs are in the table {OLDER_TABLE}"
        ))),
        [] => Err(Refusal::damaged(format!("holds no table {TABLE}"))),
        [(kind, _, rootpage)] if kind == "table" && *rootpage > 0 => plain_columns(db),
        [(kind, ..)] if kind == "table" => {
            Err(Refusal::damaged(format!("{TABLE} is a virtual table")))
        }
        [(kind, ..)] => Err(Refusal::damaged(format!(
            "{TABLE} is a {}, not a table",
            text::excerpt(kind, 20)
        ))),
        _ => Err(Refusal::damaged(format!(
            "more than one thing is called {TABLE}"
        ))),
    }
}

fn has_table(db: &Connection, name: &str) -> Result<bool, Refusal> {
    let sql =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    let count: i64 = db.query_row(sql, [name], |row| row.get(0))?;
    Ok(count > 0)
}

fn plain_columns(db: &Connection) -> Result<(), Refusal> {
    if steering::has_plain_columns(db, TABLE, &["state_key", "value_json"])? {
        Ok(())
    } else {
        Err(Refusal::Unsupported(format!(
            "{TABLE} has other columns than the known ones"
        )))
    }
}

/// The value of one key. The table itself and its index must agree: OpenClaw reads through the index, and a forged file can make the
/// two differ.
fn value(db: &Connection, key: &str) -> Result<Option<String>, Refusal> {
    let read = |sql: &str| table::rows(db, TABLE, sql, [key], 2, |row| row.get::<_, String>(1));
    let indexed =
        read("SELECT state_key, value_json FROM config_machine_state WHERE state_key IN (?1)")?;
    let scanned = read(
        "SELECT state_key, value_json FROM config_machine_state NOT INDEXED WHERE +state_key = ?1",
    )?;
    match (indexed.len(), indexed == scanned) {
        (0 | 1, true) => Ok(indexed.into_iter().next()),
        _ => Err(Refusal::damaged(format!(
            "{key} is in it more than once, or its index disagrees with the table"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The database of a state directory with a memory, and what it writes to.
    fn remembered(dir: &Path) -> (Paths, std::sync::Arc<super::super::Memory>, Connection) {
        let state = dir.join("state");
        std::fs::create_dir(&state).expect("folder");
        let db = Connection::open(state.join("openclaw.sqlite")).expect("database");
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE config_machine_state (state_key TEXT PRIMARY KEY, value_json TEXT);
             CREATE TABLE noise (a)",
        )
        .expect("schema");
        let memory = std::sync::Arc::<super::super::Memory>::default();
        let options = super::super::InventoryOptions {
            memory: Some(memory.clone()),
            ..super::super::InventoryOptions::new(dir)
        };
        (Paths::new(&options).expect("paths"), memory, db)
    }

    fn kept(paths: &Paths) -> Option<String> {
        let rows = current(paths, "db").unwrap_or_else(|_| panic!("reads"));
        rows.expect("rows").plugins
    }

    #[test]
    fn rows_are_kept_while_the_files_are_what_they_were() {
        let dir = tempfile::tempdir().expect("folder");
        let (paths, memory, db) = remembered(dir.path());
        assert_eq!(kept(&paths), None);
        assert!(!moved(&paths), "nothing happened");
        db.execute_batch("INSERT INTO noise VALUES (1)")
            .expect("write");
        assert!(!moved(&paths), "no row that counts");
        let set =
            "INSERT OR REPLACE INTO config_machine_state VALUES ('plugins.installedIndex', '{}')";
        db.execute_batch(set).expect("write");
        memory.keep_database(true);
        assert_eq!(kept(&paths), None);
        assert!(memory.database_moved());
        memory.keep_database(false);
        assert_eq!(kept(&paths).as_deref(), Some("{}"));
        assert!(!memory.database_moved());
        db.execute_batch(&set.replace("'{}'", "'[]'"))
            .expect("write");
        assert!(moved(&paths));
        assert_eq!(kept(&paths).as_deref(), Some("[]"));
        // Gone is another answer than kept.
        drop(db);
        std::fs::remove_dir_all(dir.path().join("state")).expect("removed");
        assert!(moved(&paths));
        let rows = current(&paths, "db").unwrap_or_else(|_| panic!("reads"));
        assert!(rows.is_none());
    }
}
