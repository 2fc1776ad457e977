//! Mints Sigstore bundles under a private trust root: certificate authority, certificate log, transparency log and npm key, so that
//! every attack can be written down without a network and without files of others.

#![allow(clippy::expect_used, unreachable_pub, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
    SerialNumber, SigningKey as _, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The time of every signature, 2026-06-01T12:00:00Z; in the past, because a time after the machine's clock is refused.
pub const SIGNED_AT: i64 = 1_780_315_200;

/// A private Sigstore instance.
pub struct World {
    ca: KeyPair,
    ca_params: CertificateParams,
    ca_der: Vec<u8>,
    ct: KeyPair,
    rekor: KeyPair,
    pub npm: KeyPair,
}

/// What a certificate says, and how it is made.
#[derive(Clone)]
pub struct Claims {
    pub identity: String,
    pub issuer: String,
    pub signer: String,
    pub config: String,
    pub repository: String,
    pub git_ref: String,
    pub digest: String,
    pub runner: Option<String>,
    /// Minutes before the signature at which the ten minutes of the certificate begin.
    pub issued_before: i64,
    pub sct: bool,
    pub code_signing: bool,
    /// More names than the identity.
    pub also: Vec<SanType>,
    /// What the older extension says of the issuer, where it differs.
    pub old_issuer: Option<String>,
    /// More extensions of Fulcio, by number.
    pub more: Vec<(u64, Vec<u8>)>,
}

impl Claims {
    /// A release workflow of `repository` (`owner/name`) on a runner of GitHub.
    pub fn github(repository: &str) -> Self {
        let workflow = format!(
            "https://github.com/{repository}/.github/workflows/release.yml@refs/heads/main"
        );
        Self {
            identity: workflow.clone(),
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            signer: workflow.clone(),
            config: workflow,
            repository: format!("https://github.com/{repository}"),
            git_ref: "refs/heads/main".to_owned(),
            digest: "1".repeat(40),
            runner: Some("github-hosted".to_owned()),
            issued_before: 1,
            sct: true,
            code_signing: true,
            also: Vec::new(),
            old_issuer: None,
            more: Vec::new(),
        }
    }
}

/// What is signed.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    Message(&'a [u8]),
    Statement(&'a str),
}

/// Who signs.
pub enum By<'a> {
    Certificate(&'a Claims),
    Key(&'a KeyPair, &'a str),
}

impl World {
    pub fn new() -> Self {
        let ca = key();
        let mut ca_params = CertificateParams::default();
        ca_params.distinguished_name = DistinguishedName::new();
        ca_params
            .distinguished_name
            .push(DnType::CommonName, "private test authority");
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca_params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        ca_params.not_before = date_time_ymd(2020, 1, 1);
        ca_params.not_after = date_time_ymd(2040, 1, 1);
        let ca_der = ca_params
            .self_signed(&ca)
            .expect("authority")
            .der()
            .to_vec();
        Self {
            ca,
            ca_params,
            ca_der,
            ct: key(),
            rekor: key(),
            npm: key(),
        }
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> &[u8] {
        &self.ca_der
    }

    /// `trusted_root.json` of this instance.
    pub fn trusted_root(&self) -> String {
        let valid = json!({ "start": "2020-01-01T00:00:00Z" });
        let log = |key: &KeyPair| {
            json!({
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": { "rawBytes": b64(&spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid },
                "logId": { "keyId": b64(&sha256(&spki(key))) },
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.rekor)],
            "ctlogs": [log(&self.ct)],
            "certificateAuthorities": [{
                "uri": "https://ca.example",
                "certChain": { "certificates": [{ "rawBytes": b64(&self.ca_der) }] },
                "validFor": valid,
            }],
        })
        .to_string()
    }

