//! Who signed an envelope, by a key or by a chain of certificates. The arithmetic is aws-lc's, the chain rustls-webpki's.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::ObjectIdentifier;
use cms::cert::x509::der::pem::{self, LineEnding};
use cms::cert::x509::der::{Decode as _, Encode as _};
use cms::cert::x509::ext::pkix::name::GeneralName;
use cms::cert::x509::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, NameConstraints,
};
use cms::cert::x509::name::Name;
use cms::cert::x509::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use jiff::Timestamp;
use pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use webpki::{EndEntityCert, VerifiedPath, anchor_from_trusted_cert};

use super::ModelSigner;
use super::listing::bad;
use crate::digest::{Sha256Digest, to_hex};
use crate::fact::{Fault, NotEstablished};
use crate::provenance::KeyError;
use crate::provenance::fault::RefusedBundle;
use crate::signature;
use crate::text;

/// Most certificates of a chain, and of a file of roots.
const MAX_CERTIFICATES: usize = 16;
/// 1.3.6.1.5.5.7.3.3, the content of its encoding: a certificate that names purposes must name this one.
const CODE_SIGNING: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 3];
/// The label of a public key in PEM.
const PUBLIC_KEY: &str = "PUBLIC KEY";
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
/// The purposes of code signing, and any.
const PURPOSES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
];
/// The attribute of a name that is a mail address. [RFC 2985 5.2.1]
const MAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// A public key of the operator, in PEM.
#[derive(Clone, Debug)]
pub struct SigningKey {
    key: Key,
    /// SHA-256 of the PEM text, by which signatures name it.
    hint: String,
}

/// Root certificates of the operator, in PEM.
#[derive(Clone, Debug)]
pub struct RootCertificates(Vec<Root>);

#[derive(Clone, Debug)]
struct Root {
    der: Vec<u8>,
    spki: Sha256Digest,
    /// From when to when it is valid, in seconds of Unix time.
    valid: (u64, u64),
    vouches: Vouches,
}

/// For what a certificate of the operator vouches. As an anchor, what it says of itself would not be asked, but it was made with these
/// limits, and who names it takes it with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vouches {
    /// For others, with at most so many certificates between it and the signer's.
    Others(Option<u8>),
    /// For the signature of its own key: it is no authority, and signed itself.
    Itself,
}

impl Root {
    fn is_valid(&self, time: Timestamp) -> bool {
        let (from, to) = self.valid;
        u64::try_from(time.as_second()).is_ok_and(|time| (from..=to).contains(&time))
    }
}

#[derive(Clone, Debug)]
struct Key {
    bits: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
    spki: Sha256Digest,
}

impl SigningKey {
    /// The key in a PEM text (`BEGIN PUBLIC KEY`): P-256, P-384, P-521 or Ed25519.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem_text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode_vec(pem_text.trim().as_bytes())
            .map_err(|_| KeyError::Form("PEM text of one public key"))?;
        if label != PUBLIC_KEY {
            return Err(KeyError::Holds(format!(
                "a {}, not a {PUBLIC_KEY}",
                text::excerpt(label, 60)
            )));
        }
        let key = Key::of(&der)?;
        Ok(Self {
            key,
            hint: hint(&der)?,
        })
    }
}

impl RootCertificates {
    /// The certificates in a PEM text, at most 16.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        let mut roots = Vec::new();
        for part in pem.split_inclusive("-----END CERTIFICATE-----") {
            let Some(at) = part.find(BEGIN) else {
                continue;
            };
            let unreadable = || KeyError::Holds("a certificate that cannot be read".to_owned());
            // The reader of PEM alone would pass over bytes after the certificate.
            let (_, der) = pem::decode_vec(part.get(at..).unwrap_or_default().as_bytes())
                .map_err(|_| unreadable())?;
            let certificate = Certificate::from_der(&der).map_err(|_| unreadable())?;
            anchor_from_trusted_cert(&CertificateDer::from(der.as_slice())).map_err(|error| {
                KeyError::Holds(format!("a certificate that is no root: {error}"))
            })?;
            let spki = spki_of(&certificate)
                .ok_or_else(|| KeyError::Holds("a certificate without a key".to_owned()))?;
            let vouches = Vouches::of(&certificate).map_err(|why| {
                KeyError::Holds(format!(
                    "a certificate that may not vouch for others: {why}"
                ))
            })?;
            let validity = &certificate.tbs_certificate.validity;
            let of = |time: &cms::cert::x509::time::Time| time.to_unix_duration().as_secs();
            roots.push(Root {
                der,
                spki: Sha256Digest::of(&spki),
                valid: (of(&validity.not_before), of(&validity.not_after)),
                vouches,
            });
        }
        if roots.is_empty() || roots.len() > MAX_CERTIFICATES {
            return Err(KeyError::Holds(format!(
                "{} certificates, expected 1 to {MAX_CERTIFICATES}",
                roots.len()
            )));
        }
        Ok(Self(roots))
    }
}

