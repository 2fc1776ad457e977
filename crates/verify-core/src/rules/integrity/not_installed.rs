//! `not-installed`: the lock or a record of OpenClaw names something that is not there.

use super::super::{Check, Group, Rule, Whole};
use crate::finding::{Draft, Level, Location};
use crate::inventory::Observation;
use crate::subject::SubjectId;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-installed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    summary: "A subject is locked or recorded and not installed",
    help: "Install it through OpenClaw, or take it out of the lock with `openclaw-verify lock`.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    if !whole.installed {
        return Vec::new();
    }
    let at = |line| Some(Location { file: whole.names.lock.clone(), line });
    let subjects = &whole.inventory.subjects;
    let missing = |id: &SubjectId| subjects.iter().all(|subject| subject.id != *id);
    let mut drafts: Vec<Draft> = whole
        .lock
        .packages()
        .iter()
        .filter(|entry| missing(&entry.id))
        .map(|entry| Draft::new("in the lock and not installed").subject(&entry.id).at(at(entry.line)))
        .collect();
    for subject in subjects {
        let folder = subject.observations.iter().find_map(|observation| match observation {
            Observation::MissingFolder { path } => Some(path),
            _ => None,
        });
        if let Some(path) = folder {
            let line = whole.lock.package(&subject.id).map_or(1, |entry| entry.line);
            drafts.push(
                Draft::new(format!("OpenClaw has a record of it, and its folder {path} is not there"))
                    .subject(&subject.id)
                    .at(at(line))
                    .help("reinstall it, or remove it: openclaw plugins uninstall"),
            );
        }
    }
    drafts
}
