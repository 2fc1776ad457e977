//! The eight rules about release tags: one failure of a verdict as a finding.
//!
//! Installed subjects and tags that were asked about with the verb `release` go through the same function, so that they can never be
//! judged differently. Signatures beside skills have four of the eight in common with them: see `skill_signature`.

use super::{not_established, skill_signature};
use crate::evidence::TagFacts;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, Location, Remedy, RemedyKind};
use crate::policy::ReleaseNeed;
use crate::release::{Code, Failure, FailureClass};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

/// What the eight have in common.
const OF_TAGS: Rule = Rule {
    id: "",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::Announced],
    ),
    clears: RemedyKind::Operator,
    summary: "",
    help: "",
    check: Check::Whole(|_| Vec::new()),
};

/// `signature-invalid`: a release tag carries a signature that does not hold.
pub(in crate::rules) const SIGNATURE_INVALID: Rule = Rule {
    id: "signature-invalid",
    level: Level::Deny,
    fixed: true,
    clears: RemedyKind::Never,
    summary: "A release tag carries a signature that does not hold",
    help: "Do not install from this tag. Fetch it again from its publisher, not from a mirror, and check again.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Invalid)),
    ..OF_TAGS
};

/// `signer-not-allowed`: a release tag is signed by a key that the operator does not allow for it.
pub(in crate::rules) const SIGNER_NOT_ALLOWED: Rule = Rule {
    id: "signer-not-allowed",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Operator,
    summary: "A release tag is signed by a key that you do not allow for it",
    help: "Ask the publisher over another way whether the key is theirs; only then add it to your signers file.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Signer)),
    ..OF_TAGS
};

/// `signature-missing`: a release tag has no signature.
pub(in crate::rules) const SIGNATURE_MISSING: Rule = Rule {
    id: "signature-missing",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Operator,
    summary: "A release tag has no signature",
    help: "Ask the publisher for a signed tag, or pin this one and let the rule require a pin only.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Missing)),
    ..OF_TAGS
};

/// `tag-malformed`: a tag object is not of the strict form that every tool reads alike.
pub(in crate::rules) const TAG_MALFORMED: Rule = Rule {
    id: "tag-malformed",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Never,
    summary: "A tag object is not of the strict form that every tool reads alike",
    help: "Do not install from this tag; ask the publisher for a new one under another name.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Malformed)),
    ..OF_TAGS
};

/// `tag-mismatch`: a tag object says something else than the repository around it.
pub(in crate::rules) const TAG_MISMATCH: Rule = Rule {
    id: "tag-mismatch",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Never,
    summary: "A tag object says something else than the repository around it",
    help: "Do not install from this repository; fetch the tag from its publisher and compare.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Mismatch)),
    ..OF_TAGS
};

/// `tag-moved`: a pinned tag leads to another commit, or is gone.
pub(in crate::rules) const TAG_MOVED: Rule = Rule {
    id: "tag-moved",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Never,
    summary: "A pinned tag leads to another commit, or is gone",
    help: "Ask the publisher why; until then install by the pinned commit.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Moved)),
    ..OF_TAGS
};

/// `tag-retagged`: a pinned tag was made anew for the same commit.
pub(in crate::rules) const TAG_RETAGGED: Rule = Rule {
    id: "tag-retagged",
    level: Level::Warn,
    fixed: false,
    clears: RemedyKind::Operator,
    summary: "A pinned tag was made anew for the same commit",
    help: "Compare the signers; if the reason is clear, pin it again by name.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Retagged)),
    ..OF_TAGS
};

/// `tag-rollback`: a genuine tag is older than a pinned one or than the rule's minimum.
pub(in crate::rules) const TAG_ROLLBACK: Rule = Rule {
    id: "tag-rollback",
    level: Level::Deny,
    fixed: false,
    clears: RemedyKind::Operator,
    summary: "A genuine tag is older than a pinned one or than the rule's minimum",
    help: "Use the newer release; to go back on purpose, pin the older tag by name, or lower the minimum.",
    check: Check::Whole(|whole| drafts(whole, FailureClass::Rollback)),
    ..OF_TAGS
};

