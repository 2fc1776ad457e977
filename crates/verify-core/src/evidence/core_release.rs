//! Whether the installed core was built from a release that its makers signed: its provenance names a commit, and the tag of its version
//! that was verified and pinned (`[[release]]` of the lock) leads to one. Neither says that alone: provenance tells which commit was
//! built, and the tag which commit was released.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Evidence, ReleaseRules};
use crate::digest::GitOid;
use crate::error::Result;
use crate::fact::Outcome;
use crate::inventory::Subject;
use crate::lock::{Lock, LockedRelease};
use crate::release::{self, TagSigner, TagVerdict};
use crate::subject::Kind;
use crate::text::excerpt;

/// The release that the core was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CoreRelease {
    /// `verified` where a signed tag that you allow and the provenance name one commit, `violated` where they name two.
    pub outcome: Outcome,
    /// Why it is not verified, safe to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The repository that the provenance names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit that the provenance names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub commit: Option<GitOid>,
    /// The tag of this version that is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The commit that the tag leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tag_commit: Option<GitOid>,
    /// Who signed the tag, where that is one whom policy allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<TagSigner>,
}

/// Of the core; nothing of other subjects.
///
/// # Errors
/// When a file that says whom to trust cannot be read.
pub(super) fn judge(
    subject: &Subject,
    evidence: &Evidence,
    lock: &Lock,
    rules: &ReleaseRules<'_>,
    now: Timestamp,
) -> Result<Option<CoreRelease>> {
    if subject.kind != Kind::Core {
        return Ok(None);
    }
    let mut found = CoreRelease::unknown("its provenance is not known");
    let Some((repository, commit)) = built_from(subject, evidence, lock) else {
        return Ok(Some(found));
    };
    found.repository = Some(excerpt(&repository, 200));
    found.commit = Some(commit.clone());
    let version = subject.version.as_deref().unwrap_or_default();
    let Some(pinned) = pin_of(lock, &repository, version) else {
        let version = excerpt(version, 40);
        found.why = Some(format!("no verified tag of version {version} is pinned"));
        return Ok(Some(found));
    };
    found.tag = Some(excerpt(&pinned.tag, 100));
    found.tag_commit = Some(pinned.commit.clone());
    let Some((_, rule)) = rules.get(&repository, &pinned.tag)? else {
        found.why = Some("no [[release]] of the policy says who may sign the tag".to_owned());
        return Ok(Some(found));
    };
    let of_repository = |other: &&LockedRelease| other.repository == repository;
    let pins: Vec<LockedRelease> = lock
        .releases()
        .iter()
        .filter(of_repository)
        .cloned()
        .collect();
    let verdict = release::verify_pinned(pinned, &rule, &pins, now);
    found.compare(&verdict, &commit);
    Ok(Some(found))
}

impl CoreRelease {
    fn unknown(why: &str) -> Self {
        Self {
            outcome: Outcome::NotEstablished,
            why: Some(why.to_owned()),
            repository: None,
            commit: None,
            tag: None,
            tag_commit: None,
            signer: None,
        }
    }

    /// Another commit contradicts whatever the signature is worth; the same one proves as much as the signature.
    fn compare(&mut self, verdict: &TagVerdict, commit: &GitOid) {
        self.signer.clone_from(&verdict.signer);
        if verdict.commit.as_ref() != Some(commit) {
            self.outcome = Outcome::Violated;
            self.why = Some("the provenance names another commit than the pinned tag".to_owned());
        } else if verdict.outcome == Outcome::Verified && verdict.signer.is_some() {
            self.outcome = Outcome::Verified;
            self.why = None;
        } else {
            let failure = verdict.failures.first();
            let why = failure.map_or("the pinned tag is not signed", |first| &first.message);
            self.why = Some(why.to_owned());
        }
    }
}

/// Repository and commit of the provenance: that of this run, else the lock's, where the files are still those that were locked.
fn built_from(subject: &Subject, evidence: &Evidence, lock: &Lock) -> Option<(String, GitOid)> {
    if let Some(identity) = evidence.published.provenance.verified() {
        let commit = identity.source_digest.as_deref()?.parse().ok()?;
        return Some((identity.repository()?.to_owned(), commit));
    }
    let locked = lock.package(&subject.id)?;
    let same =
        !evidence.differs() && subject.version.is_some() && locked.version == subject.version;
    let provenance = locked.provenance.as_ref().filter(|_| same)?;
    Some((provenance.repository.clone(), provenance.commit.clone()?))
}

/// The pin of the tag that is called like the version.
fn pin_of<'l>(lock: &'l Lock, repository: &str, version: &str) -> Option<&'l LockedRelease> {
    let names = [format!("v{version}"), version.to_owned()];
    names
        .iter()
        .filter(|_| !version.is_empty())
        .find_map(|name| lock.release(repository, name))
}
