//! OpenPGP-signed tags against the operator's certificates.
//!
//! sequoia-openpgp does the reading and the arithmetic, and judges bindings, revocations and the strength of keys; `pgp` (rPGP)
//! checks only the arithmetic and accepted revoked keys, signatures made after a key's end, and signatures from the future.
//!
//! As in GnuPG, the newest self-signatures in the operator's file decide how long a key is valid, and the signature must have been
//! made within that time. A key that is revoked, for whatever reason, counts no longer at all. SHA-1 is accepted in the
//! self-signatures of a certificate, because the operator chose that file and old certificates have no other; never in the
//! signature of a tag.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sequoia_openpgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use sequoia_openpgp::cert::{Cert, CertParser, ValidCert};
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, Packet, Signature};
use sequoia_openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse as _};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy as _, StandardPolicy};
use sequoia_openpgp::types::{HashAlgorithm, PublicKeyAlgorithm, RevocationStatus, SignatureType};

use super::armor::{self, Style};
use super::tag::Tag;
use super::verdict::{Code, Failure, TagSigner};
use super::verify::{Accepted, refuse_future};
use crate::error::OperatorError;
use crate::text::excerpt;

const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// The certificates of those who may sign.
#[derive(Clone, Debug, Default)]
pub struct OpenPgpCertificates {
    certs: Vec<Cert>,
}

impl OpenPgpCertificates {
    /// Adds the certificates of a file, armored (one or more blocks) or binary; `path` is for messages.
    ///
    /// # Errors
    /// A file without a certificate, with a private key, or with something that is none.
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> crate::error::Result<()> {
        let wrong = |what: &str| {
            OperatorError::whole(
                path,
                format!("the OpenPGP certificates cannot be used: {what}"),
            )
            .with_help("export them with `gpg --armor --export FINGERPRINT`")
        };
        let before = self.certs.len();
        for block in blocks(bytes) {
            for cert in CertParser::from_bytes(block).map_err(|error| wrong(&shown(&error)))? {
                let cert = cert.map_err(|error| wrong(&shown(&error)))?;
                if cert.is_tsk() {
                    return Err(wrong("the file holds a private key").into());
                }
                self.certs.push(cert);
            }
        }
        if self.certs.len() == before {
            Err(wrong("the file holds none").into())
        } else {
            Ok(())
        }
    }

    /// The fingerprints of the primary keys, upper-case hex.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.certs
            .iter()
            .map(|cert| cert.fingerprint().to_hex())
            .collect()
    }

    /// Who has the certificate with this fingerprint, when it is among these.
    ///
    /// # Errors
    /// `revoked`, and `unknown-key` for one that the policy of today does not accept.
    pub(super) fn signer(
        &self,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<Option<TagSigner>, Failure> {
        let Some(cert) = self
            .certs
            .iter()
            .find(|cert| cert.fingerprint().to_hex() == fingerprint)
        else {
            return Ok(None);
        };
        let policy = policy(now);
        let valid = cert
            .with_policy(&policy, SystemTime::from(now))
            .map_err(|error| {
                let why = format!(
                    "the operator's certificate {fingerprint} cannot be used: {}",
                    shown(&error)
                );
                Failure::new(Code::UnknownKey, why)
            })?;
        match valid.revocation_status() {
            RevocationStatus::NotAsFarAsWeKnow => {
                Ok(Some(signer(&valid, cert.primary_key().key().pk_algo())))
            }
            _ => Err(Failure::new(
                Code::Revoked,
                format!("the key {fingerprint} is revoked"),
            )),
        }
    }

    /// Who signed the tag, when the signature is good and its key counted when it was made.
    pub(super) fn verify(&self, tag: &Tag, now: Timestamp) -> Result<Accepted, Failure> {
        let signature = single_signature(tag.armor())?;
        if matches!(
            signature.hash_algo(),
            HashAlgorithm::MD5 | HashAlgorithm::SHA1 | HashAlgorithm::RipeMD
        ) {
            let why = format!(
                "the signature uses {}, which can be forged",
                signature.hash_algo()
            );
            return Err(Failure::new(Code::WeakHash, why));
        }
        if signature.typ() != SignatureType::Binary {
            return Err(bad_signature("the signature is not one over exact bytes"));
        }
        let made = signature
            .signature_creation_time()
            .ok_or_else(|| bad_signature("the signature does not say when it was made"))?;
        let policy = policy(now);
        let mut refusal = None;
        for cert in &self.certs {
            match judge(cert, &signature, made, tag.payload(), &policy, now) {
                Some(Ok(accepted)) => return Ok(accepted),
                Some(Err(failure)) => refusal = refusal.or(Some(failure)),
                None => {}
            }
        }
        Err(refusal.unwrap_or_else(|| unknown(&signature)))
    }
}

