//! Prompts that wait in OpenClaw's database and reach the agent by themselves: what it is told after a restart, and the queue of its
//! sessions. They are what a job that prompts is, and are judged like one. [S 2026.9.6 `parseRestartSentinelContinuation`,
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
    if !is_plain(db, place, TABLE, &["sentinel_key", "payload_json"], found)? {
        return Ok(());
    }
    // Older databases lack some of the columns.
    let sql = "SELECT * FROM gateway_restart_sentinel NOT INDEXED";
    let rows = table::rows(db, TABLE, sql, [], MAX_ROWS, |row| {
        let column = |name: &str| match row.get::<_, Option<String>>(name) {
            Err(rusqlite::Error::InvalidColumnName(_)) => Ok(None),
            read => read,
        };
        let key: String = row.get("sentinel_key")?;
        let payload: String = row.get("payload_json")?;
        let own = json!({
            "continuation": column("continuation_json")?.as_deref().map(read_text),
            "message": column("message")?,
            "doctorHint": column("doctor_hint")?,
            "stats": column("stats_json")?.as_deref().map(read_text),
        });
        Ok((key, own, read_text(&payload)))
    })?;
    for (key, own, payload) in rows {
        // The same may stand in both, and either may be read.
        let mut texts = told(&own);
        texts.extend(told(&payload));
        texts.dedup();
        if !texts.is_empty() {
            let id = format!("restart/{key}");
            found
                .jobs
                .push(prompt(id, &json!(texts), Origin::Table(TABLE)));
        }
    }
    Ok(())
}

/// What the agent hears of a restart after it: all but OpenClaw's own words. [S `formatRestartSentinelMessage`]
fn told(payload: &Value) -> Vec<Value> {
    if !payload.is_object() {
        return vec![payload.clone()];
    }
    let is_own_word = |value: &Value| {
        let is_word = |text: &str| text.len() <= 24 && text.bytes().all(|c| c.is_ascii_lowercase());
        value.as_str().is_some_and(is_word)
    };
    let mut texts = Vec::new();
    for pointer in [
        "/continuation",
        "/message",
        "/doctorHint",
        "/stats/reason",
        "/stats/mode",
    ] {
        match payload.pointer(pointer) {
            None | Some(Value::Null) => {}
            Some(hint) if pointer == "/doctorHint" && is_usual_hint(hint) => {}
            Some(mode) if pointer == "/stats/mode" && is_own_word(mode) => {}
            Some(text) => texts.push(text.clone()),
        }
    }
    texts
}

/// Whether this is the advice that OpenClaw itself writes beside a restart. [S `formatDoctorNonInteractiveHint`]
fn is_usual_hint(hint: &Value) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let command = hint
        .as_str()
        .and_then(|hint| hint.strip_prefix("Recommended follow-up: run "))
        .and_then(|hint| {
            hint.strip_suffix(" in a terminal or approvals-capable OpenClaw surface.")
        });
    command.is_some_and(|command| {
        command.starts_with("openclaw ")
            && command.ends_with("doctor --non-interactive")
            && command.len() <= 120
            && command.chars().all(is_word)
    })
}

fn deliveries(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "delivery_queue_entries";
    let columns = ["queue_name", "id", "status", "entry_kind", "entry_json"];
    if !is_plain(db, place, TABLE, &columns, found)? {
        return Ok(());
    }
    // The queues of what is sent to people hold no prompts; a turn in them is not trusted to stay there. [S `deliverQueuedSessionDelivery`]
    let sql = "SELECT queue_name, id, entry_kind, entry_json FROM delivery_queue_entries NOT INDEXED \
               WHERE status = 'pending' \
               AND (queue_name = 'session' OR entry_kind IN ('agentTurn', 'systemEvent') \
               OR instr(entry_json, 'agentTurn') > 0 OR instr(entry_json, 'systemEvent') > 0 \
               OR instr(entry_json, '\\u') > 0)";
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
        let prompts = |kind: Option<&str>| matches!(kind, Some("agentTurn" | "systemEvent"));
        let inside = entry.get("kind").and_then(Value::as_str);
        let of_session = queue == "session";
        if of_session || prompts(kind.as_deref()) || prompts(inside) || !entry.is_object() {
            let id = format!("queue/{queue}/{id}");
            found.jobs.push(prompt(id, &entry, Origin::Table(TABLE)));
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
