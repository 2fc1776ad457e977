//! gitsign signatures whose transparency log entry travels with them, verified without a network.
//!
//! What was signed is not the tag but the DER of the CMS `SignedAttributes`, whose `messageDigest` is the digest of the tag: the
//! reader of the tag compares that. The log entry is the unsigned attribute 1.3.6.1.4.1.57264.3.1, a protobuf
//! `rekor.v1.TransparencyLogEntry` without its body, which is rebuilt here from what it must have been. Format: sigstore/gitsign,
//! `docs/bundle-cms.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::artifact::Artifact;
use super::attestation::{Attested, hint};
use super::fault::{RefusedBundle, fact};
use super::identity::IdentityPolicy;
use super::sigstore::{KeyMaterial, ParsedBundle};
use super::trust::{Instance, TrustRoot};
use crate::digest::Sha256Digest;
use crate::fact::{Fact, Fault, NotEstablished};

/// What a CMS signature of gitsign holds.
#[derive(Clone, Copy, Debug)]
pub struct CmsSignature<'a> {
    /// The DER of `SignedAttributes` as a SET (first byte 0x31), which is what was signed.
    pub signed_attributes: &'a [u8],
    /// The signature value.
    pub signature: &'a [u8],
    /// The DER of the signing certificate.
    pub certificate: &'a [u8],
    /// The value of the attribute 1.3.6.1.4.1.57264.3.1, when there is one.
    pub log_entry: Option<&'a [u8]>,
}

/// Most bytes of any part; real ones have some kilobytes.
const MAX_PART: usize = 1 << 20;

/// Judges the signature. Without a log entry it is *not established* (`needs-log`): neither verified nor forged.
pub fn verify_gitsign(
    material: &CmsSignature<'_>,
    policy: &IdentityPolicy,
    trust: &TrustRoot,
    now: Timestamp,
) -> Fact<Attested> {
    let Some(entry) = material.log_entry else {
        return Fact::not_established(
            NotEstablished::NeedsLog,
            "the signature carries no log entry, so it cannot be verified without asking the log; the signer can embed it with \
             `git config gitsign.rekorMode offline`",
        );
    };
    if trust.instance() != Instance::PublicGood {
        return Fact::not_established(
            NotEstablished::NoTrustRoot,
            "gitsign signatures come from an instance with a transparency log, and the trust root is GitHub's, which has none",
        );
    }
    fact(judge(material, entry, policy, trust, now))
}

