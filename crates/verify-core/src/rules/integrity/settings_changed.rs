//! `settings-changed`: keys or rows that steer or guard the agent are not those that were locked.

use super::ListingDifference;
use crate::finding::{Draft, Level, RemedyKind};
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
    difference.everyday(view).into_iter().collect()
}
