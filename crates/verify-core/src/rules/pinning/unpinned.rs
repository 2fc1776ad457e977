//! `unpinned`: the lock holds neither the digest nor the exact version that policy requires.

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::policy::PinRequirement;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::spec;
use crate::subject::{Kind, Source};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unpinned",
    group: Group::Pinning,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::LockOnly]),
    clears: RemedyKind::Lock,
    summary: "A subject is not pinned as policy requires",
    help: "Read it, then lock it.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    images(view).chain(files(view)).collect()
}

/// Images of sandboxes. A name with a tag is what OpenClaw's own scripts build, so it is worth a line and no more.
fn images<'a>(view: &'a View<'_>) -> impl Iterator<Item = Draft> + 'a {
    let images = view
        .subject
        .observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::UnpinnedImage { key, image } => Some((key, image)),
            _ => None,
        });
    images.map(|(key, image)| {
        view.draft(format!(
            "{key} names the image {image} without its digest, so another one can run under the same name"
        ))
        .code("image")
        .level(Level::Warn)
        .remedy(Remedy::Configure {
            path: key.clone(),
            value: None,
        })
        .help("write its digest behind the name, as `docker image inspect` shows it under RepoDigests, or its id")
    })
}

fn files(view: &View<'_>) -> Vec<Draft> {
    // One finding says that of all of them.
    if view.locked.is_none() && view.whole.lock.lacks_settings() && view.subject.is_of_settings() {
        return Vec::new();
    }
    // What has no files has nothing that a digest of files could pin; whether it is locked is asked elsewhere.
    let has_files = match view.whole.stage {
        Stage::LockOnly => !view.subject.is_of_settings(),
        _ => view.subject.trees.tree.is_some() && view.evidence.present(view.subject),
    };
    if view.subject.kind == Kind::McpServer || !has_files {
        return Vec::new();
    }
    let digest = view
        .locked
        .is_some_and(|entry| entry.tree.is_some() || entry.archive.is_some());
    let (pinned, wanted) = match view.requirements.pin(view.proof()) {
        PinRequirement::Digest => (digest, "a digest"),
        PinRequirement::Exact => (digest || exact(view), "an exact version"),
        PinRequirement::Any => (true, "nothing"),
    };
    if pinned {
        return Vec::new();
    }
    let draft = view
        .draft(format!(
            "policy requires {wanted} of it in the lock, and the lock has none"
        ))
        .evidence(format!(
            "asked for by {}",
            view.requirements.asked_by(view.proof())
        ));
    vec![view.once_digested(view.with_rule_without_proof(draft))]
}

/// Whether the record names one version or commit.
fn exact(view: &View<'_>) -> bool {
    let Some(record) = &view.subject.record else {
        return false;
    };
    match view.subject.source {
        Source::Npm | Source::Clawhub => {
            let resolved = record.resolved_version.as_ref().or(record.version.as_ref());
            resolved.is_some_and(|version| spec::is_exact_version(version))
        }
        Source::Git => record
            .git_commit
            .as_ref()
            .is_some_and(|commit| commit.parse::<crate::digest::GitOid>().is_ok()),
        _ => false,
    }
}
