//! Any file against a Sigstore bundle.

use jiff::Timestamp;
use serde_json::Value;

use super::artifact::Artifact;
use super::fault::{RefusedBundle, fact};
use super::identity::{Identity, IdentityPolicy};
use super::sigstore::{KeyMaterial, ParsedBundle, Proven, PublicKey};
use super::summary::{self, SUMMARY_PREDICATE, Summary};
use super::trust::TrustRoot;
use super::{release, shape};
use crate::fact::{Fact, Fault};
use crate::text;

/// Most bytes of a bundle file; the largest seen have some tens of kilobytes a bundle.
pub const MAX_BUNDLE_BYTES: u64 = 4 << 20;

/// Most bundles in one file of JSON lines.
pub const MAX_BUNDLES: usize = 64;

/// Whose signature is wanted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Signer<'a> {
    /// A certificate whose claims meet this policy. An empty policy accepts anyone: see [`IdentityPolicy::complete`].
    Identity(&'a IdentityPolicy),
    /// This public key.
    Key(&'a PublicKey),
}

/// What a bundle proved of an artifact.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attested {
    /// Who signed; none when it was the operator's own public key.
    pub identity: Option<Identity>,
    /// What was claimed of the artifact; none for a plain signature.
    pub predicate_type: Option<String>,
    /// Whose key signed, where that is all that is known of the signer.
    pub signer: Option<String>,
    /// What a verifier says it found, where the claim is a verification summary.
    pub summary: Option<Summary>,
    /// When it was signed, by every log and timestamp authority that says so.
    pub times: Vec<Timestamp>,
}

/// Judges `artifact` by the bundle, or the bundles one a line, in `bytes`.
///
/// Every bundle must verify, except those that speak of another artifact; at least one must be signed by `signer`. With
/// `predicate_type`, only attestations of that type count. Larger than [`MAX_BUNDLE_BYTES`] is refused by size alone. `now` is the
/// time of the caller: a signature from after it is refused.
pub fn verify_attestation(
    artifact: &Artifact<'_>,
    bytes: &[u8],
    signer: Signer<'_>,
    predicate_type: Option<&str>,
    trust: &TrustRoot,
    now: Timestamp,
) -> Fact<Attested> {
    fact(bundles(bytes).and_then(|values| {
        let mut good = None;
        let mut elsewhere = None;
        for value in &values {
            match one(artifact, value, signer, predicate_type, trust, now) {
                Ok(attested) => good = good.or(Some(attested)),
                Err(refused) if speaks_of_another(&refused) => {
                    elsewhere = elsewhere.or(Some(refused))
                }
                Err(refused) => return Err(refused),
            }
        }
        good.ok_or_else(|| {
            elsewhere
                .unwrap_or_else(|| RefusedBundle::wrong(Fault::Bundle, "the file holds no bundle"))
        })
    }))
}

/// The bundles in a file: one JSON document, or one a line. White space may follow, nothing else.
fn bundles(bytes: &[u8]) -> Result<Vec<Value>, RefusedBundle> {
    let bad = |why: String| {
        RefusedBundle::wrong(
            Fault::Bundle,
            format!("the file is no Sigstore bundle: {why}"),
        )
    };
    if bytes.len() as u64 > MAX_BUNDLE_BYTES {
        return Err(bad(format!(
            "it has {} bytes, more than the {MAX_BUNDLE_BYTES} accepted",
            bytes.len()
        )));
    }
    let whole = match shape::parse(bytes) {
        Ok(one) => return Ok(vec![one]),
        Err(e) => e,
    };
    if let Some(what) = shape::other_format(bytes) {
        return Err(shape::unsupported(what));
    }
    let lines: Vec<_> = bytes
        .split(|b| *b == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .collect();
    if lines.len() < 2 {
        return Err(bad(format!("it {whole}")));
    }
    if lines.len() > MAX_BUNDLES {
        return Err(bad(format!(
            "it has {} lines, more than the {MAX_BUNDLES} accepted",
            lines.len()
        )));
    }
    let mut values = Vec::with_capacity(lines.len());
    for (number, line) in lines.into_iter().enumerate() {
        let value = shape::parse(line).map_err(|e| {
            bad(format!(
                "neither one JSON document nor one a line (line {} {e})",
                number + 1
            ))
        })?;
        values.push(value);
    }
    Ok(values)
}

/// One bundle, of which nothing was checked yet.
pub(super) fn one(
    artifact: &Artifact<'_>,
    value: &Value,
    signer: Signer<'_>,
    predicate_type: Option<&str>,
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<Attested, RefusedBundle> {
    if let Signer::Key(key) = signer
        && predicate_type.is_none_or(|wanted| wanted == SUMMARY_PREDICATE)
        && summary::is_key_alone(value)
    {
        shape::check(value)?;
        return summary::by_key(artifact, value, key);
    }
    let parsed = ParsedBundle::new(value)?;
    let keys = match signer {
        Signer::Identity(_) => KeyMaterial::Certificate,
        Signer::Key(key) => KeyMaterial::Key(key),
    };
    let Proven { identity, times } = parsed
        .verify(artifact, &keys, &trust.root, now)
        .map_err(|e| hint(e, trust, now))?;
    let identity = identity.map(|identity| release::named(identity, parsed.statement()));
    if let (Signer::Identity(policy), Some(identity)) = (signer, &identity) {
        policy.check(identity)?;
    }
    let signed_type = parsed.statement().map(|s| s.predicate_type.clone());
    if let Some(wanted) = predicate_type
        && signed_type.as_deref() != Some(wanted)
    {
        let found = signed_type
            .as_deref()
            .map_or("a plain signature".to_owned(), |t| text::excerpt(t, 200));
        return Err(RefusedBundle::wrong(
            Fault::PredicateType,
            format!(
                "predicate type: wanted {}, found {found}",
                text::excerpt(wanted, 200)
            ),
        ));
    }
    let summary = match parsed.statement() {
        Some(statement) => summary::of(statement, artifact)?,
        None => None,
    };
    Ok(Attested {
        identity,
        signer: None,
        summary,
        predicate_type: signed_type,
        times,
    })
}

/// Whether a refused bundle is merely not the one that was looked for: another artifact, another signer, another kind of claim.
fn speaks_of_another(refused: &RefusedBundle) -> bool {
    match refused {
        RefusedBundle::Wrong(fault, _) => {
            matches!(fault, Fault::Artifact | Fault::PredicateType) || fault.is_mismatch()
        }
        RefusedBundle::Unsupported(_) | RefusedBundle::Open(..) => false,
    }
}

/// A chain that does not end at the root may mean that the root is too old: say which one it was.
pub(super) fn hint(refused: RefusedBundle, trust: &TrustRoot, now: Timestamp) -> RefusedBundle {
    match refused {
        RefusedBundle::Wrong(
            fault @ (Fault::Certificate | Fault::Sct | Fault::Log | Fault::Timestamp),
            why,
        ) => RefusedBundle::Wrong(
            fault,
            format!("{why}; judged with the {}", trust.describe(now)),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::Instance;

    proptest::proptest! {
        #[test]
        fn any_file_is_survived_and_nothing_is_good(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
            let policy = IdentityPolicy::default();
            let found = verify_attestation(&Artifact::bytes(b""), &bytes, Signer::Identity(&policy), None, &trust, Timestamp::UNIX_EPOCH);
            proptest::prop_assert!(found.verified().is_none());
        }
    }
}