    /// npm's key file with the one key of this instance, in use between the two times.
    pub fn npm_keys(&self, start: &str, end: Option<&str>) -> String {
        let key = |usage: &str| {
            json!({
                "keyId": "SHA256:test",
                "keyUsage": usage,
                "publicKey": {
                    "rawBytes": b64(&spki(&self.npm)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": match end { Some(end) => json!({ "start": start, "end": end }), None => json!({ "start": start }) },
                },
            })
        };
        json!({ "keys": [key("npm:signatures"), key("npm:attestations")] }).to_string()
    }

    /// A signature in the form of `dist.signatures`.
    pub fn npm_signature(&self, message: &str) -> String {
        b64(&self.npm.sign(message.as_bytes()).expect("sign"))
    }

    /// A whole bundle, version 0.3.
    pub fn bundle(&self, content: Content<'_>, by: &By<'_>) -> Value {
        self.bundle_with(&key(), content, by)
    }

    /// The same with a certificate for this key.
    pub fn bundle_with(&self, leaf: &KeyPair, content: Content<'_>, by: &By<'_>) -> Value {
        let (signer, material, verifier) = match by {
            By::Certificate(claims) => {
                let der = self.leaf(leaf, claims);
                (
                    leaf,
                    json!({ "certificate": { "rawBytes": b64(&der) } }),
                    pem("CERTIFICATE", &der),
                )
            }
            By::Key(key, hint) => (
                *key,
                json!({ "publicKey": { "hint": hint } }),
                pem("PUBLIC KEY", &spki(key)),
            ),
        };
        let (name, signed, body, kind) = match content {
            Content::Message(bytes) => {
                let signature = signer.sign(bytes).expect("sign");
                let body = json!({
                    "apiVersion": "0.0.1",
                    "kind": "hashedrekord",
                    "spec": {
                        "data": { "hash": { "algorithm": "sha256", "value": hex(&sha256(bytes)) } },
                        "signature": { "content": b64(&signature), "publicKey": { "content": b64(verifier.as_bytes()) } },
                    },
                });
                let signed = json!({
                    "messageDigest": { "algorithm": "SHA2_256", "digest": b64(&sha256(bytes)) },
                    "signature": b64(&signature),
                });
                ("messageSignature", signed, body, "hashedrekord")
            }
            Content::Statement(statement) => {
                let payload_type = "application/vnd.in-toto+json";
                let pae = format!(
                    "DSSEv1 {} {payload_type} {} {statement}",
                    payload_type.len(),
                    statement.len()
                );
                let signature = signer.sign(pae.as_bytes()).expect("sign");
                let keyid = match by {
                    By::Key(_, hint) => *hint,
                    By::Certificate(_) => "",
                };
                let signed = json!({
                    "payloadType": payload_type,
                    "payload": b64(statement.as_bytes()),
                    "signatures": [{ "sig": b64(&signature), "keyid": keyid }],
                });
                let body = json!({
                    "apiVersion": "0.0.1",
                    "kind": "dsse",
                    "spec": {
                        "envelopeHash": { "algorithm": "sha256", "value": hex(&sha256(signed.to_string().as_bytes())) },
                        "payloadHash": { "algorithm": "sha256", "value": hex(&sha256(statement.as_bytes())) },
                        "signatures": [{ "signature": b64(&signature), "verifier": b64(verifier.as_bytes()) }],
                    },
                });
                ("dsseEnvelope", signed, body, "dsse")
            }
        };
        let mut bundle = json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material });
        bundle["verificationMaterial"]["tlogEntries"] =
            json!([self.entry(&body.to_string(), kind, SIGNED_AT)]);
        bundle[name] = signed;
        bundle
    }

    /// A log entry with promise, proof and checkpoint, in a log that holds nothing else.
    pub fn entry(&self, body: &str, kind: &str, time: i64) -> Value {
        let log_id = sha256(&spki(&self.rekor));
        let body64 = b64(body.as_bytes());
        let promised =
            json!({ "body": body64, "integratedTime": time, "logID": hex(&log_id), "logIndex": 0 })
                .to_string();
        let root = sha256(&[&[0], body.as_bytes()].concat());
        let note = format!("log.example\n1\n{}\n", b64(&root));
        let line = b64(&[
            &log_id[..4],
            &self.rekor.sign(note.as_bytes()).expect("sign"),
        ]
        .concat());
        json!({
            "logIndex": "0",
            "logId": { "keyId": b64(&log_id) },
            "kindVersion": { "kind": kind, "version": "0.0.1" },
            "integratedTime": time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": b64(&self.rekor.sign(promised.as_bytes()).expect("sign")) },
            "inclusionProof": {
                "logIndex": "0", "rootHash": b64(&root), "treeSize": "1", "hashes": [],
                "checkpoint": { "envelope": format!("{note}\n\u{2014} log.example {line}\n") },
            },
            "canonicalizedBody": body64,
        })
    }

    /// The same bundle logged again at another time.
    pub fn logged_at(&self, bundle: &Value, time: i64) -> Value {
        let mut bundle = bundle.clone();
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let body = STANDARD
            .decode(entry["canonicalizedBody"].as_str().expect("body"))
            .expect("base64");
        let kind = entry["kindVersion"]["kind"]
            .as_str()
            .expect("kind")
            .to_owned();
        bundle["verificationMaterial"]["tlogEntries"][0] =
            self.entry(std::str::from_utf8(&body).expect("text"), &kind, time);
        bundle
    }

    /// A certificate, issued twice: without the list of certificate timestamps for the log to sign, then with it (RFC 6962).
    fn leaf(&self, key: &KeyPair, claims: &Claims) -> Vec<u8> {
        let start = SIGNED_AT - claims.issued_before * 60;
        let midnight = date_time_ymd(2026, 6, 1);
        let since = start - (SIGNED_AT - 12 * 3600);
        let at = |seconds: i64| {
            midnight
                + std::time::Duration::from_secs(u64::try_from(seconds).expect("after midnight"))
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from_slice(&[0x42; 8]));
        (params.not_before, params.not_after) = (at(since), at(since + 600));
        let name = claims.identity.as_str().try_into().expect("ASCII");
        params.subject_alt_names = vec![if claims.identity.contains("://") {
            SanType::URI(name)
        } else {
            SanType::Rfc822Name(name)
        }];
        params.subject_alt_names.extend(claims.also.iter().cloned());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![if claims.code_signing {
            ExtendedKeyUsagePurpose::CodeSigning
        } else {
            ExtendedKeyUsagePurpose::ServerAuth
        }];
        let mut extension = |n: u64, content: Vec<u8>| {
            params
                .custom_extensions
                .push(CustomExtension::from_oid_content(
                    &[1, 3, 6, 1, 4, 1, 57264, 1, n],
                    content,
                ));
        };
        extension(
            1,
            claims
                .old_issuer
                .as_ref()
                .unwrap_or(&claims.issuer)
                .as_bytes()
                .to_vec(),
        );
        claims
            .more
            .iter()
            .for_each(|(number, content)| extension(*number, content.clone()));
        let mut claim = |n: u64, text: &str| {
            if !text.is_empty() {
                extension(n, tlv(0x0C, text.as_bytes()));
            }
        };
        claim(8, &claims.issuer);
        claim(9, &claims.signer);
        claim(11, claims.runner.as_deref().unwrap_or_default());
        claim(12, &claims.repository);
        claim(13, &claims.digest);
        claim(14, &claims.git_ref);
        claim(18, &claims.config);
        let issuer = Issuer::from_params(&self.ca_params, &self.ca);
        let first = params.signed_by(key, &issuer).expect("leaf").der().to_vec();
        if !claims.sct {
            return first;
        }
        let milliseconds = u64::try_from(start * 1000).expect("time").to_be_bytes();
        let tbs = tbs_of(&first);
        let mut signed = vec![0, 0];
        signed.extend(milliseconds);
        signed.extend([0, 1]);
        signed.extend(sha256(&spki(&self.ca)));
        signed.extend(&u32::try_from(tbs.len()).expect("length").to_be_bytes()[1..]);
        signed.extend(tbs);
        signed.extend([0, 0]);
        let signature = self.ct.sign(&signed).expect("sign");
        let mut sct = vec![0];
        sct.extend(sha256(&spki(&self.ct)));
        sct.extend(milliseconds);
        sct.extend([0, 0, 4, 3]);
        sct.extend(length16(&signature));
        let list = length16(&length16(&sct));
        let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&oid, tlv(0x04, &list)));
        params.signed_by(key, &issuer).expect("leaf").der().to_vec()
    }
}

pub fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("key")
}

pub fn spki(key: &KeyPair) -> Vec<u8> {
    key.subject_public_key_info()
}

pub fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let text = b64(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    openclaw_verify_core::digest::to_hex(bytes)
}

fn length16(bytes: &[u8]) -> Vec<u8> {
    [
        &u16::try_from(bytes.len()).expect("length").to_be_bytes()[..],
        bytes,
    ]
    .concat()
}

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7F) => out.push(short),
        Ok(byte) => out.extend([0x81, byte]),
        Err(_) => {
            out.push(0x82);
            out.extend(u16::try_from(length).expect("length").to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// The first element of a certificate: what the authority signed.
fn tbs_of(certificate: &[u8]) -> Vec<u8> {
    let content = |at: usize| -> (usize, usize) {
        match certificate[at + 1] {
            0x82 => (
                at + 4,
                usize::from(certificate[at + 2]) << 8 | usize::from(certificate[at + 3]),
            ),
            0x81 => (at + 3, usize::from(certificate[at + 2])),
            short => (at + 2, usize::from(short)),
        }
    };
    let (tbs, _) = content(0);
    let (start, length) = content(tbs);
    certificate[tbs..start + length].to_vec()
}
