//! `settings-changed`: keys or rows that steer or guard the agent are not those that were locked.

use super::{ListingDifference, switched_off};
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "settings-changed",
    group: Group::Integrity,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Lock,
    summary: "Settings that steer or guard the agent differ from the lock",
    help: "Read what changed; lock it if it is yours.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some(entry) = view.locked else {
        return Vec::new();
    };
    let difference = ListingDifference {
        what: "settings",
        locked: entry.settings,
        now: view.subject.settings_digest(),
        keys: view.evidence.listed.settings.as_deref(),
    };
    let mut drafts: Vec<Draft> = difference.everyday(view).into_iter().collect();
    if switched_off(view) && view.evidence.stated.is_none() {
        drafts.push(
            view.draft("it was switched off; what it starts when it is on is as locked")
                .evidence("changed enabled")
                .help("if you did not switch it off, switch it on again; if you did, accept it by name"),
        );
        // Its definition is another one, and that is taken over by name alone.
        for draft in &mut drafts {
            draft.remedy = Some(Remedy::Lock {
                subject: Some(view.subject.id.clone()),
                accept: true,
                online: false,
                update: false,
            });
        }
    }
    drafts
}
