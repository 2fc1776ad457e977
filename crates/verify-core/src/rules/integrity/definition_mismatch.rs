//! `definition-mismatch`: what OpenClaw or a service manager starts is not what was locked.

use super::changed;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

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
    let (Some(entry), now) = (view.locked, view.subject.definition_digest()) else {
        return Vec::new();
    };
    if entry.definition == now || view.evidence.stated.is_some() {
        return Vec::new();
    }
    let message = match (entry.definition, now) {
        (Some(_), Some(_)) => "its commands differ from the lock",
        (None, _) => "the lock holds no commands of it, and there are some now",
        (_, None) => "the lock holds commands of it, and there are none now",
    };
    let mut draft = changed(view, message).help(
        "if you did not make this change, put the old value back; if you did and have read it, accept it by name",
    );
    match &view.evidence.listed.definition {
        Some(lines) => draft.evidence.clone_from(lines),
        None => {
            let side = |digest: Option<crate::digest::Sha256Digest>| {
                digest.map_or("nothing".to_owned(), |digest| digest.to_string())
            };
            draft = draft
                .evidence(format!("locked {}", side(entry.definition)))
                .evidence(format!("now    {}", side(now)));
        }
    }
    vec![draft]
}
