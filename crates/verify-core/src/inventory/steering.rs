//! What of OpenClaw's database decides what OpenClaw does, beside the record of installs: jobs, approvals, names of the environment,
//! and code of the database itself. Values of secrets are never read.

use std::borrow::Cow;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use super::paths::Paths;
use super::table::{self, TableError};
use super::{Observation, grants, waiting};
use crate::digest::Sha256Digest;
use crate::json;
use crate::read::ReadError;
use crate::text;

/// Tables whose rows decide what OpenClaw loads, starts or allows.
const DECIDING: [&str; 19] = [
    "channel_pairing_allow_entries",
    "config_machine_state",
    "delivery_queue_entries",
    "device_pairing_paired",
    "gateway_restart_sentinel",
    "plugin_binding_approvals",
    "cron_jobs",
    "exec_approvals_config",
    "fleet_cells",
    "secret_store_entries",
    "skill_library_entries",
    "skill_library_revisions",
    "config_health_entries",
    "operator_approvals",
    "operator_approval_standing_grants",
    "user_profiles",
    "user_profile_emails",
    "user_profile_identities",
    "worker_environments",
];
/// The file that OpenClaw kept jobs in before its database.
pub(super) const OLD_JOBS: &str = "cron/jobs.json";
/// Most rows of one table.
pub(super) const MAX_ROWS: usize = 20_000;
/// Most bytes of one row's JSON.
const MAX_JSON: usize = 1 << 20;
/// Keys of approvals that OpenClaw writes while it runs.
const BOOKKEEPING: [&str; 6] = [
    "lastUsedAt",
    "lastUsedCommand",
    "lastResolvedPath",
    "updatedAt",
    "updatedAtMs",
    "socket",
];

/// What OpenClaw starts by itself.
#[derive(Clone, PartialEq)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) enabled: bool,
    /// What was written of it; the digest of its text where that is not read as JSON.
    pub(super) written: Value,
    pub(super) origin: Origin,
}

/// Where a job was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a table of the state database.
    Table(&'static str),
    /// In the file that OpenClaw had before it.
    OldFile,
}

/// The rows.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Steering {
    pub(super) jobs: Vec<Job>,
    /// Exec approvals by key.
    pub(super) approvals: Vec<(String, Value)>,
    /// The same as they are written: one value a row or file.
    pub(super) exec: Vec<Value>,
    /// What stands under keys of OpenClaw's own state that steer, one a leaf.
    pub(super) keys: Vec<(String, Value)>,
    /// Channel and sender of everyone who was paired.
    pub(super) paired: Vec<(String, String)>,
    /// Who was let in and with which rights, by what a person would call the row.
    pub(super) grants: Vec<(String, Value)>,
    /// Names of variables that the secret store puts into the environment.
    pub(super) environment: Vec<String>,
    pub(super) observations: Vec<Observation>,
}

