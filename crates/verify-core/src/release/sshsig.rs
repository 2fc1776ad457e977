//! SSH signatures (OpenSSH's PROTOCOL.sshsig): what they say, and whether they are right.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use sha2::{Digest as _, Sha256, Sha512};

use super::armor::{self, Style};
use super::verdict::{Code, Failure};
use super::wire::{Curve, KeyType, Reader, SshKey, SshKeyMaterial, is_key_type, put_string};
use crate::fact::NotEstablished;
use crate::signature;
use crate::text::excerpt;

const MAGIC: &[u8] = b"SSHSIG";
/// The namespace that git signs in, so that a signature of a file or an e-mail cannot be used for a tag.
pub(super) const NAMESPACE: &str = "git";
/// Flag of a security key: it was touched.
const USER_PRESENT: u8 = 1;

/// A parsed SSH signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshSignature {
    /// The key that the signature says it was made with. Whether it is trusted is another question.
    pub key: SshKey,
    /// What the signature was made for.
    pub namespace: String,
    hash: String,
    algorithm: String,
    value: Vec<u8>,
    /// Flags and counter of a security key.
    security_key: Option<(u8, u32)>,
}

impl SshSignature {
    /// Reads an armored block.
    ///
    /// # Errors
    /// `bad-armor`, or `unknown-key` when the key is of a kind that is not known.
    pub(super) fn from_armor(block: &[u8]) -> Result<Self, Failure> {
        let bytes =
            armor::decode(block, Style::Plain).map_err(|why| Failure::new(Code::BadArmor, why))?;
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        let bad = || Failure::new(Code::BadArmor, "the signature block holds no SSH signature");
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or_else(bad)?);
        if reader.u32() != Some(1) {
            return Err(Failure::new(
                Code::BadArmor,
                "the SSH signature is not of version 1",
            ));
        }
        let blob = reader.string().ok_or_else(bad)?;
        let mut fields = || {
            let namespace = reader.text()?.to_owned();
            // Reserved. ssh-keygen signs and verifies as if nothing stood here, whatever does.
            reader.string().filter(|reserved| reserved.is_empty())?;
            let hash = reader.text()?.to_owned();
            let signature = reader.string()?;
            reader.end()?;
            Some((namespace, hash, signature))
        };
        let (namespace, hash, signature) = fields().ok_or_else(bad)?;
        let key = SshKey::from_blob(blob).ok_or_else(|| unreadable_key(blob))?;
        let mut reader = Reader(signature);
        let mut fields = || {
            let algorithm = reader.text()?.to_owned();
            let value = reader.string()?.to_vec();
            let security_key = match key.kind() {
                KeyType::SkEd25519 | KeyType::SkEcdsa => Some((reader.byte()?, reader.u32()?)),
                _ => None,
            };
            reader.end()?;
            Some((algorithm, value, security_key))
        };
        let (algorithm, value, security_key) = fields().ok_or_else(bad)?;
        Ok(Self {
            namespace,
            hash,
            algorithm,
            value,
            security_key,
            key,
        })
    }

    /// Whether this is a good signature of `message`, which messages call `what`, made for `namespace`, by its own key.
    ///
    /// # Errors
    /// `unsupported-certificate`, `wrong-namespace`, `weak-hash`, `weak-key` or `bad-signature`.
    pub(super) fn verify(
        &self,
        message: &[u8],
        namespace: &str,
        what: &str,
    ) -> Result<(), Failure> {
        let fail = |code, why: String| Err(Failure::new(code, why));
        match self.key.kind() {
            KeyType::Certificate(name) => {
                return fail(
                    Code::UnsupportedCertificate,
                    format!("the key is a certificate ({name}), which is not supported"),
                );
            }
            KeyType::Dsa => return fail(Code::WeakKey, "DSA keys are too weak".to_owned()),
            KeyType::Rsa(bits) if !(2048..=8192).contains(bits) => {
                return fail(
                    Code::WeakKey,
                    format!("the RSA key has {bits} bits; 2048 to 8192 are accepted"),
                );
            }
            _ => {}
        }
        if self.namespace != namespace {
            let found = excerpt(&self.namespace, 60);
            return fail(
                Code::WrongNamespace,
                format!("the signature was made for `{found}`, not for {namespace}"),
            );
        }
        let digest = match self.hash.as_str() {
            "sha256" => Sha256::digest(message).to_vec(),
            "sha512" => Sha512::digest(message).to_vec(),
            other => {
                return fail(
                    Code::WeakHash,
                    format!("the signature uses the hash `{}`", excerpt(other, 40)),
                );
            }
        };
        if self.algorithm == "ssh-rsa" {
            return fail(Code::WeakHash, "the RSA signature uses SHA-1".to_owned());
        }
        let signed = signed(&self.namespace, &self.hash, &digest);
        if !self.matches(signed) {
            return fail(
                Code::BadSignature,
                format!("the signature does not fit the {what}: one of them was changed"),
            );
        }
        Ok(())
    }

    /// Whether a security key signed without being touched. `ssh-keygen` accepts that, and OpenSSH's own tags are made so.
    pub(super) fn is_untouched(&self) -> bool {
        self.security_key
            .is_some_and(|(flags, _)| flags & USER_PRESENT == 0)
    }

    fn matches(&self, signed: Vec<u8>) -> bool {
        let (kind, algorithm) = (self.key.kind(), self.algorithm.as_str());
        match (&self.key.material, kind) {
            (SshKeyMaterial::Rsa { exponent, modulus }, _) => {
                let parameters = match algorithm {
                    "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                    "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                }
                .verify(parameters, &signed, &self.value)
                .is_ok()
            }
            // Every other kind of key has one algorithm, named as the key is.
            (SshKeyMaterial::Point { point, application }, _)
                if algorithm == self.key.type_name() =>
            {
                let signed = match self.security_key {
                    Some((flags, counter)) => by_security_key(application, flags, counter, &signed),
                    None => signed,
                };
                match kind {
                    KeyType::Ed25519 | KeyType::SkEd25519 => {
                        signature::holds(&ED25519, point, &signed, &self.value)
                    }
                    KeyType::Ecdsa(curve) => self.check_ecdsa(*curve, point, &signed),
                    KeyType::SkEcdsa => self.check_ecdsa(Curve::P256, point, &signed),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// An ECDSA signature is two numbers; the library takes them at full width, one after the other.
    fn check_ecdsa(&self, curve: Curve, point: &[u8], signed: &[u8]) -> bool {
        let width = curve.bytes();
        let mut reader = Reader(&self.value);
        let mut fixed = vec![0; 2 * width];
        for half in fixed.chunks_exact_mut(width) {
            match reader.positive() {
                Some(number) if number.len() <= width => {
                    half[width - number.len()..].copy_from_slice(number)
                }
                _ => return false,
            }
        }
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED,
            Curve::P521 => &ECDSA_P521_SHA512_FIXED,
        };
        reader.end().is_some() && signature::holds(algorithm, point, signed, &fixed)
    }
}

/// What is signed in place of a message.
fn signed(namespace: &str, hash: &str, digest: &[u8]) -> Vec<u8> {
    let mut signed = MAGIC.to_vec();
    for part in [namespace.as_bytes(), b"", hash.as_bytes(), digest] {
        put_string(&mut signed, part);
    }
    signed
}

/// The armored signature of `message` for `namespace`, as `ssh-keygen -Y sign` writes it. `blob` is the public key; `sign` gives algorithm
/// and value of the signature of its bytes.
pub(super) fn sign<E>(
    message: &[u8],
    namespace: &str,
    blob: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<(&'static str, Vec<u8>), E>,
) -> Result<String, E> {
    const HASH: &str = "sha512";
    let (algorithm, value) = sign(&signed(namespace, HASH, &Sha512::digest(message)))?;
    let mut inner = Vec::new();
    put_string(&mut inner, algorithm.as_bytes());
    put_string(&mut inner, &value);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&1_u32.to_be_bytes());
    for part in [blob, namespace.as_bytes(), b"", HASH.as_bytes(), &inner] {
        put_string(&mut bytes, part);
    }
    Ok(armor::encode("SSH SIGNATURE", &bytes))
}

/// A damaged key, or one of a later OpenSSH: what signed with that is not known to be wrong.
fn unreadable_key(blob: &[u8]) -> Failure {
    let name = Reader(blob).text().unwrap_or_default();
    if name.is_empty() || is_key_type(name) {
        return Failure::new(
            Code::UnknownKey,
            "the key that the signature names is damaged",
        );
    }
    let why = format!(
        "the signature was made with a key of the type {}, which this program does not know",
        excerpt(name, 80)
    );
    Failure::new(Code::NotEstablished(NotEstablished::UnsupportedSchema), why)
}

/// What a security key signs (PROTOCOL.u2f): digests of its application and of the message, and its own flags and counter.
fn by_security_key(application: &[u8], flags: u8, counter: u32, signed: &[u8]) -> Vec<u8> {
    let mut message = Sha256::digest(application).to_vec();
    message.push(flags);
    message.extend_from_slice(&counter.to_be_bytes());
    message.extend_from_slice(&Sha256::digest(signed));
    message
}