impl Vouches {
    /// What the certificate says of itself. [RFC 5280 4.2.1]
    fn of(certificate: &Certificate) -> Result<Self, &'static str> {
        let extensions = certificate.tbs_certificate.extensions.as_deref();
        let known = [
            BASIC_CONSTRAINTS,
            KEY_USAGE,
            EXTENDED_KEY_USAGE,
            NAME_CONSTRAINTS,
        ];
        if extensions
            .unwrap_or_default()
            .iter()
            .any(|extension| extension.critical && !known.contains(&extension.extn_id))
        {
            return Err("it has a critical extension that is not known here");
        }
        let limits = extension(certificate, BASIC_CONSTRAINTS).map(BasicConstraints::from_der);
        match limits {
            Some(Ok(limits)) if limits.ca => {
                if !may_vouch(certificate) {
                    return Err("its key is not for signing certificates");
                }
                if !is_for_code(certificate) {
                    return Err("it is not for signing code");
                }
                Ok(Self::Others(limits.path_len_constraint))
            }
            Some(Err(_)) => Err("its basic constraints cannot be read"),
            _ if certificate.tbs_certificate.subject == certificate.tbs_certificate.issuer => {
                Ok(Self::Itself)
            }
            _ => Err("it does not say that it is an authority (CA:TRUE)"),
        }
    }
}

/// The type of what is signed.
pub(in crate::provenance) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What is signed in place of an in-toto statement: its pre-authentication encoding,
/// <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>.
pub(in crate::provenance) fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let (kind, length) = (PAYLOAD_TYPE.len(), payload.len());
    let mut signed = format!("DSSEv1 {kind} {PAYLOAD_TYPE} {length} ").into_bytes();
    signed.extend_from_slice(payload);
    signed
}

/// The payload of a bundle's only envelope, when the key in `der` signed it.
pub(in crate::provenance) fn payload_signed_by(
    bundle: &Value,
    der: &[u8],
) -> Result<Vec<u8>, RefusedBundle> {
    let key = Key::of(der).map_err(|why| RefusedBundle::Unsupported(format!("the key {why}")))?;
    let envelope = Envelope::of(bundle)?;
    if envelope.is_by(&key) {
        Ok(envelope.payload)
    } else {
        Err(RefusedBundle::wrong(
            Fault::Signature,
            "the signature does not verify with this key",
        ))
    }
}

/// What was signed, and the signature.
pub(super) struct Envelope {
    pub payload: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Envelope {
    /// The only envelope of a bundle, with its only signature.
    pub(super) fn of(bundle: &Value) -> Result<Self, RefusedBundle> {
        let envelope = bundle
            .get("dsseEnvelope")
            .ok_or_else(|| bad("it holds no `dsseEnvelope`"))?;
        let word = |value: &Value, key: &str| {
            let found = value.get(key).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| bad(&format!("it has no `{key}`")))
        };
        let binary = |value: &Value, key: &str| {
            let decoded = STANDARD.decode(word(value, key)?);
            decoded.map_err(|_| bad(&format!("its `{key}` is no base64")))
        };
        if word(envelope, "payloadType")? != PAYLOAD_TYPE {
            return Err(bad("what was signed is no in-toto statement"));
        }
        let signatures = envelope.get("signatures").and_then(Value::as_array);
        let Some([one]) = signatures.map(Vec::as_slice) else {
            return Err(bad("it has not exactly one signature"));
        };
        let payload = binary(envelope, "payload")?;
        Ok(Self {
            signed: pre_authentication(&payload),
            payload,
            signature: binary(one, "sig")?,
        })
    }

    fn is_by(&self, key: &Key) -> bool {
        signature::holds(key.algorithm, &key.bits, &self.signed, &self.signature)
    }

    /// Which of `keys` signed it. `hint` is what the bundle says of the key.
    pub(super) fn signed_by_key(
        &self,
        keys: &[&SigningKey],
        hint: &str,
    ) -> Result<ModelSigner, RefusedBundle> {
        if let Some(key) = keys.iter().find(|key| self.is_by(&key.key)) {
            // A bundle that names another key than the one that signed it says two things.
            if !hint.is_empty() && hint != key.hint {
                return Err(bad("it names another key than the one that signed it"));
            }
            return Ok(ModelSigner::key(&key.key.spki));
        }
        if keys.iter().any(|key| key.hint == hint) {
            return Err(RefusedBundle::wrong(
                Fault::Signature,
                "the signature does not verify with the key that it names",
            ));
        }
        Err(RefusedBundle::wrong(
            Fault::Key,
            "it was not signed with a key that your policy names",
        ))
    }