impl Steering {
    /// Sorts the approvals, and says so where not all of `place` were looked at.
    fn finish_approvals(&mut self, place: &str) {
        if self.approvals.len() > MAX_ROWS {
            self.approvals.truncate(MAX_ROWS);
            self.observations.push(cut(place));
        }
        self.approvals.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

/// Reads them from the opened copy. `place`: how the database is shown.
///
/// # Errors
/// When SQLite refuses, or a cell holds what OpenClaw never writes: then nothing of the database is known.
pub(super) fn read(db: &Connection, place: &str) -> Result<Steering, TableError> {
    let mut found = Steering::default();
    code(db, place, &mut found)?;
    if is_plain(
        db,
        place,
        "cron_jobs",
        &["store_key", "job_id", "enabled", "job_json"],
        &mut found,
    )? {
        jobs(db, place, &mut found)?;
    }
    if is_plain(
        db,
        place,
        "exec_approvals_config",
        &["config_key", "raw_json"],
        &mut found,
    )? {
        approvals(db, place, &mut found)?;
    }
    grants::read(db, place, &mut found)?;
    waiting::read(db, place, &mut found)?;
    if is_plain(
        db,
        place,
        "secret_store_entries",
        &["name", "kind", "deleted_at_ms"],
        &mut found,
    )? {
        let sql = "SELECT DISTINCT name FROM secret_store_entries NOT INDEXED \
                   WHERE kind = 'env' AND deleted_at_ms IS NULL";
        let table = "secret_store_entries";
        found.environment = table::rows(db, table, sql, [], MAX_ROWS + 1, |row| row.get(0))?;
        if found.environment.len() > MAX_ROWS {
            found.environment.truncate(MAX_ROWS);
            found
                .observations
                .push(cut(&format!("{place}#secret_store_entries")));
        }
        found.environment.sort();
    }
    Ok(found)
}

/// Triggers and views: OpenClaw's own schema has none, and one on a table that decides can change a record after it was checked.
///
/// Indexes are not looked at, also those on expressions or with a condition. SQLite takes only deterministic functions in them, and of
/// those an application defines only ones that it declares both deterministic and safe for a schema, which OpenClaw does not do; an
/// expression reads the one row that it indexes and writes nothing. An index whose content was forged can hide a row from a reader
/// that uses it: so every table is read here without its indexes, and the record of installs both ways. The same holds for the conditions
/// of columns (CHECK, DEFAULT); generated columns are refused.
fn code(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    let sql = "SELECT name, type, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY name";
    let rows = table::rows(db, "sqlite_schema", sql, [], MAX_ROWS + 1, |row| {
        let text = |at| row.get::<_, String>(at);
        Ok((text(0)?, text(1)?, text(2)?, text(3)?))
    })?;
    for (at, (name, kind, table, sql)) in rows.into_iter().enumerate() {
        if at >= MAX_ROWS {
            let schema = format!("{place}#sqlite_schema");
            found.observations.push(cut(&schema));
            break;
        }
        let sql = sql.to_ascii_lowercase();
        let decides = DECIDING
            .iter()
            .any(|known| table.eq_ignore_ascii_case(known) || sql.contains(known));
        found.observations.push(Observation::DatabaseObject {
            place: place.to_owned(),
            kind,
            name: text::excerpt(&name, 200),
            table: text::excerpt(&table, 80),
            weak: !decides,
        });
    }
    Ok(())
}

fn jobs(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    let sql =
        "SELECT job_id, enabled, job_json FROM cron_jobs NOT INDEXED ORDER BY job_id, store_key";
    let mut rows = table::rows(db, "cron_jobs", sql, [], MAX_ROWS + 1, |row| {
        let enabled = row.get::<_, i64>(1)? != 0;
        Ok((row.get::<_, String>(0)?, enabled, row.get::<_, String>(2)?))
    })?;
    if rows.len() > MAX_ROWS {
        rows.truncate(MAX_ROWS);
        found.observations.push(cut(&format!("{place}#cron_jobs")));
    }
    for (id, enabled, written) in rows {
        let value = parsed(&written);
        if value.is_none() {
            found.observations.push(unreadable(place, "cron_jobs", &id));
        }
        found.jobs.push(Job {
            id,
            enabled,
            written: value.unwrap_or_else(|| as_written(&written)),
            origin: Origin::Table("cron_jobs"),
        });
    }
    Ok(())
}

fn approvals(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    let sql =
        "SELECT config_key, raw_json FROM exec_approvals_config NOT INDEXED ORDER BY config_key";
    let rows = table::rows(db, "exec_approvals_config", sql, [], MAX_ROWS + 1, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    for (key, written) in rows {
        if found.approvals.len() > MAX_ROWS {
            break;
        }
        match parsed(&written) {
            Some(value) => {
                found.add_approvals(&text::excerpt(&key, 80), value);
            }
            None => found
                .observations
                .push(unreadable(place, "exec_approvals_config", &key)),
        }
    }
    found.finish_approvals(&format!("{place}#exec_approvals_config"));
    Ok(())
}

impl Steering {
    /// Takes in approvals, one key a leaf below `shown`. On macOS commands go to who listens at their socket: OpenClaw keeps a place that is
    /// there, and writes none but its own. [S `mergeExecApprovalsSocketDefaults`]
    fn add_approvals(&mut self, shown: &str, value: Value) {
        let socket = value.pointer("/socket/path").and_then(Value::as_str);
        if let Some(place) = socket.filter(|place| !place.ends_with("/exec-approvals.sock")) {
            let row = (format!("{shown}.socket.path"), Value::from(place));
            self.approvals.push(row);
        }
        self.exec.push(value.clone());
        flatten(shown, value, 0, &mut self.approvals);
    }

    /// Takes in a row that steers, one key a leaf below `shown`.
    pub(super) fn add_keys(&mut self, shown: &str, place: &str, written: &str) {
        match parsed(written) {
            Some(value) => flatten(shown, value, 0, &mut self.keys),
            None => self.observations.push(Observation::Unreadable {
                place: place.to_owned(),
                why: "is no JSON".to_owned(),
            }),
        }
    }
}

/// One row a leaf, without what OpenClaw writes while it runs.
fn flatten(path: &str, value: Value, depth: usize, rows: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if depth < 8 => {
            for (key, value) in map {
                if !BOOKKEEPING.contains(&key.as_str()) {
                    let path = format!("{path}.{}", text::excerpt(&key, 80));
                    flatten(&path, value, depth + 1, rows);
                }
            }
        }
        Value::Array(items) if depth < 8 => {
            for (at, item) in items.into_iter().enumerate() {
                flatten(&format!("{path}[{at}]"), item, depth + 1, rows);
            }
        }
        leaf if rows.len() <= MAX_ROWS => rows.push((path.to_owned(), leaf)),
        _ => {}
    }
}

pub(super) fn parsed(text: &str) -> Option<Value> {
    if text.len() > MAX_JSON {
        return None;
    }
    json::last_wins(&without_halves(text))
        .ok()
        .map(|parsed| parsed.value)
}

/// The text with each escaped half of a surrogate pair replaced: JavaScript cuts strings between the two, and reads such text back.
fn without_halves(text: &str) -> Cow<'_, str> {
    let half = |at: usize, from: u32, to: u32| {
        let digits = text.get(at..at + 6).and_then(|six| six.strip_prefix("\\u"));
        let code = digits.and_then(|four| u32::from_str_radix(four, 16).ok());
        code.is_some_and(|code| (from..to).contains(&code))
    };
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let here = at + found;
        at = here + 2;
        if half(here, 0xd800, 0xdc00) && half(here + 6, 0xdc00, 0xe000) {
            at = here + 12;
        } else if half(here, 0xd800, 0xe000) {
            out.push_str(text.get(done..here).unwrap_or_default());
            out.push_str("\\ufffd");
            done = here + 6;
            at = done;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Files from before the database, which OpenClaw takes in where a row is missing: approvals, and jobs.
pub(super) fn legacy(paths: &Paths, found: &mut Steering) {
    let file = paths.state.join("exec-approvals.json");
    if let Some(text) = legacy_text(paths, &file, found) {
        match parsed(&text) {
            Some(value) => {
                found.add_approvals("exec-approvals.json", value);
            }
            None => found.observations.push(Observation::Unreadable {
                place: paths.shown(&file),
                why: "is no JSON".to_owned(),
            }),
        }
        found.finish_approvals(&paths.shown(&file));
    }
    let file = paths.state.join(OLD_JOBS);
    if let Some(text) = legacy_text(paths, &file, found) {
        let value = parsed(&text).unwrap_or_else(|| {
            found.observations.push(Observation::Unreadable {
                place: paths.shown(&file),
                why: "is no JSON, or nested too deep".to_owned(),
            });
            Value::Null
        });
        let jobs = value.get("jobs").unwrap_or(&value).as_array();
        if jobs.is_some_and(|jobs| jobs.len() > MAX_ROWS) {
            found.observations.push(cut(&paths.shown(&file)));
        }
        for (at, job) in jobs.into_iter().flatten().take(MAX_ROWS).enumerate() {
            let id = job.get("id").and_then(Value::as_str);
            let id = id.map_or_else(|| format!("jobs.json/{at}"), |id| format!("jobs.json/{id}"));
            let enabled = job.get("enabled") != Some(&Value::Bool(false));
            found.jobs.push(Job {
                id,
                enabled,
                written: job.clone(),
                origin: Origin::OldFile,
            });
        }
    }
}

/// The text of a file from before the database; one that is there and cannot be read is said.
fn legacy_text(paths: &Paths, file: &Path, found: &mut Steering) -> Option<String> {
    match paths.text(file, MAX_JSON as u64) {
        Ok(text) => Some(text),
        Err(ReadError::NotFound) => None,
        Err(error) => {
            found.observations.push(Observation::Unreadable {
                place: paths.shown(file),
                why: text::excerpt(&error.to_string(), 200),
            });
            None
        }
    }
}

/// What stands for a text that is not read, such as JSON that is nested too deep: whatever changes in it changes the digest.
pub(super) fn as_written(text: &str) -> Value {
    Value::String(Sha256Digest::of(text.as_bytes()).to_string())
}

/// There is more at a place than is looked at.
pub(super) fn cut(place: &str) -> Observation {
    Observation::Unreadable {
        place: place.to_owned(),
        why: format!("holds more than {MAX_ROWS} entries; the rest was not looked at"),
    }
}

fn unreadable(place: &str, table: &str, key: &str) -> Observation {
    Observation::Unreadable {
        place: format!("{place}#{table}"),
        why: format!("the row {} is no JSON", text::excerpt(key, 80)),
    }
}

/// Whether a real table of this name with at least these columns is there; SQLite takes names in any case. One of another form is
/// nothing that OpenClaw made: what it says is not known.
pub(super) fn is_plain(
    db: &Connection,
    place: &str,
    table: &str,
    wanted: &[&str],
    found: &mut Steering,
) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*), coalesce(sum(coalesce(rootpage, 0) > 0), 0) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type = 'table'";
    let (all, real): (i64, i64) =
        db.query_row(sql, [table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if all == 0 {
        return Ok(false);
    }
    let plain = real == 1 && has_plain_columns(db, table, wanted)?;
    if !plain {
        found.observations.push(Observation::Unreadable {
            place: format!("{place}#{table}"),
            why: "is no table of the form that OpenClaw makes".to_owned(),
        });
    }
    Ok(plain)
}

/// Whether a table has at least these columns, and no generated one, which would be computed by the file's own code.
pub(super) fn has_plain_columns(
    db: &Connection,
    table: &str,
    wanted: &[&str],
) -> rusqlite::Result<bool> {
    let mut statement = db.prepare("SELECT name, hidden FROM pragma_table_xinfo(?1)")?;
    let columns: Vec<(String, i64)> = statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let plain = columns.iter().all(|(_, hidden)| *hidden == 0);
    let has = |name: &str| {
        let mut columns = columns.iter();
        columns.any(|(column, _)| column.eq_ignore_ascii_case(name))
    };
    Ok(plain && wanted.iter().all(|name| has(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_javascript_cut_in_two_is_read() {
        for (text, expected) in [
            (r#"{"a":"x\ud83d"}"#, "x\u{fffd}"),
            (r#"{"a":"\ud83d\ude00"}"#, "\u{1f600}"),
            (r#"{"a":"\\ud83d"}"#, "\\ud83d"),
            (r#"{"a":"\ude00b"}"#, "\u{fffd}b"),
        ] {
            let value = parsed(text).expect(text);
            assert_eq!(value["a"].as_str(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_table_of_another_form_is_said() {
        for (sql, said) in [
            ("", 0),
            (
                "CREATE TABLE Cron_Jobs (Store_Key, job_id, enabled, JOB_JSON)",
                0,
            ),
            ("CREATE TABLE cron_jobs (store_key, job_id, enabled)", 1),
            (
                "CREATE TABLE cron_jobs (store_key, job_id, job_json, enabled AS (1))",
                1,
            ),
            (
                "CREATE TABLE Exec_approvals_config (config_key, raw_json AS ('{}'))",
                1,
            ),
        ] {
            let db = Connection::open_in_memory().expect("database");
            db.execute_batch(sql).expect("table");
            let found = read(&db, "db").expect("rows");
            assert_eq!(found.observations.len(), said, "{sql}");
        }
    }

    #[test]
    fn what_is_cut_is_said() {
        let db = Connection::open_in_memory().expect("database");
        db.execute_batch(
            "CREATE TABLE cron_jobs (store_key, job_id, enabled, job_json);
             CREATE TABLE exec_approvals_config (config_key, raw_json);
             CREATE TABLE secret_store_entries (name, kind, deleted_at_ms);",
        )
        .expect("tables");
        let fill = |count: usize| {
            for insert in [
                "cron_jobs SELECT 's', 'j' || value, 1, '{}'",
                "exec_approvals_config SELECT 'k' || value, '1'",
                "secret_store_entries SELECT hex(randomblob(8)), 'env', NULL",
            ] {
                let sql = format!(
                    "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {count}) \
                     INSERT INTO {insert} FROM n"
                );
                db.execute_batch(&sql).expect("rows");
            }
            let found = read(&db, "db").expect("read");
            assert!(found.jobs.len() <= MAX_ROWS && found.approvals.len() <= MAX_ROWS);
            found.observations.len()
        };
        assert_eq!(fill(MAX_ROWS), 0);
        assert_eq!(fill(1), 3);
    }
}
