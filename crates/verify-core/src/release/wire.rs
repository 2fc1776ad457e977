//! Public keys as SSH writes them (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// A cursor over SSH's binary encoding.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    /// A positive number, without the zero byte that may lead it. Other leading zeros are not canonical.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        match bytes {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Some(rest),
            [first, ..] if (1..0x80).contains(first) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends a string in SSH's encoding. Nothing here is longer than a tag, 1 MiB.
pub(super) fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}

/// The kinds of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`, `-nistp384` or `-nistp521`.
    Ecdsa(Curve),
    /// `ssh-rsa` with its modulus in bits. Signatures must use SHA-2.
    Rsa(usize),
    /// `sk-ssh-ed25519@openssh.com`: in a security key.
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: in a security key.
    SkEcdsa,
    /// `ssh-dss`, too weak to be used.
    Dsa,
    /// A certificate: a key signed by an authority. Not supported.
    Certificate(String),
}

/// The curves of ECDSA keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the curves")]
#[non_exhaustive]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }
}

/// A public key. Two keys are equal when their encodings are.
#[derive(Clone, PartialEq, Eq)]
pub struct SshKey {
    blob: Vec<u8>,
    name: String,
    kind: KeyType,
    pub(super) material: SshKeyMaterial,
}

/// What a signature is checked with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SshKeyMaterial {
    /// Ed25519 key, or the point of a curve; the application of a security key.
    Point {
        point: Vec<u8>,
        application: Vec<u8>,
    },
    Rsa {
        exponent: Vec<u8>,
        modulus: Vec<u8>,
    },
    /// Not to be used for a signature.
    None,
}

impl SshKey {
    /// Reads a key's binary encoding. `None` when it is no canonical key of a known kind.
    #[must_use]
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let mut reader = Reader(blob);
        let name = reader.text()?.to_owned();
        let (kind, material) = match name.as_str() {
            "ssh-ed25519" => (KeyType::Ed25519, ed25519(&mut reader, false)?),
            "sk-ssh-ed25519@openssh.com" => (KeyType::SkEd25519, ed25519(&mut reader, true)?),
            "sk-ecdsa-sha2-nistp256@openssh.com" => {
                (KeyType::SkEcdsa, ecdsa(&mut reader, Curve::P256, true)?)
            }
            "ecdsa-sha2-nistp256" => (
                KeyType::Ecdsa(Curve::P256),
                ecdsa(&mut reader, Curve::P256, false)?,
            ),
            "ecdsa-sha2-nistp384" => (
                KeyType::Ecdsa(Curve::P384),
                ecdsa(&mut reader, Curve::P384, false)?,
            ),
            "ecdsa-sha2-nistp521" => (
                KeyType::Ecdsa(Curve::P521),
                ecdsa(&mut reader, Curve::P521, false)?,
            ),
            "ssh-rsa" => {
                let (exponent, modulus) =
                    (reader.positive()?.to_vec(), reader.positive()?.to_vec());
                let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
                (
                    KeyType::Rsa(bits),
                    SshKeyMaterial::Rsa { exponent, modulus },
                )
            }
            "ssh-dss" => {
                for _ in 0..4 {
                    reader.positive()?;
                }
                (KeyType::Dsa, SshKeyMaterial::None)
            }
            _ if is_certificate(&name) => {
                // Its fields are not needed to say that it is not supported.
                reader.0 = &[];
                (KeyType::Certificate(name.clone()), SshKeyMaterial::None)
            }
            _ => return None,
        };
        reader.end()?;
        Some(Self {
            blob: blob.to_vec(),
            name,
            kind,
            material,
        })
    }

    /// Reads `<type> <base64>` as it is in signers files and `.pub` files, without what follows.
    #[must_use]
    pub fn from_text(key_type: &str, base64: &str) -> Option<Self> {
        Self::from_blob(&STANDARD.decode(base64).ok()?).filter(|key| key.name == key_type)
    }

    /// Whether this is a whole key, as far as can be told, of a kind that is not known here: its encoding begins with its name.
    pub(super) fn is_of_unknown_kind(key_type: &str, base64: &str) -> bool {
        let names_itself = |blob: Vec<u8>| {
            let mut reader = Reader(&blob);
            reader.text() == Some(key_type) && !reader.0.is_empty()
        };
        !is_key_type(key_type) && STANDARD.decode(base64).is_ok_and(names_itself)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &KeyType {
        &self.kind
    }

    /// The name of its kind, such as `ssh-ed25519`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.name
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(&self.blob))
        )
    }

    /// `<type> <base64>`.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{} {}", self.name, STANDARD.encode(&self.blob))
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.fingerprint())
    }
}

/// Whether a type of key is one that OpenSSH knows; anything else at that place of a signers file is an option.
pub(super) fn is_key_type(name: &str) -> bool {
    let plain = [
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
        "ssh-dss",
    ];
    plain.contains(&name) || is_certificate(name)
}

fn is_certificate(name: &str) -> bool {
    name.strip_suffix("-cert-v01@openssh.com")
        .is_some_and(|base| {
            [
                "ssh-ed25519",
                "ssh-rsa",
                "ssh-dss",
                "sk-ssh-ed25519",
                "sk-ecdsa-sha2-nistp256",
            ]
            .contains(&base)
                || base
                    .strip_prefix("ecdsa-sha2-nistp")
                    .is_some_and(|bits| ["256", "384", "521"].contains(&bits))
        })
}

fn ed25519(reader: &mut Reader<'_>, in_security_key: bool) -> Option<SshKeyMaterial> {
    let point = reader.string().filter(|point| point.len() == 32)?.to_vec();
    let application = if in_security_key {
        reader.string()?.to_vec()
    } else {
        Vec::new()
    };
    Some(SshKeyMaterial::Point { point, application })
}

fn ecdsa(reader: &mut Reader<'_>, curve: Curve, in_security_key: bool) -> Option<SshKeyMaterial> {
    if reader.text()? != curve.name() {
        return None;
    }
    // Uncompressed: 4 and both coordinates.
    let point = reader
        .string()
        .filter(|point| point.len() == 1 + 2 * curve.bytes() && point.first() == Some(&4))?
        .to_vec();
    let application = if in_security_key {
        reader.string()?.to_vec()
    } else {
        Vec::new()
    };
    Some(SshKeyMaterial::Point { point, application })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIFA0EIgP1ncQMtpS1XoUszI+UJ+hg4KVKG+fscvUEsuz";

    #[test]
    fn keys_have_one_encoding() {
        let key = SshKey::from_text("ssh-ed25519", GOOD).expect("a key");
        assert_eq!(key.to_text(), format!("ssh-ed25519 {GOOD}"));
        assert_eq!(SshKey::from_text("ssh-rsa", GOOD), None);
        let blob = STANDARD.decode(GOOD).expect("base64");
        assert_eq!(SshKey::from_blob(&[&blob[..], &[0]].concat()), None);
        assert!((0..blob.len()).all(|end| SshKey::from_blob(&blob[..end]).is_none()));
    }

    #[test]
    fn numbers_are_positive_and_canonical() {
        let read = |bytes: &[u8]| {
            let mut encoded = Vec::new();
            put_string(&mut encoded, bytes);
            Reader(&encoded).positive().map(<[u8]>::to_vec)
        };
        assert_eq!(read(&[1, 0]), Some(vec![1, 0]));
        assert_eq!(read(&[0, 0x80]), Some(vec![0x80]));
        for bad in [&[][..], &[0], &[0, 1], &[0x80], &[0, 0, 0x80]] {
            assert_eq!(read(bad), None);
        }
    }
}
