//! Private keys in PEM, to sign statements with: P-256 and Ed25519 in PKCS #8, as `openssl genpkey` writes them.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::cert::x509::der::Decode as _;
use cms::cert::x509::der::asn1::{BitString, ObjectIdentifier};
use cms::cert::x509::der::pem;
use cms::cert::x509::der::{Any, Encode as _};
use cms::cert::x509::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use serde_json::json;

use super::KeyError;
use super::model::pre_authentication;
use crate::digest::Sha256Digest;
use crate::text;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A key that signs statements.
pub struct StatementKey {
    pair: Pair,
    /// SHA-256 of the public key in DER, by which bundles name it.
    hint: [u8; 32],
}

enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl StatementKey {
    /// The key in a PEM text (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem_text: &str) -> Result<Self, KeyError> {
        if pem_text.contains("BEGIN OPENSSH PRIVATE KEY") {
            return Err(KeyError::OtherForm(
                "is a private key of OpenSSH, not a PRIVATE KEY of PKCS #8".to_owned(),
            ));
        }
        let (label, der) = pem::decode_vec(pem_text.trim().as_bytes())
            .map_err(|_| KeyError::Form("PEM text of one private key"))?;
        match label {
            "PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Passphrase),
            other => {
                return Err(KeyError::Holds(format!(
                    "a {}, not a PRIVATE KEY; `openssl pkcs8 -topk8 -nocrypt` makes one",
                    text::excerpt(other, 60)
                )));
            }
        }
        let (pair, algorithm, bits) =
            if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
                let bits = pair.public_key().as_ref().to_vec();
                (Pair::Ed25519(Box::new(pair)), (EDWARDS, None), bits)
            } else {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der)
                    .map_err(|_| KeyError::Form("key of P-256 or Ed25519"))?;
                let bits = pair.public_key().as_ref().to_vec();
                (Pair::P256(Box::new(pair)), (EC, Some(P256)), bits)
            };
        let public = spki(algorithm, &bits).ok_or(KeyError::Damaged)?;
        Ok(Self {
            pair,
            hint: Sha256Digest::of(&public).0,
        })
    }

    /// A Sigstore bundle of version 0.3 with this in-toto statement, signed and seen by no log. Of an Ed25519 key it is always the same.
    ///
    /// # Errors
    /// When the arithmetic fails.
    pub fn bundle(&self, statement: &[u8]) -> Result<String, KeyError> {
        let signed = pre_authentication(statement);
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(&signed).as_ref().to_vec(),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), &signed)
                .map_err(|_| KeyError::Signing)?
                .as_ref()
                .to_vec(),
        };
        let bundle = json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": { "publicKey": { "hint": STANDARD.encode(self.hint) } },
            "dsseEnvelope": {
                "payload": STANDARD.encode(statement),
                "payloadType": super::model::PAYLOAD_TYPE,
                "signatures": [{ "sig": STANDARD.encode(signature) }],
            },
        });
        Ok(format!("{bundle}\n"))
    }
}

/// A key is never shown.
impl fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementKey").finish_non_exhaustive()
    }
}

fn spki(
    (oid, curve): (ObjectIdentifier, Option<ObjectIdentifier>),
    bits: &[u8],
) -> Option<Vec<u8>> {
    let parameters = match curve {
        Some(curve) => Some(Any::from_der(&curve.to_der().ok()?).ok()?),
        None => None,
    };
    let info = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid, parameters },
        subject_public_key: BitString::from_bytes(bits).ok()?,
    };
    info.to_der().ok()
}
