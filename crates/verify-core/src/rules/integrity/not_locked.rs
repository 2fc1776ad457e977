//! `not-locked`: something OpenClaw would load is not in the lock.

use super::{announced, unrecorded};
use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::inventory::staged::request::Extent;
use crate::policy::{OriginProof, PinRequirement, Preset};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::{Kind, SubjectId};
use crate::text;

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
    if view.whole.lock.lacks_settings() && view.subject.is_of_settings() {
        return of_old_lock(view);
    }
    let draft = copies(view)
        .into_iter()
        .fold(view.draft(message(view)), Draft::evidence);
    let unrecorded = view
        .subject
        .observations
        .iter()
        .any(|one| matches!(one, Observation::NoRecord { .. }));
    let draft = match unrecorded {
        // The lock alone would not make it good: what has no record is a finding of its own.
        true => draft
            .help("OpenClaw has no record of it, so do not lock it: set it aside")
            .remedy(Remedy::SetAside {
                path: unrecorded::entry(view.subject).to_owned(),
            }),
        false => draft.help("remove it from OpenClaw, or read it, then lock it"),
    };
    // Where policy requires no digest, the lock is written after the install.
    let later = view.whole.stage == Stage::Staged
        && view.requirements.pin(OriginProof::Missing) != PinRequirement::Digest;
    // What starts nothing steers or prompts: a reminder, the first files of an agent, a config that sets a guard.
    let starts = view.subject.definition.is_some() || view.evidence.tree.measured.is_some();
    let prompts = view.subject.is_of_settings() && !starts;
    let strict = view.whole.policy.base() == Preset::Strict;
    let draft = if later {
        draft.at_most(Level::Note)
    } else if prompts && !strict {
        draft.level(Level::Warn)
    } else {
        draft
    };
    vec![view.once_digested(draft)]
}

/// Of two copies of one thing each goes by its own id, so the one that was locked by the common id is not found by it any more. Nothing of it
/// changed, and that has to be said.
fn copies(view: &View<'_>) -> Option<String> {
    let digest = view.evidence.tree.tree()?.digest;
    let gone = |id: &SubjectId| {
        let mut all = view.whole.judged.iter();
        all.all(|judged| judged.subject.id != *id)
    };
    let mut locked = view.whole.lock.packages().iter();
    let same = locked.find(|entry| entry.tree == Some(digest) && gone(&entry.id))?;
    let mut others = view.whole.judged.iter();
    let beside = others.any(|other| {
        let tree = other.evidence.tree.tree();
        other.subject.id != view.subject.id && tree.is_some_and(|tree| tree.digest == digest)
    });
    let why = if beside {
        "; it is installed twice now, so each copy goes by its own name"
    } else {
        ""
    };
    Some(format!(
        "its files are those that the lock holds as {}{why}",
        same.id
    ))
}

fn message(view: &View<'_>) -> String {
    let kind = view.subject.kind;
    match view.subject.place.shown.as_str() {
        // Staged, and nowhere yet.
        "." => format!("this {kind} is not in the lock"),
        // Of jobs the id says nothing.
        place if kind == Kind::Automation => {
            let name = text::excerpt(&view.subject.name, 60);
            format!("{kind} \"{name}\" at {place} is not in the lock")
        }
        place => format!("{kind} at {place} is not in the lock"),
    }
}

/// One finding for all of them, on the first.
fn of_old_lock(view: &View<'_>) -> Vec<Draft> {
    let mut open = view
        .whole
        .judged
        .iter()
        .filter(|judged| judged.subject.is_of_settings())
        .filter(|judged| view.whole.lock.package(&judged.subject.id).is_none());
    if open.next().map(|judged| &judged.subject.id) != Some(&view.subject.id) {
        return Vec::new();
    }
    let mut draft = Draft::new(format!(
        "the lock is of a revision that could not hold {} that OpenClaw also starts or obeys",
        text::count(open.count() + 1, "subject")
    ))
    .code("lock-revision")
    .at(view.whole.in_lock(None))
    .help("look at them, then lock everything")
    .remedy(Remedy::Lock {
        subject: None,
        accept: false,
        online: false,
        update: false,
    });
    draft.evidence.extend(
        view.whole
            .judged
            .iter()
            .filter(|judged| judged.subject.is_of_settings())
            .take(20)
            .map(|judged| judged.subject.id.to_string()),
    );
    vec![draft]
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
