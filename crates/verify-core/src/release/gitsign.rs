//! Tags signed with gitsign: CMS (RFC 5652) with a certificate of ten minutes from Sigstore.
//!
//! Whether the certificate was valid is proven by a transparency log, so a good signature alone is `needs-log`. What can be refused
//! without the log is refused here: a signature that does not fit, and a certificate of another identity. The certificate and a log
//! entry that travels with the signature are judged by [`crate::provenance::gitsign`].

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, VerificationAlgorithm};
use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::{ObjectIdentifier, OctetString, Utf8StringRef};
use cms::cert::x509::der::{Decode as _, Encode as _};
use cms::cert::x509::ext::pkix::SubjectAltName;
use cms::cert::x509::ext::pkix::name::GeneralName;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::armor::{self, Style};
use super::tag::Tag;
use super::verdict::{Code, Failure, TagSigner};
use super::verify::Accepted;
use crate::digest::Sha256Digest;
use crate::fact::{Fact, Fault, NotEstablished};
use crate::policy::Gitsign;
use crate::provenance::gitsign::{CmsSignature, verify_gitsign};
use crate::provenance::{Anchors, IdentityPolicy};
use crate::signature;
use crate::text::excerpt;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// Fulcio's issuer as raw text, and as a UTF8String.
const ISSUER_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// gitsign's unsigned attribute with the log entry (`dev.sigstore.rekor.v1.TransparencyLogEntry`).
const LOG_ENTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.3.1");

/// A gitsign signature whose signed attributes fit the tag and whose signature fits the certificate. Whether the certificate is
/// genuine, and was valid at the time, is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitsignSignature {
    /// What was signed: DER of the signed attributes as a SET, with the SHA-256 of the tag's payload in it.
    pub signed_attributes: Vec<u8>,
    /// The signature over them, as in the CMS.
    pub signature: Vec<u8>,
    /// DER of the certificate.
    pub certificate: Vec<u8>,
    /// The transparency log entry, when gitsign put one in (protobuf).
    pub log_entry: Option<Vec<u8>>,
    /// E-mail addresses and URIs in the certificate. Untrusted text.
    pub identities: Vec<String>,
    /// The issuer in the certificate. Untrusted text.
    pub issuer: Option<String>,
}

impl<'a> From<&'a GitsignSignature> for CmsSignature<'a> {
    fn from(signature: &'a GitsignSignature) -> Self {
        Self {
            signed_attributes: &signature.signed_attributes,
            signature: &signature.signature,
            certificate: &signature.certificate,
            log_entry: signature.log_entry.as_deref(),
        }
    }
}

impl GitsignSignature {
    /// Reads a tag's signature and checks what can be checked without a log.
    ///
    /// # Errors
    /// `bad-armor`, `bad-signature`, `weak-hash` or `unsupported-certificate`.
    pub fn from_tag(tag: &Tag) -> Result<Self, Failure> {
        let bytes = armor::decode(tag.armor(), Style::Plain)
            .map_err(|why| Failure::new(Code::BadArmor, why))?;
        let data = signed_data(&bytes).ok_or_else(|| {
            Failure::new(Code::BadArmor, "the signature block holds no CMS signature")
        })?;
        let several = || {
            Failure::new(
                Code::MultipleSignatures,
                "the CMS message does not hold exactly one signer and its certificate",
            )
        };
        let [signer] = data.signer_infos.0.as_slice() else {
            return Err(several());
        };
        let certificate = certificate_of(&data, signer).ok_or_else(several)?;
        if data.encap_content_info.econtent.is_some()
            || data.encap_content_info.econtent_type != ID_DATA
        {
            return Err(Failure::new(
                Code::BadSignature,
                "the CMS message signs a content of its own, not the tag",
            ));
        }
        // The message states the hash twice; a reader of the one must not see another hash than a reader of the other.
        let stated: Vec<_> = data
            .digest_algorithms
            .iter()
            .map(|algorithm| algorithm.oid)
            .collect();
        if stated != [signer.digest_alg.oid] {
            return Err(Failure::new(
                Code::BadSignature,
                "the CMS message and its signer state different hashes",
            ));
        }
        if signer.digest_alg.oid != SHA256 {
            return Err(Failure::new(
                Code::WeakHash,
                format!(
                    "the signature uses the hash {}, not SHA-256",
                    signer.digest_alg.oid
                ),
            ));
        }
        let signed_attributes = check_attributes(signer, tag.payload())?;
        let signature = signer.signature.as_bytes().to_vec();
        check_signature(certificate, signer, &signed_attributes, &signature)?;
        let unreadable = |_| {
            Failure::new(
                Code::UnsupportedCertificate,
                "the certificate cannot be read",
            )
        };
        Ok(Self {
            signed_attributes,
            signature,
            certificate: certificate.to_der().map_err(unreadable)?,
            log_entry: log_entry(signer),
            identities: identities(certificate),
            issuer: issuer(certificate),
        })
    }
}