impl Code {
    /// The id of the finding.
    #[must_use]
    pub fn finding(self) -> &'static str {
        match self.class() {
            FailureClass::Missing => SIGNATURE_MISSING.id,
            FailureClass::Malformed => TAG_MALFORMED.id,
            FailureClass::Mismatch => TAG_MISMATCH.id,
            FailureClass::Invalid => SIGNATURE_INVALID.id,
            FailureClass::Signer => SIGNER_NOT_ALLOWED.id,
            FailureClass::Rollback => TAG_ROLLBACK.id,
            FailureClass::Retagged => TAG_RETAGGED.id,
            FailureClass::Moved => TAG_MOVED.id,
            FailureClass::Open => not_established::RULE.id,
        }
    }
}

/// Every failure of this class, also of signatures beside skills.
pub(super) fn drafts(whole: &Whole<'_>, class: FailureClass) -> Vec<Draft> {
    let tags: Vec<&TagFacts> = whole
        .judged
        .iter()
        .filter_map(|judged| judged.evidence.git.tag.as_ref())
        .chain(whole.releases)
        .collect();
    let failures = tags.iter().flat_map(|tag| {
        tag.verdict
            .failures
            .iter()
            .map(move |failure| (*tag, failure))
    });
    failures
        .filter(|(_, failure)| failure.code.class() == class)
        .map(|(tag, failure)| draft(whole, tag, failure))
        .chain(skill_signature::drafts(whole, class))
        .collect()
}

fn draft(whole: &Whole<'_>, tag: &TagFacts, failure: &Failure) -> Draft {
    let verdict = &tag.verdict;
    let mut draft = match verdict.tag.as_str() {
        "" => Draft::new(failure.message.clone()),
        name => Draft::new(format!("tag {name}: {}", failure.message)),
    };
    if !failure.code.as_str().is_empty() {
        draft = draft.code(failure.code.as_str());
    }
    draft = draft
        .outcome(failure.code.outcome())
        .at(place(whole, tag))
        .help(failure.help.clone());
    let accept = match failure.code.class() {
        FailureClass::Retagged | FailureClass::Rollback => Some(true),
        FailureClass::Missing | FailureClass::Open => Some(false),
        _ => None,
    };
    if let Some(accept) = accept {
        draft = draft.remedy(Remedy::Pin {
            repository: tag.repository.clone(),
            accept,
        });
    }
    draft.subject.clone_from(&tag.subject);
    draft.tag = (!verdict.tag.is_empty()).then(|| verdict.tag.clone());
    if let Some(object) = &verdict.tag_object {
        draft = draft.evidence(format!("tag object {object}"));
    }
    if let Some(commit) = &verdict.commit {
        draft = draft.evidence(format!("commit     {commit}"));
    }
    if let Some(signer) = &verdict.signer {
        draft = draft.evidence(format!(
            "signed by  {}, {} {}",
            signer.principal, signer.key_type, signer.fingerprint
        ));
    }
    if tag.line > 0 {
        draft = draft.evidence(format!("asked for by line {} of the policy", tag.line));
    }
    match failure.code {
        Code::Lightweight | Code::Unsigned => missing(draft, tag),
        // That old releases exist is no rollback: only wanting to use one is.
        Code::Rollback if tag.listed => draft.level(Level::Note),
        _ if failure.code.outcome() == Outcome::NotEstablished => draft.demanded(),
        _ => draft,
    }
}

/// An unsigned tag is what a rule may accept, but then a pin has to replace the signature.
fn missing(draft: Draft, tag: &TagFacts) -> Draft {
    if tag.require == ReleaseNeed::SignedTag || tag.verdict.pin.is_none() {
        draft.demanded()
    } else {
        draft.level(Level::Note)
    }
}

/// What decided: the line of the pin, or of an installed subject in the lock, else of the rule in the policy. Nothing for a tag that
/// is judged by what stands on the command line.
fn place(whole: &Whole<'_>, tag: &TagFacts) -> Option<Location> {
    let entry = tag
        .subject
        .as_ref()
        .is_some_and(|id| whole.lock.package(id).is_some());
    let pin = tag
        .repository
        .as_deref()
        .and_then(|repository| whole.lock.release(repository, &tag.verdict.name));
    match pin.filter(|pin| pin.line > 0 && !entry) {
        Some(pin) => Some(Location {
            file: whole.names.lock.clone(),
            line: pin.line,
        }),
        None if whole.releases.is_empty() => whole.in_lock(tag.subject.as_ref()),
        None if tag.line > 0 => whole.in_policy(tag.line),
        None => None,
    }
}
