//! `not-locked`: something OpenClaw would load is not in the lock.

use super::announced;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::staged::request::Extent;
use crate::policy::{OriginProof, Pin};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-locked",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Announced]),
    clears: RemedyKind::Lock,
    summary: "A subject is installed and not in the lock",
    help: "Read it, then add it to the lock; or remove it from OpenClaw.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    match (view.whole.stage, view.whole.extent) {
        (Stage::Announced, _) => return announced(view),
        (_, Extent::DependenciesFollow) => {
            return vec![later(
                view,
                "npm installs its dependencies next; it is judged with them when OpenClaw asks again",
            )];
        }
        _ => {}
    }
    if view.locked.is_some() || !view.evidence.present(view.subject) {
        return Vec::new();
    }
    let draft = view
        .draft(match view.subject.place.shown.as_str() {
            // Staged, and nowhere yet.
            "." => format!("this {} is not in the lock", view.subject.kind),
            place => format!("{} at {place} is not in the lock", view.subject.kind),
        })
        .help("read it, then lock it; or remove it from OpenClaw");
    // Where policy asks for no digest, the lock is written after the install.
    let later = view.whole.stage == Stage::Staged
        && view.requirements.pin(OriginProof::Missing) != Pin::Digest;
    vec![if later {
        draft.at_most(Level::Note)
    } else {
        draft
    }]
}

/// Of what is only announced it is said whether it is what was locked; it is judged when it is staged.
fn announced(view: &View<'_>) -> Vec<Draft> {
    if announced::is_locked(view) {
        return Vec::new();
    }
    vec![later(
        view,
        "not in the lock as announced; it is judged when it is staged",
    )]
}

fn later(view: &View<'_>, message: &str) -> Draft {
    view.draft(message)
        .level(Level::Note)
        .at_most(Level::Note)
        .outcome(Outcome::NotEstablished)
}