/// Who signed the tag, when the certificate was issued to whom the rule allows, and the log says that it was valid then.
pub(super) fn verify(
    tag: &Tag,
    wanted: &Gitsign,
    anchors: Option<&Anchors>,
    now: Timestamp,
) -> Result<Accepted, Failure> {
    let found = GitsignSignature::from_tag(tag)?;
    let issuer = found.issuer.as_deref().unwrap_or_default();
    if !found.identities.contains(&wanted.identity) || issuer != wanted.issuer {
        let who = found
            .identities
            .first()
            .map_or("no identity", String::as_str);
        let why = format!(
            "the certificate is for {} by {}, whom the rule does not allow",
            excerpt(who, 200),
            excerpt(issuer, 200)
        );
        return Err(Failure::new(Code::UnknownKey, why));
    }
    let material = CmsSignature {
        signed_attributes: &found.signed_attributes,
        signature: &found.signature,
        certificate: &found.certificate,
        log_entry: found.log_entry.as_deref(),
    };
    let policy = IdentityPolicy {
        identity: Some(wanted.identity.clone()),
        issuer: Some(wanted.issuer.clone()),
        ..IdentityPolicy::default()
    };
    let none = |why: String| Failure::new(Code::NotEstablished(NotEstablished::NoTrustRoot), why);
    let anchors = anchors.ok_or_else(|| {
        none("no trust root is at hand that could vouch for the certificate".to_owned())
    })?;
    let root = anchors.root().map_err(|why| none(why.to_string()))?;
    match verify_gitsign(&material, &policy, root, now) {
        Fact::Verified(_) => {
            let signer = TagSigner {
                principal: excerpt(&wanted.identity, 200),
                key_type: format!("certificate by {}", excerpt(&wanted.issuer, 200)),
                fingerprint: Sha256Digest::of(&found.certificate).to_string(),
            };
            Ok(Accepted {
                signer,
                notes: Vec::new(),
            })
        }
        Fact::Violated {
            code: Some(Fault::Identity | Fault::Issuer),
            why,
        } => Err(Failure::new(Code::UnknownKey, why)),
        Fact::Violated { why, .. } => Err(Failure::new(Code::BadSignature, why)),
        Fact::NotEstablished { code, why } => Err(Failure::new(Code::NotEstablished(code), why)),
        Fact::NotApplicable => Err(Failure::new(
            Code::NotEstablished(NotEstablished::NeedsLog),
            "the certificate was not judged",
        )),
    }
}

fn signed_data(bytes: &[u8]) -> Option<SignedData> {
    let content = ContentInfo::from_der(bytes)
        .ok()
        .filter(|content| content.content_type == ID_SIGNED_DATA)?;
    content.content.decode_as().ok()
}

