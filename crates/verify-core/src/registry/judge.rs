//! From what was fetched to facts. Pure: no network, no files, no clock.

use jiff::Timestamp;

use super::fetch::{Attestation, FetchedPackage};
use super::http::FetchError;
use super::plan::Want;
use crate::digest::Sri;
use crate::fact::{Fact, Fault, NotEstablished};
use crate::provenance::npm::{Attestations, AttestedPackage};
use crate::provenance::{Anchors, IdentityPolicy};
use crate::text;

/// What a registry proves of one package version.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegistryFacts {
    /// The recorded integrity, the registry's, and the digest of the archive's bytes, as far as known, are one and the same.
    pub integrity: Fact<Sri>,
    /// The registry's signatures, by the ids of their keys. Not applicable: it offers none.
    pub signatures: Fact<Vec<String>>,
    /// Publish attestation and build provenance. Not applicable: it offers none.
    pub attestations: Attestations,
    /// When the registry says it was published; unsigned. None from the cache alone.
    pub published: Option<Timestamp>,
    /// The registry's address, safe to show; none when it did not answer, or all is from the cache.
    pub registry: Option<String>,
}

/// Judges what was fetched for `want`. `policy` is what its provenance must come from; `anchors` are asked only where there is
/// something signed.
pub fn judge(
    want: &Want,
    fetched: &Result<FetchedPackage, FetchError>,
    policy: &IdentityPolicy,
    anchors: &Anchors,
    now: Timestamp,
) -> RegistryFacts {
    let package = match fetched {
        Ok(package) => package,
        Err(error) => {
            return RegistryFacts {
                integrity: error.clone().into_fact(),
                signatures: error.clone().into_fact(),
                attestations: Attestations::unknown(error),
                published: None,
                registry: None,
            };
        }
    };
    let registry = Some(package.registry.clone()).filter(|registry| !registry.is_empty());
    let integrity = integrity(want, package);
    // Signatures and attestations are about one digest; while several are in play, the recorded one is what was installed.
    let subject = want.integrity.or(match &integrity {
        Fact::Verified(digest) => Some(*digest),
        _ => None,
    });
    let Some(subject) = subject else {
        let error =
            FetchError::Malformed("no usable integrity is known for this version".to_owned());
        return RegistryFacts {
            integrity,
            signatures: error.clone().into_fact(),
            attestations: Attestations::unknown(&error),
            published: package.published,
            registry,
        };
    };
    let about = AttestedPackage {
        name: &want.name,
        version: &want.version,
        integrity: subject,
    };
    let from_cache = package.registry.is_empty();
    let signatures =
        match anchors.npm_signatures(&package.signatures, &about, package.published, now) {
            // What the cache says without a signature does not count.
            Fact::Violated { .. } | Fact::NotApplicable if from_cache => {
                FetchError::Offline.into_fact()
            }
            signatures => signatures,
        };
    let attestations = attestations(package, &about, policy, anchors, now);
    let published = package.published.filter(|_| !from_cache);
    RegistryFacts {
        integrity,
        signatures,
        attestations,
        published,
        registry,
    }
}

fn attestations(
    package: &FetchedPackage,
    about: &AttestedPackage<'_>,
    policy: &IdentityPolicy,
    anchors: &Anchors,
    now: Timestamp,
) -> Attestations {
    match &package.attestations {
        Attestation::NotAsked | Attestation::None => Attestations {
            publish: Fact::NotApplicable,
            provenance: Fact::NotApplicable,
        },
        Attestation::LeftOut => Attestations {
            publish: Fact::not_established(NotEstablished::NoSignatures, LEFT_OUT),
            provenance: Fact::not_established(NotEstablished::NoSignatures, LEFT_OUT),
        },
        Attestation::Failed(error) => Attestations::unknown(error),
        Attestation::Answer(answer) => anchors.npm_attestations(answer, about, policy, now),
        Attestation::Cached(answer) => {
            let kept = anchors.npm_attestations(answer, about, policy, now);
            match kept.package() {
                Fact::Violated { code, .. } if !is_mismatch(code) => {
                    Attestations::unknown(&FetchError::Offline)
                }
                _ => kept,
            }
        }
    }
}

/// Why it is not known whether there is an attestation.
const LEFT_OUT: &str =
    "the registry shows no signatures of any kind, as mirrors do that leave them out";

/// Whether a fault means a genuine attestation by another identity.
fn is_mismatch(fault: Option<Fault>) -> bool {
    fault.is_some_and(Fault::is_mismatch)
}

impl Attestations {
    /// Neither half can be established, because of this.
    fn unknown(error: &FetchError) -> Self {
        Self {
            publish: error.clone().into_fact(),
            provenance: error.clone().into_fact(),
        }
    }
}

/// Whether the recorded integrity, the registry's, and the digest of the archive are one and the same.
pub(crate) fn integrity(want: &Want, package: &FetchedPackage) -> Fact<Sri> {
    let wrong = |why: String| Fact::violated(Fault::Artifact, why);
    // A list of several hashes is a form that npm allows; only SHA-512 counts, and npm takes any one of several.
    let mut listed = package
        .integrity
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter(|one| one.starts_with("sha512-"));
    let first = listed.next();
    if listed.next().is_some() {
        return wrong("the registry states several SHA-512 of one archive".to_owned());
    }
    let stated: Option<Sri> = match first.or(package.integrity.as_deref()).map(str::parse) {
        None => None,
        Some(Ok(digest)) => Some(digest),
        Some(Err(_)) if first.is_none() && want.integrity.is_none() => None,
        Some(Err(e)) => {
            let text = text::excerpt(package.integrity.as_deref().unwrap_or_default(), 120);
            return wrong(format!(
                "the registry's integrity `{text}` cannot be used: {e}"
            ));
        }
    };
    if let (Some(recorded), Some(stated)) = (want.integrity, stated)
        && recorded != stated
    {
        return wrong(format!(
            "the recorded integrity is {recorded}, the registry now says {stated}"
        ));
    }
    let known = want.integrity.or(stated);
    match &package.archive {
        Some(Ok(archive)) => match known {
            Some(known) if known != archive.digest => wrong(format!(
                "the archive that the registry serves has the digest {}, expected {known}",
                archive.digest
            )),
            Some(_) => Fact::Verified(archive.digest),
            // Its own digest is equal to itself, which says nothing.
            None => Fact::not_established(NotEstablished::BadAnswer, NO_INTEGRITY),
        },
        Some(Err(error)) => error.clone().into_fact(),
        None => match known {
            Some(known) if stated.is_some() => Fact::Verified(known),
            _ => Fact::not_established(NotEstablished::BadAnswer, NO_INTEGRITY),
        },
    }
}

/// Why the bytes of an archive are no published package's.
pub(crate) const NO_INTEGRITY: &str =
    "the registry states no SHA-512 of its archive, and none is recorded";
