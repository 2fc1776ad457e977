//! `not-installed`: the lock or a record of OpenClaw names something that is not there.

use super::super::{Check, Group, Rule, Whole};
use crate::finding::{Draft, Level};
use crate::inventory::Observation;
use crate::subject::SubjectId;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-installed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    summary: "A subject is locked or recorded and not installed",
    help: "Install it through OpenClaw, or take it out of the lock by name: `openclaw-verify lock --accept ID`.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    if !whole.installed {
        return Vec::new();
    }
    let subjects = &whole.inventory.subjects;
    let missing = |id: &SubjectId| subjects.iter().all(|subject| subject.id != *id);
    let mut drafts: Vec<Draft> = whole
        .lock
        .packages()
        .iter()
        .filter(|entry| missing(&entry.id))
        .map(|entry| {
            Draft::new("in the lock and not installed")
                .subject(&entry.id)
                .at(whole.in_lock(Some(&entry.id)))
        })
        .collect();
    for observation in &whole.inventory.observations {
        if let Observation::MissingFolder { path } = observation {
            let message = format!("OpenClaw's config or records name {path}, which is not there");
            drafts.push(
                Draft::new(message)
                    .at(whole.in_lock(None))
                    .help("take it out of OpenClaw's config, or install it again"),
            );
        }
    }
    for subject in subjects {
        let folder = subject
            .observations
            .iter()
            .find_map(|observation| match observation {
                Observation::MissingFolder { path } => Some(path),
                _ => None,
            });
        if let Some(path) = folder {
            drafts.push(
                Draft::new(format!(
                    "OpenClaw has a record of it, and its folder {path} is not there"
                ))
                .subject(&subject.id)
                .at(whole.in_lock(Some(&subject.id)))
                .help("reinstall it, or remove it: openclaw plugins uninstall"),
            );
        }
    }
    drafts
}
