//! `floating-spec`: what is installed is pinned, but a reinstall could bring other code.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::spec::{self, Pin};
use crate::subject::Source;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "floating-spec",
    group: Group::Pinning,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::LockOnly]),
    clears: RemedyKind::Reinstall,
    summary: "A reinstall could bring other code than what is locked",
    help: "Install it again by exact version or full commit id, for example `openclaw plugins install NAME@VERSION`.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some(record) = &view.subject.record else {
        return Vec::new();
    };
    let Some(asked) = record.spec.as_deref() else {
        return Vec::new();
    };
    let pin = match view.subject.source {
        Source::Npm => spec::npm(asked),
        Source::Git => spec::git(asked),
        Source::Clawhub => spec::clawhub(asked),
        _ => return Vec::new(),
    };
    let Pin::Floating(why) = pin else {
        return Vec::new();
    };
    let exact = match view.subject.source {
        Source::Git => record
            .git_commit
            .as_deref()
            .map(|commit| format!("the commit {}", text::excerpt(commit, 64))),
        _ => record
            .resolved_spec
            .as_deref()
            .map(|resolved| text::excerpt(resolved, 120)),
    };
    let draft = view.draft(format!("{}: {why}", text::excerpt(asked, 120)));
    let draft = match exact {
        Some(exact) => draft.help(format!("install it again as {exact}")),
        None => draft,
    };
    // What is installed is pinned by its digest in the lock, whatever a reinstall would bring.
    let draft = if view.locked.is_some() {
        draft.outcome(Outcome::NotApplicable)
    } else {
        draft
    };
    // About the next install, which is asked about when it comes.
    vec![match view.whole.stage {
        Stage::Staged => draft.at_most(Level::Note),
        _ => draft,
    }]
}
