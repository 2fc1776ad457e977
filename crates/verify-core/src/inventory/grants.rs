//! Rows of OpenClaw's database that let others in: paired devices with their rights, paired senders of channels, conversations that
//! plugins may take over, people with a role and how they are known, commands that a job may run without a question; the image that
//! a tenant of the fleet is started from; the library of skills; and the machines that work is sent to. Tokens are never read.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};
use serde_json::{Value, json};

use super::steering::{MAX_ROWS, Steering, cut, has_plain_columns, is_plain};
use super::table::{self, TableError};
use crate::text;

/// Longest part of a name that is shown.
const MAX_NAME: usize = 120;

/// Adds them. `place`: how the database is shown.
///
/// # Errors
/// When SQLite refuses, or a cell holds what OpenClaw never writes.
pub(super) fn read(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    devices(db, place, found)?;
    senders(db, place, found)?;
    bindings(db, place, found)?;
    profiles(db, place, found)?;
    standing(db, place, found)?;
    cells(db, place, found)?;
    library(db, place, found)?;
    workers(db, place, found)?;
    found.grants.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(())
}

/// A device by its key: anyone who holds that key may do what the scopes say. When it was seen last changes all the time.
fn devices(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "device_pairing_paired";
    const COLUMNS: [&str; 6] = [
        "device_id",
        "public_key",
        "role",
        "roles_json",
        "scopes_json",
        "approved_scopes_json",
    ];
    let sql = "SELECT device_id, public_key, role, roles_json, scopes_json, approved_scopes_json \
               FROM device_pairing_paired NOT INDEXED";
    let rows = all(db, place, TABLE, &COLUMNS, sql, found, |row| {
        let text = |at: usize| row.get::<_, Option<String>>(at);
        Ok((
            row.get::<_, String>(0)?,
            [text(1)?, text(2)?, text(3)?, text(4)?, text(5)?],
        ))
    })?;
    let rows = rows.into_iter().map(|(id, [key, role, roles, scopes, approved])| {
        let value = json!({ "key": key, "role": role, "roles": roles, "scopes": scopes, "approved": approved });
        (format!("paired device {}", text::excerpt(&id, MAX_NAME)), value)
    });
    found.grants.extend(rows);
    Ok(())
}

/// Who may write to the agent on a channel.
fn senders(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "channel_pairing_allow_entries";
    let sql =
        "SELECT channel_key, account_id, entry FROM channel_pairing_allow_entries NOT INDEXED";
    let columns = ["channel_key", "account_id", "entry"];
    let rows = all(db, place, TABLE, &columns, sql, found, three)?;
    for [channel, account, entry] in rows {
        let name = format!("paired sender {channel}/{account}/{entry}");
        found.grants.push((
            text::excerpt(&name, MAX_NAME),
            json!([channel, account, entry]),
        ));
        found.paired.push((channel, entry));
    }
    found.paired.sort();
    Ok(())
}

/// Which plugin may answer in the place of the agent.
fn bindings(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "plugin_binding_approvals";
    let sql = "SELECT plugin_root, channel, account_id, plugin_id FROM plugin_binding_approvals NOT INDEXED";
    let columns = ["plugin_root", "channel", "account_id", "plugin_id"];
    let rows = all(db, place, TABLE, &columns, sql, found, |row| {
        Ok((three(row)?, row.get::<_, String>(3)?))
    })?;
    let rows = rows.into_iter().map(|([root, channel, account], plugin)| {
        let name = format!("plugin {plugin} may take over {channel}/{account}");
        (text::excerpt(&name, MAX_NAME), Value::from(root))
    });
    found.grants.extend(rows);
    Ok(())
}

/// People who may sign in: the role of each [S `getUserProfileRole`], and by what they are known.
fn profiles(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "user_profiles";
    // Columns that came later.
    let has = |column| has_plain_columns(db, TABLE, &[column]);
    let role = if has("role")? { "role" } else { "NULL" };
    let merged = if has("merged_into")? {
        "merged_into"
    } else {
        "NULL"
    };
    let sql = format!("SELECT id, {role}, {merged} FROM user_profiles NOT INDEXED");
    let rows = all(db, place, TABLE, &["id"], &sql, found, |row| {
        let text = |at: usize| row.get::<_, Option<String>>(at);
        Ok((row.get::<_, String>(0)?, text(1)?, text(2)?))
    })?;
    let rows = rows.into_iter().map(|(id, role, merged)| {
        let value = json!({ "role": role, "merged": merged });
        (format!("profile {}", text::excerpt(&id, MAX_NAME)), value)
    });
    found.grants.extend(rows);

    let columns = ["profile_id", "provider", "subject"];
    let sql = "SELECT profile_id, provider, subject FROM user_profile_identities NOT INDEXED";
    let identities = all(
        db,
        place,
        "user_profile_identities",
        &columns,
        sql,
        found,
        three,
    )?;
    let columns = ["profile_id", "email"];
    let sql = "SELECT profile_id, 'email', email FROM user_profile_emails NOT INDEXED";
    let emails = all(
        db,
        place,
        "user_profile_emails",
        &columns,
        sql,
        found,
        three,
    )?;
    let mut known: BTreeMap<String, BTreeSet<[String; 2]>> = BTreeMap::new();
    for [profile, by, whom] in identities.into_iter().chain(emails) {
        known.entry(profile).or_default().insert([by, whom]);
    }
    let rows = known.into_iter().map(|(profile, by)| {
        let name = format!("how profile {profile} is known");
        (text::excerpt(&name, MAX_NAME), json!(by))
    });
    found.grants.extend(rows);
    Ok(())
}