type PublicKey = Key<PublicParts, UnspecifiedRole>;
type KeyOf<'a> = ErasedKeyAmalgamation<'a, PublicParts>;

/// What this certificate has to say; `None` when none of its keys made the signature.
fn judge(
    cert: &Cert,
    signature: &Signature,
    made: SystemTime,
    payload: &[u8],
    policy: &StandardPolicy<'_>,
    now: Timestamp,
) -> Option<Result<Accepted, Failure>> {
    let issuers = signature.get_issuers();
    let ours =
        |handle: &sequoia_openpgp::KeyHandle| issuers.iter().any(|issuer| issuer.aliases(handle));
    let key = cert.keys().find(|key| ours(&key.key().key_handle()))?;
    let refused = fits(key.key(), signature, made, payload, policy, now).err();
    Some(match refused {
        Some(failure) => Err(failure),
        None => vouches(cert, key, made, policy, SystemTime::from(now)),
    })
}

/// Whether the signature is this key's, is over `payload`, and is of a form that is accepted.
fn fits(
    key: &PublicKey,
    signature: &Signature,
    made: SystemTime,
    payload: &[u8],
    policy: &StandardPolicy<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    if key.creation_time() > made {
        let fingerprint = key.fingerprint().to_hex();
        let why =
            format!("the key {fingerprint} did not exist when the signature says it was made");
        return Err(Failure::new(Code::KeyNotYetValid, why));
    }
    if signature.verify_message(key, payload).is_err() {
        return Err(bad_signature(
            "the signature does not fit the tag: one of them was changed",
        ));
    }
    policy
        .signature(signature, HashAlgoSecurity::CollisionResistance)
        .map_err(|error| {
            bad_signature(&format!(
                "the signature is not of a form that is accepted: {}",
                shown(&error)
            ))
        })?;
    refuse_future(seconds(made), now)?;
    if signature
        .signature_alive(SystemTime::from(now).max(made), None)
        .is_err()
    {
        return Err(bad_signature("the signature itself has expired"));
    }
    Ok(())
}

/// Whether the certificate vouches for its key: not revoked, for signing, and alive when the signature was made.
fn vouches(
    cert: &Cert,
    key: KeyOf<'_>,
    made: SystemTime,
    policy: &StandardPolicy<'_>,
    clock: SystemTime,
) -> Result<Accepted, Failure> {
    let fingerprint = key.key().fingerprint().to_hex();
    let algorithm = key.key().pk_algo();
    let code = if is_weak(key.key()) {
        Code::WeakKey
    } else {
        Code::UnknownKey
    };
    let unusable = |error: &dyn std::fmt::Display| {
        let why = format!(
            "the operator's certificate does not vouch for the key {fingerprint}: {}",
            shown(error)
        );
        Failure::new(code, why)
    };
    let valid_cert = cert
        .with_policy(policy, clock)
        .map_err(|error| unusable(&error))?;
    let valid_key = key
        .with_policy(policy, clock)
        .map_err(|error| unusable(&error))?;
    for status in [
        valid_cert.revocation_status(),
        valid_key.revocation_status(),
    ] {
        if !matches!(status, RevocationStatus::NotAsFarAsWeKnow) {
            return Err(Failure::new(
                Code::Revoked,
                format!("the key {fingerprint} is revoked"),
            ));
        }
    }
    if !valid_key.for_signing() {
        return Err(Failure::new(
            Code::NamespaceNotAllowed,
            format!("the key {fingerprint} is not one for signing"),
        ));
    }
    let mut notes = Vec::new();
    let ends = [
        valid_cert.primary_key().key_expiration_time(),
        valid_key.key_expiration_time(),
    ];
    for expires in ends.into_iter().flatten() {
        if made >= expires {
            let why = format!("the key {fingerprint} had expired when the signature was made");
            return Err(Failure::new(Code::KeyExpiredAtSignature, why));
        }
        if expires <= clock && notes.is_empty() {
            notes.push("the key has expired since; only the signature's own date says that it was made before".to_owned());
        }
    }
    Ok(Accepted {
        signer: signer(&valid_cert, algorithm),
        notes,
    })
}

