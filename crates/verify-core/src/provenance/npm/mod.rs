//! npm: registry signatures, publish attestations and build provenance of one package version.
//!
//! The registry is the one that is being judged, so nothing it says counts that is not signed: the outer `predicateType` of an
//! attestation must equal the signed one, and its subject must be the archive at hand.

mod attestations;
mod keys;
mod signatures;

use jiff::Timestamp;

use self::attestations::Judge;
pub use self::keys::{KeyUsage, NpmKeys};
pub use self::signatures::{RegistrySignature, verify_registry_signatures};
use super::Anchors;
use super::fault::fact;
use super::identity::{Identity, IdentityPolicy};
use super::trust::{Instance, TrustRoot};
use crate::digest::Sri;
use crate::fact::{Fact, Fault, NotEstablished, Outcome};

/// The type of npm's publish attestation.
pub const PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
/// The types of build provenance.
pub const PROVENANCE: [&str; 2] = [
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/provenance/v0.2",
];

/// Most bytes of the answer of an attestation endpoint.
pub const MAX_ANSWER_BYTES: u64 = super::MAX_BUNDLE_BYTES;

/// Most attestations or signatures of one package version.
const MAX_ENTRIES: usize = 32;

/// The package version that is judged.
#[derive(Clone, Copy, Debug)]
pub struct AttestedPackage<'a> {
    /// The name with its scope.
    pub name: &'a str,
    /// The exact version.
    pub version: &'a str,
    /// The SHA-512 of the archive: of its bytes where they are at hand, and then equal to the recorded integrity.
    pub integrity: Sri,
}

impl AttestedPackage<'_> {
    /// The package URL as npm writes it into attestations.
    #[must_use]
    pub fn purl(&self) -> String {
        let name = self
            .name
            .strip_prefix('@')
            .map_or_else(|| self.name.to_owned(), |rest| format!("%40{rest}"));
        format!("pkg:npm/{name}@{}", self.version)
    }
}

/// What the attestations of a package version prove.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attestations {
    /// npm accepted exactly this archive for this name and version. Not applicable: there is none.
    pub publish: Fact<()>,
    /// Who built it from what. Not applicable: there is none.
    pub provenance: Fact<Identity>,
}

impl Attestations {
    /// Neither half can be established, for this reason.
    #[must_use]
    pub fn not_established(code: NotEstablished, why: &str) -> Self {
        Self {
            publish: Fact::not_established(code, why),
            provenance: Fact::not_established(code, why),
        }
    }

    /// The verdict over both: one wrong half makes the whole wrong, and provenance counts only together with the publish attestation
    /// that npm adds to it. [`Fact::NotApplicable`] when the registry holds no provenance.
    #[must_use]
    pub fn package(&self) -> Fact<Identity> {
        match (&self.publish, &self.provenance) {
            (Fact::Violated { code, why }, _) => Fact::Violated {
                code: *code,
                why: why.clone(),
            },
            (_, wrong @ Fact::Violated { .. }) => wrong.clone(),
            (Fact::NotApplicable, Fact::Verified(_)) => Fact::violated(
                Fault::Bundle,
                "there is build provenance, but not the publish attestation that npm adds to it",
            ),
            (Fact::NotEstablished { code, why }, other)
                if other.outcome() != Outcome::NotApplicable =>
            {
                Fact::NotEstablished {
                    code: *code,
                    why: why.clone(),
                }
            }
            (_, provenance) => provenance.clone(),
        }
    }
}

impl Anchors {
    /// Judges the answer of a registry's attestation endpoint as [`verify_attestations`] does. Without a current trust root or keys
    /// neither half is established.
    #[must_use]
    pub fn npm_attestations(
        &self,
        answer: &[u8],
        package: &AttestedPackage<'_>,
        policy: &IdentityPolicy,
        now: Timestamp,
    ) -> Attestations {
        match (self.keys(), self.root()) {
            (Ok(keys), Ok(root)) => verify_attestations(answer, package, policy, keys, root, now),
            (Err(none), _) | (_, Err(none)) => {
                Attestations::not_established(NotEstablished::NoTrustRoot, &none.to_string())
            }
        }
    }

    /// Judges registry signatures as [`verify_registry_signatures`] does.
    #[must_use]
    pub fn npm_signatures(
        &self,
        signatures: &[RegistrySignature],
        package: &AttestedPackage<'_>,
        published: Option<Timestamp>,
        now: Timestamp,
    ) -> Fact<Vec<String>> {
        // No keys are needed to see that nothing is signed.
        if signatures.is_empty() {
            return Fact::NotApplicable;
        }
        match self.keys() {
            Ok(keys) => verify_registry_signatures(signatures, package, published, keys, now),
            Err(none) => none.fact(),
        }
    }
}

/// Judges the answer of a registry's attestation endpoint, `{"attestations":[{"predicateType":…,"bundle":…}]}`, for `package`.
///
/// `policy` is what the provenance must come from; an empty one accepts any workflow. An empty list, or a list of other kinds of
/// attestations only, leaves both halves [`Fact::NotApplicable`].
pub fn verify_attestations(
    answer: &[u8],
    package: &AttestedPackage<'_>,
    policy: &IdentityPolicy,
    keys: &NpmKeys,
    trust: &TrustRoot,
    now: Timestamp,
) -> Attestations {
    if trust.instance() != Instance::PublicGood {
        return Attestations::not_established(
            NotEstablished::NoTrustRoot,
            "npm's attestations come from an instance with a transparency log, and the trust root is GitHub's, which has none",
        );
    }
    let judge = Judge {
        package,
        policy,
        keys,
        trust,
        now,
    };
    match attestations::read(answer) {
        Ok(entries) => judge.both(&entries),
        Err(refused) => {
            let why = fact::<()>(Err(refused));
            let provenance = match why.clone() {
                Fact::Violated { code, why } => Fact::Violated { code, why },
                Fact::NotEstablished { code, why } => Fact::NotEstablished { code, why },
                _ => Fact::NotApplicable,
            };
            Attestations {
                publish: why,
                provenance,
            }
        }
    }
}