    /// The signer of a chain of certificates, where one of `roots` vouches for it. The signature is checked first: the signer
    /// that a broken one claims does not matter.
    pub(super) fn signed_by_chain(
        &self,
        chain: &[Vec<u8>],
        roots: &[&RootCertificates],
        now: Timestamp,
    ) -> Result<ModelSigner, RefusedBundle> {
        let wrong = |why: String| RefusedBundle::wrong(Fault::Certificate, why);
        let Some((leaf, rest)) = chain.split_first() else {
            return Err(bad("its chain of certificates is empty"));
        };
        let certificate = Certificate::from_der(leaf)
            .map_err(|_| wrong("the signing certificate cannot be read".to_owned()))?;
        let spki = spki_of(&certificate)
            .ok_or_else(|| wrong("the signing certificate has no key".to_owned()))?;
        let key = Key::of(&spki).map_err(|why| {
            RefusedBundle::Unsupported(format!("the key of the signing certificate {why}"))
        })?;
        if !self.is_by(&key) {
            return Err(RefusedBundle::wrong(
                Fault::Signature,
                "the signature does not verify with its own certificate",
            ));
        }
        may_sign(&certificate)?;
        // Its name is what the operator trusts, and what the lock holds.
        if certificate.tbs_certificate.subject.is_empty() {
            return Err(wrong("the signing certificate names no subject".to_owned()));
        }
        let subject = certificate.tbs_certificate.subject.to_string();
        let path = Path { leaf, rest };
        let vouched = |time: Timestamp| {
            roots
                .iter()
                .flat_map(|roots| &roots.0)
                .find(|root| path.leads_to(root, time))
        };
        if let Some(root) = vouched(now) {
            return Ok(ModelSigner::certificate(&root.spki, &subject));
        }
        let validity = &certificate.tbs_certificate.validity;
        let once = |time: &cms::cert::x509::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
            Timestamp::from_second(seconds).ok()
        };
        let then = [once(&validity.not_before), once(&validity.not_after)];
        if then
            .into_iter()
            .flatten()
            .any(|time| vouched(time).is_some())
        {
            return Err(RefusedBundle::Open(
                NotEstablished::KeyExpired,
                format!(
                    "the certificate of {}, or its root, is not valid today, and nothing proves when it signed",
                    text::excerpt(&subject, 200)
                ),
            ));
        }
        let limited = rest
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok())
            .any(|between| extension(&between, NAME_CONSTRAINTS).is_some());
        let limited = if limited {
            ": its chain is limited to names, of which only those of hosts and addresses are judged"
        } else {
            ""
        };
        Err(wrong(format!(
            "no certificate that your policy names vouches for the signer, {}{limited}",
            text::excerpt(&subject, 200)
        )))
    }
}

/// A certificate, and those that may lie between it and a root.
struct Path<'a> {
    leaf: &'a [u8],
    rest: &'a [Vec<u8>],
}

impl Path<'_> {
    fn leads_to(&self, root: &Root, time: Timestamp) -> bool {
        if !root.is_valid(time) {
            return false;
        }
        let most = match root.vouches {
            Vouches::Others(most) => most.map(usize::from),
            Vouches::Itself if root.der == self.leaf => Some(0),
            Vouches::Itself => return false,
        };
        // The chain's arithmetic does not ask whether a certificate may vouch for others [RFC 5280 6.1.4 (n)], nor for what mail
        // address in a subject [4.2.1.10].
        let with_mail = self.names_mail();
        let may = |found: &Certificate| may_vouch(found) && !(with_mail && limits_mail(found));
        let is_allowed = |der: &[u8]| Certificate::from_der(der).is_ok_and(|found| may(&found));
        let der = CertificateDer::from(root.der.as_slice());
        let leaf = CertificateDer::from(self.leaf);
        let between: Vec<_> = self
            .rest
            .iter()
            .filter(|der| is_allowed(der))
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let (Ok(anchor), Ok(leaf), Ok(seconds)) = (
            anchor_from_trusted_cert(&der),
            EndEntityCert::try_from(&leaf),
            u64::try_from(time.as_second()),
        ) else {
            return false;
        };
        if with_mail && Certificate::from_der(&root.der).is_ok_and(|root| limits_mail(&root)) {
            return false;
        }
        let is_short = |path: &VerifiedPath<'_>| match most {
            Some(most) if path.intermediate_certificates().count() > most => {
                Err(webpki::Error::PathLenConstraintViolated)
            }
            _ => Ok(()),
        };
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &between,
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
            webpki::KeyUsage::required_if_present(CODE_SIGNING),
            None,
            Some(&is_short),
        )
        .is_ok()
    }

    /// Whether a subject of the chain holds a mail address.
    fn names_mail(&self) -> bool {
        let rest = self.rest.iter().map(Vec::as_slice);
        std::iter::once(self.leaf).chain(rest).any(|der| {
            Certificate::from_der(der).is_ok_and(|found| has_mail(&found.tbs_certificate.subject))
        })
    }
}