/// Keys that no policy accepts any more.
#[allow(deprecated, reason = "old keys are named to be refused")]
fn is_weak(key: &PublicKey) -> bool {
    match key.pk_algo() {
        PublicKeyAlgorithm::DSA => true,
        PublicKeyAlgorithm::RSAEncryptSign | PublicKeyAlgorithm::RSASign => {
            key.mpis().bits().is_none_or(|bits| bits < 2048)
        }
        _ => false,
    }
}

fn signer(cert: &ValidCert<'_>, algorithm: PublicKeyAlgorithm) -> TagSigner {
    let principal = cert
        .primary_userid()
        .map(|id| String::from_utf8_lossy(id.userid().value()).into_owned());
    TagSigner {
        principal: excerpt(
            principal
                .as_deref()
                .unwrap_or("certificate without a user ID"),
            200,
        ),
        key_type: format!("OpenPGP {algorithm}"),
        fingerprint: cert.fingerprint().to_hex(),
    }
}

/// The one packet that an armored signature may hold.
fn single_signature(block: &[u8]) -> Result<Signature, Failure> {
    let bad = || {
        Failure::new(
            Code::BadArmor,
            "the signature block holds no OpenPGP signature",
        )
    };
    if !block.starts_with(b"-----BEGIN PGP SIGNATURE-----") {
        return Err(Failure::new(
            Code::BadArmor,
            "the block is an OpenPGP message, not a signature",
        ));
    }
    let bytes =
        armor::decode(block, Style::OpenPgp).map_err(|why| Failure::new(Code::BadArmor, why))?;
    // Nothing is unpacked: a compressed packet is refused like any other that is no signature.
    let builder = PacketParserBuilder::from_bytes(&bytes)
        .map_err(|_| bad())?
        .dearmor(Dearmor::Disabled)
        .max_recursion_depth(0);
    let mut rest = builder.build().map_err(|_| bad())?;
    let mut found = None;
    while let PacketParserResult::Some(parser) = rest {
        let (packet, next) = parser.next().map_err(|_| bad())?;
        let Packet::Signature(signature) = packet else {
            return Err(bad());
        };
        if found.replace(signature).is_some() {
            return Err(Failure::new(
                Code::MultipleSignatures,
                "the OpenPGP block holds more than one signature",
            ));
        }
        rest = next;
    }
    found.ok_or_else(bad)
}

fn policy(now: Timestamp) -> StandardPolicy<'static> {
    let mut policy = StandardPolicy::at(SystemTime::from(now));
    policy.accept_hash_property(
        HashAlgorithm::SHA1,
        HashAlgoSecurity::SecondPreImageResistance,
    );
    policy
}

/// Armored blocks one by one, since a reader of armor stops at the end of the first.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let starts: Vec<usize> = text.match_indices(ARMOR).map(|(at, _)| at).collect();
    if starts.is_empty() {
        return vec![bytes];
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &bytes[*start..end])
        .collect()
}

fn unknown(signature: &Signature) -> Failure {
    let issuers: Vec<String> = signature
        .get_issuers()
        .iter()
        .map(sequoia_openpgp::KeyHandle::to_hex)
        .collect();
    let who = issuers.first().map_or("an unnamed key", String::as_str);
    Failure::new(Code::UnknownKey, format!("the OpenPGP key {who} is not among the operator's certificates"))
        .help(format!("if you know whose key it is, export it with `gpg --armor --export {who}` into a file that the rule names"))
}

fn bad_signature(why: &str) -> Failure {
    Failure::new(Code::BadSignature, why)
}

fn seconds(time: SystemTime) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn shown(error: &dyn std::fmt::Display) -> String {
    excerpt(&error.to_string(), 200)
}
