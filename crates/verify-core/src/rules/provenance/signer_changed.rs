//! `signer-changed`: the signer of a skill is not the one in the lock, or it is not signed any more.
//!
//! Two signers can both be allowed and still be two: an attacker who takes over an account at one of them must not sign for the other.

use crate::evidence::is_signature;
use crate::fact::Fact;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::lock::FOLDER_SIGNER;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "signer-changed",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Lock,
    summary: "The signer of a skill is not the one in the lock, or it is not signed any more",
    help: "Ask the publisher over another way why; accept the change by name only for a reason.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let before = view.locked.and_then(|entry| entry.signer.as_deref());
    let Some(before) = before.filter(|signer| signer.starts_with(FOLDER_SIGNER)) else {
        return Vec::new();
    };
    let fact = view.evidence.signature.as_ref().map(|found| &found.fact);
    let now = match fact {
        Some(Fact::Verified(signer)) if signer.as_str() == before => return Vec::new(),
        Some(Fact::Verified(signer)) => {
            format!("it is signed by {}", text::excerpt(signer.as_str(), 300))
        }
        Some(Fact::NotApplicable) => "it is not signed any more".to_owned(),
        // No rule asks for one; that none is there needs no key to be seen.
        None if has_none(view) => "it is not signed any more".to_owned(),
        // Signatures that are wrong, or of which nothing is known, have findings of their own.
        Some(Fact::Violated { .. } | Fact::NotEstablished { .. }) | None => return Vec::new(),
    };
    vec![
        view.draft(format!(
            "{now}, and was signed by another when it was locked"
        ))
        .evidence(format!("locked {}", text::excerpt(before, 300)))
        .remedy(Remedy::Lock {
            subject: Some(view.subject.id.clone()),
            accept: true,
            online: false,
            update: false,
        }),
    ]
}

/// Whether no file lies in the folder of a skill that could be a signature.
fn has_none(view: &View<'_>) -> bool {
    view.evidence.tree.tree().is_some_and(|tree| {
        let mut entries = tree.manifest.entries().iter();
        !entries.any(|entry| is_signature(&entry.path))
    })
}
