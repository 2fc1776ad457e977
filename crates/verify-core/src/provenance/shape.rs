//! The outer form of a bundle, before a library that takes the first of several things reads it.

use serde_json::Value;

use super::fault::RefusedBundle;
use crate::fact::Fault;
use crate::json::{self, JsonError};
use crate::text;

/// Why bytes are not one JSON value that every reader understands alike. Completes a sentence that starts with "it"; safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("is not UTF-8 text")]
    NotUtf8,
    #[error("{}", text::excerpt(&.0.to_string(), 200))]
    Json(#[from] JsonError),
}

/// The one JSON value in `bytes`, in which no name appears twice: two readers that pick different ones would judge different
/// documents.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, NotJson> {
    let json = std::str::from_utf8(bytes).map_err(|_| NotJson::NotUtf8)?;
    Ok(json::strict(json)?)
}

/// Signatures that are no JSON, by how they begin.
pub(super) fn other_format(bytes: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 10] = [
        (b"-----BEGIN PGP", "an OpenPGP signature"),
        (b"-----BEGIN SSH SIGNATURE", "an OpenSSH signature"),
        (
            b"-----BEGIN SIGNED MESSAGE",
            "a CMS signature, as gitsign makes for tags (see `release`)",
        ),
        (b"-----BEGIN ", "a PEM text"),
        (b"untrusted comment:", "a minisign or signify signature"),
        (b"eyJ", "a JSON web token"),
        (
            &[0x30, 0x82],
            "a DER structure, such as a certificate or a CMS signature",
        ),
        (&[0x1F, 0x8B], "a gzip archive"),
        (b"PK\x03\x04", "a zip archive"),
        (&[0xC2], "a binary OpenPGP signature"),
    ];
    let old_openpgp = || {
        bytes
            .first()
            .filter(|first| (0x88..=0x8B).contains(*first))
            .map(|_| "a binary OpenPGP signature")
    };
    FORMATS
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|(_, what)| *what)
        .or_else(old_openpgp)
}

/// The choices that protobuf JSON leaves to the reader, made here: one media type, one content, one kind of key material.
pub(super) fn check(json: &Value) -> Result<(), RefusedBundle> {
    if json.is_array() {
        return Err(unsupported(
            "a JSON list; several bundles are written one a line",
        ));
    }
    let Some(map) = json.as_object() else {
        return Err(malformed("it is no JSON object".to_owned()));
    };
    let has = |name: &str| map.get(name).is_some_and(|v| !v.is_null());
    if let Some(other) = other_document(&has) {
        return Err(unsupported(other));
    }
    media_type(map.get("mediaType").and_then(Value::as_str))?;
    one_of(map, &["messageSignature", "dsseEnvelope"], "content")?;
    let Some(material) = map.get("verificationMaterial").and_then(Value::as_object) else {
        return Err(malformed("it has no `verificationMaterial`".to_owned()));
    };
    let kinds = ["certificate", "x509CertificateChain", "publicKey"];
    if kinds
        .iter()
        .all(|kind| material.get(*kind).is_none_or(Value::is_null))
    {
        return Err(RefusedBundle::wrong(
            Fault::Certificate,
            "the bundle has neither a certificate nor the name of a key",
        ));
    }
    one_of(material, &kinds, "key material")?;
    known_names(json, &[])
}

/// Documents that are signed otherwise, or of which a bundle is a part, by the names in them.
fn other_document(has: &impl Fn(&str) -> bool) -> Option<&'static str> {
    if has("base64Signature") || has("rekorBundle") {
        Some("a legacy cosign signature (`base64Signature`)")
    } else if has("payloadType") && has("signatures") {
        Some("a bare DSSE envelope (`*.intoto.jsonl`), without certificate and log entry")
    } else if has("attestations") {
        Some("the answer of a registry's attestation endpoint, which is judged beside its archive")
    } else if has("verification_material") {
        Some("an attestation of a Python package index (PEP 740)")
    } else if has("_type") {
        Some("a bare in-toto statement, which is not signed")
    } else if has("signed") && has("signatures") {
        Some("an in-toto link or layout, or metadata of TUF")
    } else if has("SignedEntryTimestamp") || has("critical") {
        Some("a part of a cosign signature of container images")
    } else {
        None
    }
}

