//! `not-installed`: the lock or a record of OpenClaw names something that is not there.

use std::collections::BTreeSet;

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::{Observation, Subject};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::subject::{Kind, SubjectId};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-installed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Lock,
    summary: "A subject is locked or recorded and not installed",
    help: "Install it through OpenClaw, or take it out of the lock by name.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    if whole.inventory.records_unknown {
        return Vec::new();
    }
    let subjects = &whole.inventory.subjects;
    let installed: BTreeSet<&SubjectId> = subjects.iter().map(|subject| &subject.id).collect();
    let mut drafts: Vec<Draft> = whole
        .lock
        .packages()
        .iter()
        .filter(|entry| !installed.contains(&entry.id))
        // Services lie outside the state directory: of a copy nothing can be said about them.
        .filter(|entry| entry.kind != Kind::Service || whole.inventory.looks_outside)
        // A host package that was not found may well be there: that is `not-established [no-host]`.
        .filter(|entry| entry.kind != Kind::Core)
        // A job that is over and an agent that was deleted leave nothing to worry about.
        .filter(|entry| !matches!(entry.kind, Kind::Automation | Kind::Agent))
        .map(|entry| {
            Draft::new("in the lock and not installed")
                .subject(&entry.id)
                .remedy(Remedy::Lock {
                    subject: Some(entry.id.clone()),
                    accept: true,
                    online: false,
                    update: false,
                })
                .at(whole.in_lock(Some(&entry.id)))
        })
        .collect();
    drafts.extend(subjects.iter().filter_map(|subject| gone(whole, subject)));
    let recorded: BTreeSet<&str> = subjects.iter().filter_map(missing).collect();
    for observation in &whole.inventory.observations {
        let Observation::MissingFolder { path, left } = observation else {
            continue;
        };
        // OpenClaw's command takes a linked plugin out of both places.
        if recorded.contains(path.as_str()) {
            continue;
        }
        let message = format!("OpenClaw's config or records name {path}, which is not there");
        let draft = Draft::new(message)
            .at(whole.in_lock(None))
            .help("take it out of OpenClaw's config, or put it back");
        drafts.push(draft.remedy(match left {
            Some(left) => Remedy::Configure {
                path: "plugins.load.paths".to_owned(),
                value: Some(left.clone()),
            },
            None => Remedy::Operator { input: None },
        }));
    }
    drafts
}

/// The recorded folder of a subject, where that is not there.
fn missing(subject: &Subject) -> Option<&str> {
    let mut seen = subject.observations.iter();
    seen.find_map(|observation| match observation {
        Observation::MissingFolder { path, .. } => Some(path.as_str()),
        _ => None,
    })
}

/// A record without its folder. Of a locked one the difference from the lock is said instead.
fn gone(whole: &Whole<'_>, subject: &Subject) -> Option<Draft> {
    let path = missing(subject)?;
    let locked = whole.lock.package(&subject.id);
    if locked.is_some_and(|locked| locked.tree.is_some()) {
        return None;
    }
    let draft = Draft::new(format!(
        "OpenClaw has a record of it, and its folder {path} is not there"
    ));
    Some(
        draft
            .subject(&subject.id)
            .at(whole.in_lock(Some(&subject.id)))
            .help("reinstall it, or uninstall it through OpenClaw")
            .remedy(Remedy::Reinstall {
                spec: None,
                subject: Some(subject.id.clone()),
            }),
    )
}