fn judge(
    material: &CmsSignature<'_>,
    entry: &[u8],
    policy: &IdentityPolicy,
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<Attested, RefusedBundle> {
    for part in [
        material.signed_attributes,
        material.signature,
        material.certificate,
        entry,
    ] {
        if part.len() > MAX_PART {
            return Err(RefusedBundle::wrong(
                Fault::Bundle,
                format!("a part of the signature has {} bytes", part.len()),
            ));
        }
    }
    let bundle = bundle(material, entry)?;
    let parsed = ParsedBundle::new(&bundle)?;
    let proven = parsed
        .verify(
            &Artifact::bytes(material.signed_attributes),
            &KeyMaterial::Certificate,
            &trust.root,
            now,
        )
        .map_err(|e| hint(e, trust, now))?;
    if let Some(identity) = &proven.identity {
        policy.check(identity)?;
    }
    Ok(Attested {
        identity: proven.identity,
        signer: None,
        predicate_type: None,
        summary: None,
        times: proven.times,
    })
}

/// The Sigstore bundle that says the same.
fn bundle(material: &CmsSignature<'_>, entry: &[u8]) -> Result<Value, RefusedBundle> {
    let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let malformed = || RefusedBundle::wrong(Fault::Log, "the embedded log entry is malformed");
    let entry = Message::read(entry).ok_or_else(malformed)?;
    let kind = entry.message(3).ok_or_else(malformed)?;
    match (kind.text(1).as_deref(), kind.text(2).as_deref()) {
        (Some("hashedrekord"), Some("0.0.1")) => {}
        _ => {
            return Err(RefusedBundle::Unsupported(
                "the embedded log entry is not of the kind hashedrekord 0.0.1".to_owned(),
            ));
        }
    }
    let digest = Sha256Digest::of(material.signed_attributes);
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": digest.hex() } },
            "signature": {
                "content": b64(material.signature),
                "publicKey": { "content": b64(pem(material.certificate).as_bytes()) },
            },
        },
    });
    let mut tlog = json!({
        "logIndex": entry.number(1).unwrap_or(0).to_string(),
        "logId": { "keyId": b64(entry.message(2).ok_or_else(malformed)?.bytes(1).unwrap_or_default()) },
        "kindVersion": { "kind": "hashedrekord", "version": "0.0.1" },
        "integratedTime": entry.number(4).unwrap_or(0).to_string(),
        "canonicalizedBody": b64(body.to_string().as_bytes()),
    });
    // A part that cannot be read is not a part that is missing.
    if [5, 6]
        .into_iter()
        .any(|part| entry.bytes(part).is_some() && entry.message(part).is_none())
    {
        return Err(malformed());
    }
    if let Some(promise) = entry.message(5) {
        tlog["inclusionPromise"] =
            json!({ "signedEntryTimestamp": b64(promise.bytes(1).unwrap_or_default()) });
    }
    let proof = entry.message(6);
    if let Some(proof) = &proof {
        let checkpoint = proof
            .message(5)
            .and_then(|c| c.text(1))
            .ok_or_else(malformed)?;
        tlog["inclusionProof"] = json!({
            "logIndex": proof.number(1).unwrap_or(0).to_string(),
            "rootHash": b64(proof.bytes(2).unwrap_or_default()),
            "treeSize": proof.number(3).unwrap_or(0).to_string(),
            "hashes": proof.all_bytes(4).map(b64).collect::<Vec<_>>(),
            "checkpoint": { "envelope": checkpoint },
        });
    }
    // Version 0.1 is the one that is content with a promise, which is all that some entries have.
    let media_type = match proof {
        Some(_) => "application/vnd.dev.sigstore.bundle.v0.3+json",
        None => "application/vnd.dev.sigstore.bundle+json;version=0.1",
    };
    Ok(json!({
        "mediaType": media_type,
        "verificationMaterial": { "certificate": { "rawBytes": b64(material.certificate) }, "tlogEntries": [tlog] },
        "messageSignature": {
            "messageDigest": { "algorithm": "SHA2_256", "digest": b64(&digest.0) },
            "signature": b64(material.signature),
        },
    }))
}

/// PEM as the log stores it: 64 characters a line, `\n`, and one at the end.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (at, c) in STANDARD.encode(der).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push_str("\n-----END CERTIFICATE-----\n");
    text
}

/// One protobuf message, flat: <https://protobuf.dev/programming-guides/encoding/>. Of a field that appears several times the last
/// one counts, as protobuf says; a wrong choice cannot make a signature valid.
struct Message<'a>(Vec<(u64, Field<'a>)>);

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)?),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (value, rest) = bytes.split_at_checked(length)?;
                    bytes = rest;
                    Field::Bytes(value)
                }
                _ => return None,
            };
            fields.push((tag >> 3, field));
        }
        Some(Self(fields))
    }

    fn number(&self, id: u64) -> Option<u64> {
        self.0.iter().rev().find_map(|(n, field)| match field {
            Field::Number(value) if *n == id => Some(*value),
            _ => None,
        })
    }

    fn all_bytes(&self, id: u64) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0.iter().filter_map(move |(n, field)| match field {
            Field::Bytes(value) if *n == id => Some(*value),
            _ => None,
        })
    }

    fn bytes(&self, id: u64) -> Option<&'a [u8]> {
        self.all_bytes(id).next_back()
    }

    fn text(&self, id: u64) -> Option<String> {
        String::from_utf8(self.bytes(id)?.to_vec()).ok()
    }

    fn message(&self, id: u64) -> Option<Message<'a>> {
        Message::read(self.bytes(id)?)
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_is_bounded() {
        assert_eq!(varint(&mut [0xAC, 0x02].as_slice()), Some(300));
        assert_eq!(varint(&mut [0x80; 20].as_slice()), None);
        assert!(
            Message::read(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1]).is_none(),
            "longer than the message"
        );
        assert!(Message::read(&[0x0B]).is_none(), "groups are not read");
        let read = Message::read(&[0x08, 7, 0x12, 2, b'h', b'i', 0x08, 9]).expect("message");
        assert_eq!(
            (read.number(1), read.text(2).as_deref()),
            (Some(9), Some("hi"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_log_entry_is_survived(entry in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let material = CmsSignature { signed_attributes: b"a", signature: b"s", certificate: b"c", log_entry: Some(&entry) };
            proptest::prop_assert!(bundle(&material, &entry).is_err() || Message::read(&entry).is_some());
        }
    }
}