fn media_type(media_type: Option<&str>) -> Result<(), RefusedBundle> {
    match media_type {
        Some(
            "application/vnd.dev.sigstore.bundle+json;version=0.1"
            | "application/vnd.dev.sigstore.bundle+json;version=0.2"
            | "application/vnd.dev.sigstore.bundle+json;version=0.3"
            | "application/vnd.dev.sigstore.bundle.v0.3+json",
        ) => Ok(()),
        Some(other) if other.starts_with("application/vnd.dev.sigstore.bundle") => {
            Err(unsupported(&format!(
                "a bundle of an unknown version (`{}`)",
                text::excerpt(other, 80)
            )))
        }
        Some(other) => Err(malformed(format!(
            "`{}` is no media type of a bundle",
            text::excerpt(other, 80)
        ))),
        None => Err(malformed("it has no `mediaType`".to_owned())),
    }
}

/// Every name that the format knows, by the name it is in. Other clients refuse unknown names, too; what no client reads is a place
/// to hide things, a misspelt check, or a later version of the format: nothing is established by it.
const NAMES: [(&str, &[&str]); 17] = [
    (
        "",
        &[
            "mediaType",
            "verificationMaterial",
            "messageSignature",
            "dsseEnvelope",
        ],
    ),
    (
        "verificationMaterial",
        &[
            "certificate",
            "x509CertificateChain",
            "publicKey",
            "tlogEntries",
            "timestampVerificationData",
        ],
    ),
    ("certificate", &["rawBytes"]),
    ("x509CertificateChain", &["certificates"]),
    ("certificates", &["rawBytes"]),
    ("publicKey", &["hint"]),
    ("timestampVerificationData", &["rfc3161Timestamps"]),
    ("rfc3161Timestamps", &["signedTimestamp"]),
    (
        "tlogEntries",
        &[
            "logIndex",
            "logId",
            "kindVersion",
            "integratedTime",
            "inclusionPromise",
            "inclusionProof",
            "canonicalizedBody",
        ],
    ),
    ("logId", &["keyId"]),
    ("kindVersion", &["kind", "version"]),
    ("inclusionPromise", &["signedEntryTimestamp"]),
    (
        "inclusionProof",
        &["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"],
    ),
    ("checkpoint", &["envelope"]),
    ("messageSignature", &["messageDigest", "signature"]),
    ("messageDigest", &["algorithm", "digest"]),
    ("dsseEnvelope", &["payload", "payloadType", "signatures"]),
];
/// The same for the entries of `signatures`.
const SIGNATURE: &[&str] = &["sig", "keyid"];

/// Walks the bundle, at most as deep as the format is.
fn known_names(value: &Value, path: &[&str]) -> Result<(), RefusedBundle> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| known_names(item, path)),
        Value::Object(map) => {
            let place = path.last().copied().unwrap_or_default();
            let known = match place {
                "signatures" => SIGNATURE,
                _ => NAMES
                    .iter()
                    .find(|(name, _)| *name == place)
                    .map(|(_, names)| *names)
                    .unwrap_or_default(),
            };
            map.iter().try_for_each(|(name, inner)| {
                if !known.contains(&name.as_str()) {
                    return Err(RefusedBundle::Unsupported(format!(
                        "the bundle has `{}` in a place where this program knows no such name",
                        text::excerpt(name, 60)
                    )));
                }
                known_names(inner, &[path, &[name.as_str()]].concat())
            })
        }
        _ => Ok(()),
    }
}

fn one_of(
    map: &serde_json::Map<String, Value>,
    names: &[&str],
    what: &str,
) -> Result<(), RefusedBundle> {
    match names
        .iter()
        .filter(|name| map.get(**name).is_some_and(|v| !v.is_null()))
        .count()
    {
        1 => Ok(()),
        n => Err(malformed(format!(
            "it has {n} kinds of {what}, expected exactly one of {}",
            names.join(", ")
        ))),
    }
}

pub(super) fn malformed(why: String) -> RefusedBundle {
    RefusedBundle::wrong(
        Fault::Bundle,
        format!("the bundle is malformed: {}", text::excerpt(&why, 300)),
    )
}

pub(super) fn unsupported(what: &str) -> RefusedBundle {
    RefusedBundle::Unsupported(format!(
        "this is {what}, which is no Sigstore bundle and is not supported"
    ))
}
