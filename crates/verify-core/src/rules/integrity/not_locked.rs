//! `not-locked`: something OpenClaw would load is not in the lock.

use super::super::{Check, Group, Rule, View};
use crate::finding::{Draft, Level};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-locked",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    summary: "A subject is installed and not in the lock",
    help: "Read it, then add it to the lock; or remove it from OpenClaw.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    if view.locked.is_some() || !view.evidence.present(view.subject) {
        return Vec::new();
    }
    let id = text::shell_word(view.subject.id.as_str());
    vec![
        view.draft(match view.subject.place.shown.as_str() {
            // Staged, and nowhere yet.
            "." => format!("this {} is not in the lock", view.subject.kind),
            place => format!("{} at {place} is not in the lock", view.subject.kind),
        })
        .help(format!(
            "read it, then: openclaw-verify lock {id}; or remove it from OpenClaw"
        )),
    ]
}
