//! `definition-mismatch`: what OpenClaw or a service manager starts is not what was locked.

use super::{ListingDifference, switched_off};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::Kind;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "definition-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Lock,
    summary: "Commands that OpenClaw starts differ from the lock",
    help: "Look at what changed. If you did not change it, put it back; if you did, accept it by name.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some(entry) = view.locked else {
        return Vec::new();
    };
    // That it was switched off is a setting: `settings-changed` says it.
    if view.evidence.stated.is_some() || switched_off(view) {
        return Vec::new();
    }
    // The wrapper that starts the host is where PATH says. Without one there is nothing between PATH and the package that was compared;
    // and a lock of the first revision did not hold wrappers.
    let now = view.subject.definition_digest();
    let locked = entry.definition.is_some();
    if view.subject.kind == Kind::Core
        && (now.is_none() || !locked && view.whole.lock.lacks_settings())
    {
        return Vec::new();
    }
    let difference = ListingDifference {
        what: "commands",
        locked: entry.definition,
        now,
        keys: view.evidence.listed.definition.as_deref(),
    };
    let draft = difference.draft(view).map(|draft| {
        draft.help(
            "if you did not make this change, put the old value back; if you did and have read it, accept it by name",
        )
    });
    draft.into_iter().collect()
}
