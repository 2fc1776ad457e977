//! Verification summaries (SLSA VSA v1): statements in which a verifier says what it found. Those of this program are read back here,
//! whether a key or SSH signed them; a summary that says FAILED is never taken for a good one.
//!
//! Format: <https://slsa.dev/spec/v1.0/verification_summary>.

use serde_json::Value;

use super::artifact::Artifact;
use super::attestation::Attested;
use super::fault::{RefusedBundle, fact};
use super::model::payload_signed_by;
use super::sigstore::{PublicKey, binds};
use super::statement::Statement;
use crate::fact::{Fact, Fault};
use crate::text;

/// The predicate type of a summary.
pub const SUMMARY_PREDICATE: &str = "https://slsa.dev/verification_summary/v1";

/// Who this program is in its own summaries.
pub const SUMMARY_VERIFIER: &str = "https://github.com/openclaw/openclaw-verify";

/// What a summary says. Texts are untrusted and safe to show.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// The verifier's name for itself.
    pub verifier: String,
    /// When it looked, as it says.
    pub time: Option<String>,
    /// SHA-256 of the policy, as it says.
    pub policy: Option<String>,
    /// The names under which the artifact is a subject.
    pub subjects: Vec<String>,
    /// Findings that it was told to pass over or to report as warnings only, as it says.
    pub lowered: Vec<String>,
}

/// The summary in `statement`, where it is one and says PASSED.
///
/// # Errors
/// When it is one and says anything else.
pub(super) fn of(
    statement: &Statement,
    artifact: &Artifact<'_>,
) -> Result<Option<Summary>, RefusedBundle> {
    if statement.predicate_type != SUMMARY_PREDICATE {
        return Ok(None);
    }
    let word = |pointer: &str| {
        let found = statement.predicate.pointer(pointer).and_then(Value::as_str);
        found.map(|word| text::excerpt(word, 200))
    };
    match word("/verificationResult").as_deref() {
        Some("PASSED") => {}
        found => {
            return Err(RefusedBundle::wrong(
                Fault::Failed,
                format!(
                    "the summary is rightly signed and says {}: what it is about did not pass",
                    found.unwrap_or("nothing")
                ),
            ));
        }
    }
    let flags = ["/openclaw/flags/allow", "/openclaw/flags/warn"].iter();
    let lowered = flags
        .filter_map(|pointer| statement.predicate.pointer(pointer)?.as_array())
        .flatten()
        .filter_map(Value::as_str);
    Ok(Some(Summary {
        verifier: word("/verifier/id").unwrap_or_default(),
        time: word("/timeVerified"),
        policy: word("/policy/digest/sha256"),
        subjects: statement
            .subjects
            .iter()
            .filter(|subject| artifact.is(subject) == Some(true))
            .map(|subject| text::excerpt(&subject.name, 200))
            .collect(),
        lowered: lowered.map(|id| text::excerpt(id, 80)).collect(),
    }))
}

/// The summary that is the payload of a signature which the caller verified, about `artifact`; `signer` is who made it.
#[must_use]
pub fn signed_summary(artifact: &Artifact<'_>, payload: &[u8], signer: &str) -> Fact<Attested> {
    fact(own(artifact, payload).map(|attested| Attested {
        signer: Some(text::excerpt(signer, 300)),
        ..attested
    }))
}

/// Whether a bundle is one that a key signed and no log or timestamp authority saw: of such a one only this program's own summaries
/// are read.
pub(super) fn is_key_alone(bundle: &Value) -> bool {
    let material = bundle.get("verificationMaterial").unwrap_or(&Value::Null);
    let none = |key: &str| {
        material.get(key).is_none_or(|value| match value {
            Value::Null => true,
            Value::Array(all) => all.is_empty(),
            Value::Object(all) => all.is_empty(),
            _ => false,
        })
    };
    material.get("publicKey").is_some_and(Value::is_object)
        && none("tlogEntries")
        && none("timestampVerificationData")
        && bundle.get("dsseEnvelope").is_some_and(Value::is_object)
        && payload_is_own(bundle)
}

/// Whether the payload claims to be a summary of this program. Nothing is proven by that.
fn payload_is_own(bundle: &Value) -> bool {
    use base64::Engine as _;
    let payload = bundle
        .pointer("/dsseEnvelope/payload")
        .and_then(Value::as_str);
    let payload = payload.and_then(|payload| {
        base64::engine::general_purpose::STANDARD
            .decode(payload)
            .ok()
    });
    payload
        .and_then(|payload| Statement::parse(&payload).ok())
        .is_some_and(|statement| is_own(&statement))
}

fn is_own(statement: &Statement) -> bool {
    let verifier = statement.predicate.pointer("/verifier/id");
    statement.predicate_type == SUMMARY_PREDICATE
        && verifier.and_then(Value::as_str) == Some(SUMMARY_VERIFIER)
}

/// Judges `artifact` by a summary of this program that `key` signed.
pub(super) fn by_key(
    artifact: &Artifact<'_>,
    bundle: &Value,
    key: &PublicKey,
) -> Result<Attested, RefusedBundle> {
    let payload = payload_signed_by(bundle, key.der())?;
    own(artifact, &payload)
}

/// The signature comes first, then which artifact, then what is said of it.
fn own(artifact: &Artifact<'_>, payload: &[u8]) -> Result<Attested, RefusedBundle> {
    let statement = Statement::parse(payload)?;
    if !is_own(&statement) {
        return Err(RefusedBundle::wrong(
            Fault::PredicateType,
            "the signed statement is no verification summary of this program",
        ));
    }
    binds(&statement, artifact)?;
    let summary = of(&statement, artifact)?;
    Ok(Attested {
        identity: None,
        signer: None,
        predicate_type: Some(statement.predicate_type),
        times: Vec::new(),
        summary,
    })
}
