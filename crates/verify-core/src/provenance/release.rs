//! GitHub's release attestations: GitHub itself binds the tag of an immutable release to its commit and to its files.
//!
//! They come from GitHub's own instance, so the trust root must be that of [`Instance::GitHub`]; a second way to verify a release tag
//! beside its signature.

use jiff::Timestamp;
use serde_json::Value;

use super::artifact::Artifact;
use super::fault::{RefusedBundle, fact};
use super::identity::{GITHUB_RELEASES, Identity, IdentityPolicy};
use super::sigstore::{KeyMaterial, ParsedBundle};
use super::statement::Statement;
use super::trust::{Instance, TrustRoot};
use super::{attestation, shape};
use crate::digest::{GitOid, Sha256Digest};
use crate::fact::{Fact, Fault, NotEstablished};
use crate::text;

/// The types of release attestations, without their version.
const PREDICATE: &str = "https://in-toto.io/attestation/release/";

/// The release that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedRelease<'a> {
    /// The repository as `owner/name`.
    pub repository: &'a str,
    /// The tag.
    pub tag: &'a str,
}

/// What a release attestation proves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Released {
    /// The commit that the tag named when the release was published.
    pub commit: GitOid,
    /// The files of the release, by name.
    pub assets: Vec<(String, Sha256Digest)>,
}

#[cfg(test)]
impl Released {
    pub(crate) fn of(commit: GitOid) -> Self {
        Self {
            commit,
            assets: Vec::new(),
        }
    }
}

/// Judges the bundle in `bytes` as the attestation of `release`. The caller compares the commit, and the digests of files, with what
/// is at hand.
pub fn verify_release(
    bytes: &[u8],
    release: &ExpectedRelease<'_>,
    trust: &TrustRoot,
    now: Timestamp,
) -> Fact<Released> {
    if trust.instance() != Instance::GitHub {
        return Fact::not_established(
            NotEstablished::NoTrustRoot,
            "a release attestation comes from GitHub's own instance; its trust root must be named",
        );
    }
    fact(judge(bytes, release, trust, now))
}

fn judge(
    bytes: &[u8],
    release: &ExpectedRelease<'_>,
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<Released, RefusedBundle> {
    let bad = |why: String| {
        RefusedBundle::wrong(
            Fault::Bundle,
            format!("the file is no Sigstore bundle: {why}"),
        )
    };
    if bytes.len() as u64 > attestation::MAX_BUNDLE_BYTES {
        return Err(bad(format!("it has {} bytes", bytes.len())));
    }
    let json = shape::parse(bytes).map_err(|e| bad(format!("it {e}")))?;
    let parsed = ParsedBundle::new(&json)?;
    let statement = parsed
        .statement()
        .ok_or_else(|| bad("it signs no statement".to_owned()))?;
    if !statement.predicate_type.starts_with(PREDICATE) {
        return Err(RefusedBundle::wrong(
            Fault::PredicateType,
            format!(
                "`{}` is no release attestation",
                text::excerpt(&statement.predicate_type, 120)
            ),
        ));
    }
    let assets = assets(statement)?;
    // What is wanted is the statement itself; any of its own files will do, because a bundle is verified against a file.
    let Some((_, any)) = assets.first() else {
        return Err(RefusedBundle::Unsupported(
            "the release has no files, and its attestation cannot be verified without one"
                .to_owned(),
        ));
    };
    let proven = parsed
        .verify(
            &Artifact::sha256(*any),
            &KeyMaterial::Certificate,
            &trust.root,
            now,
        )
        .map_err(|e| attestation::hint(e, trust, now))?;
    let identity = proven.identity.ok_or_else(|| {
        RefusedBundle::wrong(Fault::Certificate, "the attestation names no signer")
    })?;
    IdentityPolicy {
        identity: Some(GITHUB_RELEASES.to_owned()),
        ..IdentityPolicy::default()
    }
    .check(&identity)?;
    let wanted = format!("pkg:github/{}@{}", release.repository, release.tag);
    is_about(statement, release, &wanted)?;
    Ok(Released {
        commit: commit(statement, &wanted)?,
        assets,
    })
}

/// Whether the statement says that it is about this release.
fn is_about(
    statement: &Statement,
    release: &ExpectedRelease<'_>,
    purl: &str,
) -> Result<(), RefusedBundle> {
    for (what, found, wanted) in [
        ("purl", statement.predicate.get("purl"), purl),
        (
            "repository",
            statement.predicate.get("repository"),
            release.repository,
        ),
        ("tag", statement.predicate.get("tag"), release.tag),
    ] {
        let found = found.and_then(Value::as_str).unwrap_or_default();
        if found != wanted {
            return Err(RefusedBundle::wrong(
                Fault::Subject,
                format!(
                    "the attestation has the {what} `{}`, wanted {}",
                    text::excerpt(found, 200),
                    text::excerpt(wanted, 200)
                ),
            ));
        }
    }
    Ok(())
}

/// GitHub signs every release of every repository with one identity. The statement says whose release it is, which is GitHub's
/// own word and as good as a claim of its certificate.
pub(super) fn named(mut identity: Identity, statement: Option<&Statement>) -> Identity {
    let statement = statement.filter(|statement| statement.predicate_type.starts_with(PREDICATE));
    if let Some(statement) = statement.filter(|_| identity.is_github_releases()) {
        let said = |name: &str| statement.predicate.get(name).and_then(Value::as_str);
        identity.source_repository =
            said("repository").map(|repository| format!("https://github.com/{repository}"));
        identity.source_ref = said("tag").map(|tag| format!("refs/tags/{tag}"));
        let purl = said("purl").unwrap_or_default();
        identity.source_digest = commit(statement, purl)
            .ok()
            .map(|commit| commit.to_string());
    }
    identity
}

fn commit(statement: &Statement, purl: &str) -> Result<GitOid, RefusedBundle> {
    let mut named = statement
        .subjects
        .iter()
        .filter(|subject| subject.uri.as_deref().unwrap_or(&subject.name) == purl);
    let (Some(subject), None) = (named.next(), named.next()) else {
        return Err(RefusedBundle::wrong(
            Fault::Subject,
            "the attestation does not name the release exactly once",
        ));
    };
    let hex = subject
        .digest("sha1")
        .or(subject.digest("gitCommit"))
        .unwrap_or_default();
    hex.parse()
        .map_err(|_| RefusedBundle::wrong(Fault::Subject, "the attestation names no commit"))
}

fn assets(statement: &Statement) -> Result<Vec<(String, Sha256Digest)>, RefusedBundle> {
    let mut assets = Vec::new();
    for subject in &statement.subjects {
        if let Some(hex) = subject.digest("sha256") {
            let digest = format!("sha256:{hex}").parse().map_err(|_| {
                RefusedBundle::wrong(
                    Fault::Subject,
                    "a file of the attestation has a malformed digest",
                )
            })?;
            assets.push((subject.name.clone(), digest));
        }
    }
    Ok(assets)
}