fn has_mail(name: &Name) -> bool {
    let mut attributes = name.0.iter().flat_map(|part| part.0.iter());
    attributes.any(|attribute| attribute.oid == MAIL_ADDRESS)
}

/// Whether a certificate vouches only for some mail addresses; also where its limits cannot be read.
fn limits_mail(certificate: &Certificate) -> bool {
    let Some(limits) = extension(certificate, NAME_CONSTRAINTS) else {
        return false;
    };
    NameConstraints::from_der(limits).map_or(true, |limits| {
        let all = [limits.permitted_subtrees, limits.excluded_subtrees];
        all.into_iter()
            .flatten()
            .flatten()
            .any(|limit| matches!(limit.base, GeneralName::Rfc822Name(_)))
    })
}

/// Whether a certificate that names purposes names that of signing code.
fn is_for_code(certificate: &Certificate) -> bool {
    extension(certificate, EXTENDED_KEY_USAGE).is_none_or(|purposes| {
        ExtendedKeyUsage::from_der(purposes)
            .is_ok_and(|purposes| purposes.0.iter().any(|one| PURPOSES.contains(one)))
    })
}

/// A certificate must say that its key is for signatures, or at least for signing code; what it says must be so.
fn may_sign(certificate: &Certificate) -> Result<(), RefusedBundle> {
    let signs = match usages(certificate) {
        Some(usage) => usage.is_some_and(|usage| usage.0.contains(KeyUsages::DigitalSignature)),
        // The chain is asked whether code is among these purposes.
        None => extension(certificate, EXTENDED_KEY_USAGE).is_some(),
    };
    if signs {
        Ok(())
    } else {
        Err(RefusedBundle::wrong(
            Fault::Certificate,
            "the key of the signing certificate is not for signatures",
        ))
    }
}

/// Whether a certificate may vouch for others: where it says what its key is for, for that. [RFC 5280 4.2.1.3]
fn may_vouch(certificate: &Certificate) -> bool {
    usages(certificate)
        .is_none_or(|usage| usage.is_some_and(|usage| usage.0.contains(KeyUsages::KeyCertSign)))
}

/// What a certificate says its key is for; nothing within where that cannot be read.
fn usages(certificate: &Certificate) -> Option<Option<KeyUsage>> {
    let usage = extension(certificate, KEY_USAGE)?;
    Some(KeyUsage::from_der(usage).ok())
}

fn extension(certificate: &Certificate, id: ObjectIdentifier) -> Option<&[u8]> {
    let extensions = certificate.tbs_certificate.extensions.as_deref();
    let found = extensions
        .unwrap_or_default()
        .iter()
        .find(|extension| extension.extn_id == id)?;
    Some(found.extn_value.as_bytes())
}

impl Key {
    /// The key in a DER `SubjectPublicKeyInfo`.
    fn of(der: &[u8]) -> Result<Self, KeyError> {
        const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
        const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
        let info = SubjectPublicKeyInfoRef::try_from(der)
            .map_err(|_| KeyError::Holds("no public key".to_owned()))?;
        let curve = info
            .algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        let algorithm: &'static dyn VerificationAlgorithm = match (info.algorithm.oid, curve) {
            (EC, Some(P256)) => &ECDSA_P256_SHA256_ASN1,
            (EC, Some(P384)) => &ECDSA_P384_SHA384_ASN1,
            (EC, Some(P521)) => &ECDSA_P521_SHA512_ASN1,
            (EDWARDS, None) => &ED25519,
            (other, _) => {
                return Err(KeyError::Algorithm(format!(
                    "a kind that is not verified ({other}); P-256, P-384, P-521 and Ed25519 are"
                )));
            }
        };
        let bits = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| KeyError::Holds("no public key".to_owned()))?;
        Ok(Self {
            bits: bits.to_vec(),
            algorithm,
            spki: Sha256Digest::of(der),
        })
    }
}

fn spki_of(certificate: &Certificate) -> Option<Vec<u8>> {
    let info: &SubjectPublicKeyInfoOwned = &certificate.tbs_certificate.subject_public_key_info;
    info.to_der().ok()
}

/// How the reference implementation names a key: SHA-256 of its PEM text.
fn hint(der: &[u8]) -> Result<String, KeyError> {
    let pem = pem::encode_string(PUBLIC_KEY, LineEnding::LF, der);
    let pem = pem.map_err(|_| KeyError::Damaged)?;
    Ok(to_hex(&Sha256Digest::of(pem.as_bytes()).0))
}
