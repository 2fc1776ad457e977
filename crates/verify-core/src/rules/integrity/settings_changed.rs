//! `settings-changed`: keys or rows that steer or guard the agent are not those that were locked.

use super::changed;
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
    let (Some(entry), now) = (view.locked, view.subject.settings_digest()) else {
        return Vec::new();
    };
    if entry.settings == now || view.whole.lock.lacks_settings() {
        return Vec::new();
    }
    let message = match (entry.settings, now) {
        (Some(_), Some(_)) => "its settings differ from the lock",
        (None, _) => "the lock holds no settings of it, and there are some now",
        (_, None) => "the lock holds settings of it, and there are none now",
    };
    let mut draft = changed(view, message)
        .help("read what changed; lock it if it is yours")
        .remedy(Remedy::Lock {
            subject: Some(view.subject.id.clone()),
            accept: false,
            online: false,
        });
    match &view.evidence.listed.settings {
        Some(lines) => draft.evidence.clone_from(lines),
        None => {
            let side = |digest: Option<crate::digest::Sha256Digest>| {
                digest.map_or("nothing".to_owned(), |digest| digest.to_string())
            };
            draft = draft
                .evidence(format!("locked {}", side(entry.settings)))
                .evidence(format!("now    {}", side(now)));
        }
    }
    vec![draft]
}