/// The only certificate, when it is the one that the signer names.
fn certificate_of<'a>(data: &'a SignedData, signer: &SignerInfo) -> Option<&'a Certificate> {
    let [CertificateChoices::Certificate(certificate)] = data.certificates.as_ref()?.0.as_slice()
    else {
        return None;
    };
    let named = match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            id.issuer == certificate.tbs_certificate.issuer
                && id.serial_number == certificate.tbs_certificate.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(_) => false,
    };
    named.then_some(certificate)
}

/// The signed attributes, when they are about this payload.
fn check_attributes(signer: &SignerInfo, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let missing = |what: &str| {
        Failure::new(
            Code::BadSignature,
            format!("the CMS message does not sign {what}"),
        )
    };
    let attributes = signer
        .signed_attrs
        .as_ref()
        .ok_or_else(|| missing("any attributes"))?;
    let single = |oid: ObjectIdentifier| {
        let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (Some(attribute), None) if attribute.values.len() == 1 => attribute.values.get(0),
            _ => None,
        }
    };
    let content = single(CONTENT_TYPE).and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
    if content != Some(ID_DATA) {
        return Err(missing("the type of its content"));
    }
    let digest = single(MESSAGE_DIGEST).and_then(|value| value.decode_as::<OctetString>().ok());
    if digest.is_none_or(|digest| digest.as_bytes() != Sha256::digest(payload).as_slice()) {
        return Err(Failure::new(
            Code::BadSignature,
            "the signature is for other content: the tag or the signature was changed",
        ));
    }
    attributes
        .to_der()
        .map_err(|_| missing("attributes that can be encoded"))
}

fn check_signature(
    certificate: &Certificate,
    signer: &SignerInfo,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Failure> {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    let point = key.subject_public_key.as_bytes().unwrap_or_default();
    let algorithm: &'static dyn VerificationAlgorithm =
        match (signer.signature_algorithm.oid, point.len()) {
            (ECDSA_SHA256, 65) => &ECDSA_P256_SHA256_ASN1,
            (ECDSA_SHA384, 97) => &ECDSA_P384_SHA384_ASN1,
            (other, _) => {
                let why = format!(
                    "the certificate's kind of key with the algorithm {other} is not supported"
                );
                return Err(Failure::new(Code::UnsupportedCertificate, why));
            }
        };
    if !signature::holds(algorithm, point, signed, signature) {
        return Err(Failure::new(
            Code::BadSignature,
            "the signature does not fit the certificate's key",
        ));
    }
    Ok(())
}

fn log_entry(signer: &SignerInfo) -> Option<Vec<u8>> {
    let attributes = signer.unsigned_attrs.as_ref()?;
    let attribute = attributes
        .iter()
        .find(|attribute| attribute.oid == LOG_ENTRY)?;
    attribute
        .values
        .get(0)?
        .decode_as::<OctetString>()
        .ok()
        .map(OctetString::into_bytes)
}

fn identities(certificate: &Certificate) -> Vec<String> {
    let names = extension(certificate, SUBJECT_ALT_NAME)
        .and_then(|value| SubjectAltName::from_der(value).ok());
    let names = names.map(|names| names.0).unwrap_or_default();
    let text = |name: &GeneralName| match name {
        GeneralName::Rfc822Name(mail) => Some(mail.to_string()),
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    };
    names.iter().filter_map(text).collect()
}

fn issuer(certificate: &Certificate) -> Option<String> {
    match extension(certificate, ISSUER_V2) {
        Some(value) => Utf8StringRef::from_der(value)
            .ok()
            .map(|text| text.as_str().to_owned()),
        None => extension(certificate, ISSUER_V1)
            .and_then(|value| String::from_utf8(value.to_vec()).ok()),
    }
}

fn extension(certificate: &Certificate, oid: ObjectIdentifier) -> Option<&[u8]> {
    let extensions = certificate
        .tbs_certificate
        .extensions
        .as_deref()
        .unwrap_or_default();
    extensions
        .iter()
        .find(|extension| extension.extn_id == oid)
        .map(|extension| extension.extn_value.as_bytes())
}
