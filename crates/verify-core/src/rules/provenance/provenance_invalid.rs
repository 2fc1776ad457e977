//! `provenance-invalid`: an attestation or a registry signature that does not hold.

use crate::fact::{Fact, Fault};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-invalid",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Never,
    summary: "An attestation or registry signature does not hold",
    help: "Do not use it; fetch package and attestation again from the publisher's own registry.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let published = &view.evidence.published;
    let mut drafts = Vec::new();
    if let Fact::Violated { code, why } = &published.provenance
        && !is_mismatch(*code)
    {
        drafts.push(with_code(view.draft(why.clone()), *code));
    }
    if let Fact::Violated { code, why } = &published.signatures {
        drafts.push(with_code(view.draft(why.clone()), *code));
    }
    let store = view.evidence.store.iter().flat_map(|store| &store.paths);
    drafts.extend(store.filter_map(|path| match &path.fact {
        Fact::Violated {
            code: Some(code),
            why,
        } => Some(with_code(view.draft(why.clone()), Some(*code))),
        _ => None,
    }));
    drafts
}

/// Whether a fault means a genuine attestation by another identity. A violation without one is no such thing.
pub(super) fn is_mismatch(fault: Option<Fault>) -> bool {
    fault.is_some_and(Fault::is_mismatch)
}

/// The draft with the code of the fault.
pub(super) fn with_code(draft: Draft, fault: Option<Fault>) -> Draft {
    match fault {
        Some(fault) => draft.code(fault.as_str()),
        None => draft,
    }
}
