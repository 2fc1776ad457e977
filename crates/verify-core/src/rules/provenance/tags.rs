//! What the rules about release tags share: one failure of a verdict as a finding.
//!
//! Installed subjects and tags that were asked about with the verb `release` go through the same function, so that they can never be
//! judged differently.

use crate::evidence::TagFacts;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, Location};
use crate::policy::ReleaseNeed;
use crate::release::{Code, Failure};
use crate::rules::Whole;

/// Every failure that belongs to the finding `id`.
pub(super) fn drafts(whole: &Whole<'_>, id: &str) -> Vec<Draft> {
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
        .filter(|(_, failure)| failure.code.finding() == id)
        .map(|(tag, failure)| draft(whole, tag, failure))
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

/// An unsigned tag is what a rule may accept, but then a pin has to stand for it.
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
        None if whole.installed => whole.in_lock(tag.subject.as_ref()),
        None if tag.line > 0 => whole.in_policy(tag.line),
        None => None,
    }
}
