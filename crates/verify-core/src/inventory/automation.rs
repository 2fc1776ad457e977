//! Jobs that OpenClaw starts by itself: `cron:<job id>`.
//!
//! A job that runs something has a definition; one that only prompts the agent has instructions. Neither holds what a run leaves behind:
//! ids, next and last times, counters.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::context::Found;
use super::listing::{Class, ListingBuilder};
use super::paths::Paths;
use super::settings::formed;
use super::steering::{self, Job, Origin, Steering};
use super::{Place, Subject, ids, started};
use crate::subject::{Kind, Source, SubjectId};

/// Payloads that reach the model as text and run nothing. Whatever is not known runs something.
const PROMPTS: [&str; 3] = ["agentTurn", "systemEvent", "heartbeat"];
/// Schedules that run a command of their own to tell when the job is due.
const RUNNING_SCHEDULES: [&str; 2] = ["on-exit", "stream"];

/// Every job of the database. `roots`: folders below which files are the user's own.
pub(super) fn read(
    paths: &Paths,
    steering: &Steering,
    roots: &[PathBuf],
    found: &mut Found,
) -> Vec<Subject> {
    let jobs = steering.jobs.iter();
    jobs.map(|job| {
        let mut subject = subject(&place_of(paths, job), &job.id, job.enabled, &job.written);
        if subject.definition.is_some() {
            let commands = started::of_job(&job.written);
            started::hash(paths, roots, &commands, &mut subject, found);
        }
        subject
    })
    .collect()
}

/// The file in which a job is, and the table in it.
fn place_of(paths: &Paths, job: &Job) -> Place {
    let (file, table) = match job.origin {
        Origin::Table(table) => ("state/openclaw.sqlite", Some(table)),
        Origin::OldFile => (steering::OLD_JOBS, None),
    };
    let mut place = paths.place(&paths.state.join(file));
    place.shown.extend(table.map(|table| format!("#{table}")));
    place
}

fn subject(place: &Place, id: &str, enabled: bool, job: &Value) -> Subject {
    let mut listing = ListingBuilder::default();
    let runs = runs_something(job);
    let class = if runs { Class::Command } else { Class::Prompt };
    for (key, value) in decisive(job) {
        listing.add(key, class, &formed(&value, false));
    }
    // The prompt begins with it. [S `[cron:<id> <name>]`]
    if let Some(name) = job.get("name").filter(|_| !runs) {
        listing.add("name".to_owned(), class, &formed(name, false));
    }
    let mut subject = ids::blank(
        SubjectId::new("cron", &ids::part(id)),
        Kind::Automation,
        Source::Config,
        name(job).unwrap_or(id).to_owned(),
        place.clone(),
    );
    subject.enabled = enabled;
    if runs {
        subject.definition = Some(listing.finish());
    } else {
        subject.instructions = Some(listing.finish());
    }
    subject
}

/// What people call a job: its id is a number that tells them nothing.
fn name(job: &Value) -> Option<&str> {
    let name = job.get("name").and_then(Value::as_str)?;
    (!name.trim().is_empty()).then_some(name)
}

/// Whether the gateway itself runs something for a job. A job that cannot be read counts as one.
fn runs_something(job: &Value) -> bool {
    let text = |pointer: &str| job.pointer(pointer).and_then(Value::as_str);
    let prompts = text("/payload/kind").is_some_and(|kind| PROMPTS.contains(&kind));
    let schedule = text("/schedule/kind").is_some_and(|kind| RUNNING_SCHEDULES.contains(&kind));
    let trigger = text("/trigger/script").is_some_and(|script| !script.trim().is_empty());
    !prompts || schedule || trigger
}

/// Keys that a run or a clock changes, and names for people. A job that only prompts is told its name, so there it counts.
const BOOKKEEPING: [&str; 16] = [
    "id",
    "jobId",
    "name",
    "description",
    "enabled",
    "state",
    "schedule",
    "createdAt",
    "createdAtMs",
    "updatedAt",
    "updatedAtMs",
    "lastRunAtMs",
    "nextRunAtMs",
    "runCount",
    "deleteAfterRun",
    "sortOrder",
];

/// What decides what a job does: everything but bookkeeping; of the schedule its kind and whatever it runs.
fn decisive(job: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let Some(keys) = job.as_object() else {
        found.insert("job".to_owned(), job.clone());
        return found;
    };
    for (key, value) in keys {
        if !BOOKKEEPING.contains(&key.as_str()) {
            found.insert(key.clone(), value.clone());
        }
    }
    for key in ["kind", "command", "argv", "args", "cwd", "shell"] {
        if let Some(value) = job.get("schedule").and_then(|schedule| schedule.get(key)) {
            found.insert(format!("schedule.{key}"), value.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_to_prompt_runs_something() {
        for (job, runs) in [
            (json!({"payload": {"kind": "agentTurn"}}), false),
            (
                json!({"payload": {"kind": "systemEvent"}, "schedule": {"kind": "cron"}}),
                false,
            ),
            (json!({"payload": {"kind": "heartbeat"}}), false),
            (json!({"payload": {"kind": "command"}}), true),
            (json!({"payload": {"kind": "script"}}), true),
            (
                json!({"payload": {"kind": "agentTurn"}, "schedule": {"kind": "on-exit"}}),
                true,
            ),
            (
                json!({"payload": {"kind": "agentTurn"}, "trigger": {"script": "x"}}),
                true,
            ),
            (json!({"payload": {}}), true),
            (Value::Null, true),
        ] {
            assert_eq!(runs_something(&job), runs, "{job}");
        }
    }

    #[test]
    fn a_run_changes_nothing() {
        let job = |state: u64, text: &str| {
            let place = Place {
                absolute: "/s".into(),
                shown: "s".to_owned(),
            };
            let job = json!({
                "id": "a", "payload": {"kind": "agentTurn", "message": text}, "state": {"nextRunAtMs": state},
                "updatedAtMs": state, "schedule": {"kind": "at", "at": state},
            });
            subject(&place, "a", true, &job)
                .instructions
                .expect("instructions")
                .digest()
        };
        assert_eq!(job(1, "x"), job(2, "x"));
        assert_ne!(job(1, "x"), job(1, "y"));
    }
}
