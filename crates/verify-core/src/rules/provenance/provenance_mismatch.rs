//! `provenance-mismatch`: a genuine attestation by another identity than policy requires.

use super::provenance_invalid::{is_mismatch, with_code};
use crate::fact::{Fact, Outcome};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "The provenance is genuine, and names another repository, workflow, ref or signer than policy",
    help: "Do not use it, unless the publisher has announced the move; then change the identity in your rule.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    identity(view).into_iter().chain(release(view)).collect()
}

/// The core was built from another commit than the one that its makers signed as this version.
fn release(view: &View<'_>) -> Option<Draft> {
    let release = view.evidence.core_release.as_ref()?;
    let (built, tagged) = (release.commit.as_ref()?, release.tag_commit.as_ref()?);
    let tag = release.tag.as_deref()?;
    (release.outcome == Outcome::Violated).then(|| {
        view.draft(format!(
            "it was built from the commit {built}, and the pinned tag {tag} of its version leads to {tagged}"
        ))
        .code("release-tag")
        .help("do not use it: ask its makers which commit they released; look at the tag again in a clone of your own")
    })
}

fn identity(view: &View<'_>) -> Vec<Draft> {
    let Fact::Violated { code, why } = &view.evidence.published.provenance else {
        return Vec::new();
    };
    if !is_mismatch(*code) {
        return Vec::new();
    }
    vec![
        with_code(view.draft(why.clone()), *code)
            .evidence(format!("asked for by {}", view.requirements.from)),
    ]
}
