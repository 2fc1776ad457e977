//! What the verifying library does not know, found before it is asked.
//!
//! The library answers *malformed* or *does not match* for algorithms, entries and names that it has no code for. That would call a
//! genuine signature wrong. Here, in one place, such a bundle is *not established*: its signature was not checked.
//! Names of algorithms: <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto>; entries:
//! <https://github.com/sigstore/rekor/tree/main/pkg/types>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::{Decode as _, Encode as _};
use serde_json::Value;
use sigstore_verify::crypto::KeyAlgorithm;
use sigstore_verify::types::DerPublicKey;

use super::fault::RefusedBundle;
use crate::text;

/// Kinds of log entries, with their versions and the places where their bodies name a digest's algorithm.
const ENTRIES: [(&str, &str, &[&str]); 4] = [
    ("hashedrekord", "0.0.1", &["/spec/data/hash/algorithm"]),
    (
        "hashedrekord",
        "0.0.2",
        &["/spec/hashedRekordV002/data/algorithm"],
    ),
    (
        "dsse",
        "0.0.1",
        &[
            "/spec/envelopeHash/algorithm",
            "/spec/payloadHash/algorithm",
        ],
    ),
    (
        "intoto",
        "0.0.2",
        &[
            "/spec/content/hash/algorithm",
            "/spec/content/payloadHash/algorithm",
        ],
    ),
];

/// Digests of the signed artifact that the library computes, as `messageDigest.algorithm` spells them.
const DIGESTS: [&str; 3] = ["SHA2_256", "SHA2_384", "SHA2_512"];

/// Refuses as *not established* what the library would refuse for want of code. What is misshapen is left to the library.
pub(super) fn check(bundle: &Value) -> Result<(), RefusedBundle> {
    if let Some(algorithm) = text_at(bundle, "/messageSignature/messageDigest/algorithm")
        && !DIGESTS.contains(&algorithm)
    {
        return Err(unknown("the digest of what was signed", algorithm));
    }
    let entries = bundle.pointer("/verificationMaterial/tlogEntries");
    let entries = entries.and_then(Value::as_array);
    entries.into_iter().flatten().try_for_each(entry)?;
    signing_key(bundle)
}

fn entry(entry: &Value) -> Result<(), RefusedBundle> {
    let (Some(kind), Some(version)) = (
        text_at(entry, "/kindVersion/kind"),
        text_at(entry, "/kindVersion/version"),
    ) else {
        return Ok(());
    };
    let known = ENTRIES.iter().find(|(k, v, _)| (*k, *v) == (kind, version));
    let Some((_, _, places)) = known else {
        return Err(unknown("a log entry", &format!("{kind} {version}")));
    };
    let body = text_at(entry, "/canonicalizedBody")
        .and_then(|body| STANDARD.decode(body).ok())
        .and_then(|body| serde_json::from_slice::<Value>(&body).ok())
        .unwrap_or_default();
    // The library reads every digest of an entry as SHA-256.
    let other = places
        .iter()
        .filter_map(|place| text_at(&body, place))
        .find(|algorithm| !["sha256", "SHA2_256"].contains(algorithm));
    match other {
        Some(algorithm) => Err(unknown("the digest of a log entry", algorithm)),
        None => Ok(()),
    }
}

/// The curve or scheme of the signing certificate's key.
fn signing_key(bundle: &Value) -> Result<(), RefusedBundle> {
    let leaf = text_at(bundle, "/verificationMaterial/certificate/rawBytes").or_else(|| {
        text_at(
            bundle,
            "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes",
        )
    });
    let Some(certificate) = leaf
        .and_then(|leaf| STANDARD.decode(leaf).ok())
        .and_then(|der| Certificate::from_der(&der).ok())
    else {
        return Ok(());
    };
    let key = &certificate.tbs_certificate.subject_public_key_info;
    let known = key
        .to_der()
        .is_ok_and(|der| KeyAlgorithm::from_spki(&DerPublicKey::new(der)).is_ok());
    if known {
        return Ok(());
    }
    let curve = key.algorithm.parameters.as_ref();
    let curve = curve.and_then(|parameters| {
        let curve = parameters.decode_as::<cms::cert::x509::der::asn1::ObjectIdentifier>();
        Some(format!(" with the curve {}", curve.ok()?))
    });
    let scheme = format!("{}{}", key.algorithm.oid, curve.unwrap_or_default());
    Err(unknown("the key of the signing certificate", &scheme))
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn unknown(what: &str, found: &str) -> RefusedBundle {
    RefusedBundle::Unsupported(format!(
        "{what} is of a kind that this program cannot verify: {}",
        text::excerpt(found, 80)
    ))
}
