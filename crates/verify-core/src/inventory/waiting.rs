//! Prompts that wait in OpenClaw's database and reach the agent by themselves: what goes on after a restart, and turns in the queue of
//! deliveries. They are what a job that prompts is, and are judged like one. [S 2026.9.6 `parseRestartSentinelContinuation`,
//! `session-delivery`]

use rusqlite::Connection;
use serde_json::{Value, json};

use super::steering::{Job, MAX_ROWS, Origin, Steering, as_written, cut, is_plain, parsed};
use super::table::{self, TableError};

/// Adds them to the jobs. `place`: how the database is shown.
///
/// # Errors
/// When SQLite refuses, or a cell holds what OpenClaw never writes.
pub(super) fn read(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    continuations(db, place, found)?;
    deliveries(db, place, found)
}

fn continuations(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "gateway_restart_sentinel";
    let columns = ["sentinel_key", "continuation_json", "payload_json"];
    if !is_plain(db, place, TABLE, &columns, found)? {
        return Ok(());
    }
    let sql = "SELECT sentinel_key, continuation_json, payload_json FROM gateway_restart_sentinel NOT INDEXED";
    let rows = table::rows(db, TABLE, sql, [], MAX_ROWS, |row| {
        let key: String = row.get(0)?;
        let (own, whole): (Option<String>, String) = (row.get(1)?, row.get(2)?);
        Ok((key, own, whole))
    })?;
    for (key, own, whole) in rows {
        // The same may stand in both columns, and either may be read.
        let whole = read_text(&whole);
        let in_whole = whole.get("continuation").cloned();
        let parts = [own.as_deref().map(read_text), in_whole];
        let texts: Vec<Value> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_null())
            .collect();
        if !texts.is_empty() {
            let id = format!("restart/{key}");
            found
                .jobs
                .push(prompt(id, &json!(texts), Origin::Table(TABLE)));
        }
    }
    Ok(())
}

fn deliveries(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "delivery_queue_entries";
    let columns = ["queue_name", "id", "status", "entry_kind", "entry_json"];
    if !is_plain(db, place, TABLE, &columns, found)? {
        return Ok(());
    }
    // Nothing else is taken from the queue. [S `readSessionDelivery`]
    let sql = "SELECT queue_name, id, entry_kind, entry_json FROM delivery_queue_entries NOT INDEXED \
               WHERE status = 'pending' \
               AND (entry_kind = 'agentTurn' OR instr(entry_json, 'agentTurn') > 0 OR instr(entry_json, '\\u') > 0)";
    let rows = table::rows(db, TABLE, sql, [], MAX_ROWS + 1, |row| {
        let text = |at: usize| row.get::<_, String>(at);
        Ok((
            text(0)?,
            text(1)?,
            row.get::<_, Option<String>>(2)?,
            text(3)?,
        ))
    })?;
    if rows.len() > MAX_ROWS {
        found.observations.push(cut(&format!("{place}#{TABLE}")));
    }
    for (queue, id, kind, written) in rows.into_iter().take(MAX_ROWS) {
        let entry = read_text(&written);
        let is_turn = |kind: Option<&str>| kind == Some("agentTurn");
        let inside = entry.get("kind").and_then(Value::as_str);
        if is_turn(kind.as_deref()) || is_turn(inside) || !entry.is_object() {
            let id = format!("queue/{queue}/{id}");
            let message = entry.get("message").cloned().unwrap_or(entry);
            found.jobs.push(prompt(id, &message, Origin::Table(TABLE)));
        }
    }
    Ok(())
}

/// The value of a cell, or the digest of its text where that is no JSON.
fn read_text(written: &str) -> Value {
    parsed(written).unwrap_or_else(|| as_written(written))
}

/// In the form of a job that prompts the agent.
fn prompt(id: String, text: &Value, origin: Origin) -> Job {
    Job {
        id,
        enabled: true,
        written: json!({ "payload": { "kind": "agentTurn", "text": text } }),
        origin,
    }
}
