//! `provenance-regressed`: the origin was verified when it was locked, and what is there now has none or another.
//!
//! Anyone who steals a publish token cannot make the maintainer's workflow attest what they publish: the malicious axios 1.14.1 of
//! March 2026 lacked the provenance that the versions before had.

use crate::evidence::Evidence;
use crate::fact::{Fact, NotEstablished};
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::lock::{LockedPackage, Provenance};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-regressed",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Lock,
    summary: "Its origin was verified before, and is missing or another one now",
    help: "Stay on the version that is locked, and ask the publisher.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some((entry, before)) = view
        .locked
        .and_then(|entry| Some((entry, entry.provenance.as_ref()?)))
    else {
        return Vec::new();
    };
    let now = match &view.evidence.published.provenance {
        Fact::Verified(identity) => {
            let (repository, workflow) = (
                identity.repository().unwrap_or("none"),
                identity.workflow().unwrap_or("none"),
            );
            if repository == before.repository && workflow == before.workflow {
                return Vec::new();
            }
            format!(
                "is from {} {}",
                text::excerpt(repository, 200),
                text::excerpt(workflow, 200)
            )
        }
        // Bytes whose origin was verified do not lose it because a mirror no longer tells.
        Fact::NotApplicable if view.evidence.published.asked && is_other(view.evidence, entry) => {
            "has none".to_owned()
        }
        // A mirror that leaves signatures out is no way around them.
        Fact::NotEstablished {
            code: NotEstablished::NoSignatures,
            ..
        } if is_other(view.evidence, entry) => "has none that the registry shows".to_owned(),
        // Wrong has findings of its own, unknown is not-established.
        _ => return Vec::new(),
    };
    let version = |version: Option<&str>| {
        version.map_or("?".to_owned(), |version| text::excerpt(version, 60))
    };
    let (old, new) = (
        version(entry.version.as_deref()),
        version(view.subject.version.as_deref()),
    );
    vec![
        view.draft(format!(
            "version {old} had verified provenance, and {new} {now}"
        ))
        .evidence(format!("locked {}", origin(before)))
        .help(format!(
            "stay on {old} and ask the publisher; or accept it by name after reading it"
        ))
        .remedy(Remedy::Lock {
            subject: Some(view.subject.id.clone()),
            accept: true,
            online: true,
            update: false,
        }),
    ]
}

/// Whether what is there is something else than what was locked.
pub(super) fn is_other(evidence: &Evidence, entry: &LockedPackage) -> bool {
    let archive = match (&evidence.published.archive, entry.archive) {
        (Fact::Verified(now), Some(locked)) => *now != locked,
        _ => false,
    };
    evidence.tree.differs() || archive
}

fn origin(provenance: &Provenance) -> String {
    format!(
        "{} {}",
        text::excerpt(&provenance.repository, 200),
        text::excerpt(&provenance.workflow, 200)
    )
}