/// Commands that a job may run without a question, until a time or for ever. [S `validateCronStandingGrant`]
fn standing(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "operator_approval_standing_grants";
    let columns = [
        "grant_id",
        "agent_id",
        "cron_job_id",
        "operation_binding",
        "expires_at_ms",
        "revoked_at_ms",
    ];
    let sql = "SELECT grant_id, agent_id, cron_job_id, operation_binding, expires_at_ms \
               FROM operator_approval_standing_grants NOT INDEXED WHERE revoked_at_ms IS NULL";
    let rows = all(db, place, TABLE, &columns, sql, found, |row| {
        let ids = three(row)?;
        Ok((ids, row.get::<_, String>(3)?, row.get::<_, Option<i64>>(4)?))
    })?;
    let rows = rows.into_iter().map(|([id, agent, job], binding, until)| {
        let name = format!("standing approval {id} of job {job}");
        let value = json!({ "agent": agent, "binding": binding, "until": until });
        (text::excerpt(&name, MAX_NAME), value)
    });
    found.grants.extend(rows);
    Ok(())
}

/// Which image `openclaw fleet upgrade` takes for a tenant where it is given none. [S `validateFleetImage`]
fn cells(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    let columns = ["tenant_id", "image"];
    let sql = "SELECT tenant_id, image FROM fleet_cells NOT INDEXED";
    let rows = all(db, place, "fleet_cells", &columns, sql, found, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let rows = rows.into_iter().map(|(tenant, image)| {
        let name = format!("image of the fleet's tenant {tenant}");
        (text::excerpt(&name, MAX_NAME), Value::from(image))
    });
    found.grants.extend(rows);
    Ok(())
}

/// Machines that work is sent to: where each is, and the key by which it is known. [S `endpointFrom`]
fn workers(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const TABLE: &str = "worker_environments";
    let columns = [
        "environment_id",
        "ssh_host",
        "ssh_port",
        "ssh_user",
        "ssh_host_key",
        "ssh_key_ref_json",
    ];
    let sql = "SELECT environment_id, ssh_host, ssh_port, ssh_user, ssh_host_key, ssh_key_ref_json \
               FROM worker_environments NOT INDEXED WHERE ssh_host IS NOT NULL";
    let rows = all(db, place, TABLE, &columns, sql, found, |row| {
        let text = |at: usize| row.get::<_, Option<String>>(at);
        let port = row.get::<_, Option<i64>>(2)?;
        Ok((
            row.get::<_, String>(0)?,
            json!({ "host": text(1)?, "port": port, "user": text(3)?, "hostKey": text(4)?, "key": text(5)? }),
        ))
    })?;
    let rows = rows
        .into_iter()
        .map(|(id, value)| (text::excerpt(&format!("worker {id}"), MAX_NAME), value));
    found.grants.extend(rows);
    Ok(())
}

/// The library of skills: which revision of which skill is on for whom, and the description that the model reads, which is taken from
/// here and not from SKILL.md. [S `seedSkillLibrarySelection`, `materializeSkillLibrarySelection`]
fn library(db: &Connection, place: &str, found: &mut Steering) -> Result<(), TableError> {
    const ENTRIES: &str = "skill_library_entries";
    const REVISIONS: &str = "skill_library_revisions";
    let columns = [
        "skill_id",
        "slug",
        "current_revision",
        "owner_profile_id",
        "shared",
        "enabled",
        "removed",
    ];
    let sql = "SELECT skill_id, slug, current_revision, owner_profile_id, shared, enabled, removed \
               FROM skill_library_entries NOT INDEXED";
    let rows = all(db, place, ENTRIES, &columns, sql, found, |row| {
        let flag = |at: usize| row.get::<_, i64>(at);
        let owner = row.get::<_, Option<String>>(3)?;
        Ok((three(row)?, owner, [flag(4)?, flag(5)?, flag(6)?]))
    })?;
    let rows = rows.into_iter().map(|([id, slug, revision], owner, [shared, enabled, removed])| {
        let value = json!({
            "slug": slug, "revision": revision, "owner": owner, "shared": shared, "enabled": enabled, "removed": removed,
        });
        (text::excerpt(&format!("skill {id} of the library"), MAX_NAME), value)
    });
    found.grants.extend(rows);

    let columns = ["skill_id", "revision", "description"];
    let sql = "SELECT skill_id, revision, description FROM skill_library_revisions NOT INDEXED";
    let rows = all(db, place, REVISIONS, &columns, sql, found, three)?;
    let rows = rows.into_iter().map(|[id, revision, description]| {
        let name = format!("description of the library's skill {id}/{revision}");
        (text::excerpt(&name, MAX_NAME), Value::from(description))
    });
    found.grants.extend(rows);
    Ok(())
}

fn three(row: &Row<'_>) -> rusqlite::Result<[String; 3]> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?])
}

/// Every row of a table that may be absent. One of another form, and what is too much, is said.
fn all<T>(
    db: &Connection,
    place: &str,
    table: &'static str,
    columns: &[&str],
    sql: &str,
    found: &mut Steering,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, TableError> {
    if !is_plain(db, place, table, columns, found)? {
        return Ok(Vec::new());
    }
    let mut rows = table::rows(db, table, sql, [], MAX_ROWS + 1, read)?;
    if rows.len() > MAX_ROWS {
        rows.truncate(MAX_ROWS);
        found.observations.push(cut(&format!("{place}#{table}")));
    }
    Ok(rows)
}
