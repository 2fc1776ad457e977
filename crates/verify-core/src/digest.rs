//! Digests as typed values. A malformed, weak or truncated digest is an error at the point where it is read,
//! never a value that compares unequal later.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text does not have the form of this kind of digest.
    #[error("malformed digest: expected {expected}")]
    Malformed {
        /// The form that was expected, for the message.
        expected: &'static str,
    },
    /// The digest has the right form, but its algorithm no longer resists an attacker.
    #[error("weak digest algorithm {algorithm}")]
    Weak {
        /// The algorithm that was named.
        algorithm: String,
    },
    /// The value does not have the length of its algorithm.
    #[error("wrong digest length: {algorithm} has {expected} bytes, this has {found}")]
    WrongLength {
        /// The algorithm that was named.
        algorithm: &'static str,
        /// Bytes that the algorithm produces.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
}

/// The id that git gives a folder in a repository of object format SHA-256: `git-sha256:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest(pub [u8; 32]);

/// A plain SHA-256 of bytes: `sha256:<64 hex>`. Used for the `definition` of an MCP server and for files of the operator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

/// A strong Subresource Integrity value: `sha512-<base64 of 64 bytes>`.
///
/// npm writes other algorithms too; those are [`DigestError::Weak`]. Several hashes separated by white space are malformed here:
/// which one counts depends on the reader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sri(pub [u8; 64]);

/// The id of a git object in a SHA-1 (40 hex digits) or SHA-256 (64 hex digits) repository, lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitOid(String);

macro_rules! prefixed_hex {
    ($name:ident, $prefix:literal, $expected:literal, $pattern:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&to_hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let malformed = DigestError::Malformed {
                    expected: $expected,
                };
                let hex = text
                    .strip_prefix($prefix)
                    .ok_or_else(|| malformed.clone())?;
                let bytes = from_hex(hex).ok_or(malformed)?;
                let found = bytes.len();
                let bytes = bytes.try_into().map_err(|_| DigestError::WrongLength {
                    algorithm: "sha256",
                    expected: 32,
                    found,
                })?;
                Ok(Self(bytes))
            }
        }

        text_serde!($name, $pattern);
    };
}

macro_rules! text_serde {
    ($name:ident, $pattern:literal) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

prefixed_hex!(
    TreeDigest,
    "git-sha256:",
    "git-sha256:<64 lower-case hex digits>",
    "^git-sha256:[0-9a-f]{64}$"
);
prefixed_hex!(
    Sha256Digest,
    "sha256:",
    "sha256:<64 lower-case hex digits>",
    "^sha256:[0-9a-f]{64}$"
);
text_serde!(Sri, "^sha512-[A-Za-z0-9+/]{86}==$");
text_serde!(GitOid, "^([0-9a-f]{40}|[0-9a-f]{64})$");

impl TreeDigest {
    /// The 64 hex digits alone, as git prints the id.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl Sha256Digest {
    /// The digest of everything that `reader` gives. The caller bounds it.
    ///
    /// # Errors
    /// The first error of the reader.
    pub fn of_reader(reader: impl std::io::Read) -> std::io::Result<Self> {
        Ok(Self(hash::<sha2::Sha256>(reader)?.into()))
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 64 hex digits alone.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

fn hash<D: sha2::Digest>(
    mut reader: impl std::io::Read,
) -> std::io::Result<sha2::digest::Output<D>> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

impl Sri {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha512::digest(bytes).into())
    }

    /// The digest of everything that `reader` gives. The caller bounds it.
    ///
    /// # Errors
    /// The first error of the reader.
    pub fn of_reader(reader: impl std::io::Read) -> std::io::Result<Self> {
        Ok(Self(hash::<sha2::Sha512>(reader)?.into()))
    }

    /// The 128 hex digits of the value, as in-toto subjects and CycloneDX write it.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl fmt::Display for Sri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha512-{}", STANDARD.encode(self.0))
    }
}

impl FromStr for Sri {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let malformed = DigestError::Malformed {
            expected: "sha512-<base64 of 64 bytes>",
        };
        let (algorithm, value) = text.split_once('-').ok_or_else(|| malformed.clone())?;
        match algorithm {
            "sha512" => {}
            "sha1" | "sha256" | "sha384" | "md5" => {
                return Err(DigestError::Weak {
                    algorithm: algorithm.to_owned(),
                });
            }
            _ => return Err(malformed),
        }
        let bytes = STANDARD.decode(value).map_err(|_| malformed)?;
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| DigestError::WrongLength {
            algorithm: "sha512",
            expected: 64,
            found,
        })?;
        Ok(Self(bytes))
    }
}

impl GitOid {
    /// The id with this SHA-1.
    #[must_use]
    pub fn sha1(bytes: &[u8; 20]) -> Self {
        Self(to_hex(bytes))
    }

    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GitOid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GitOid {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (text.len() == 40 || text.len() == 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(DigestError::Malformed {
                expected: "40 or 64 lower-case hex digits",
            })
        }
    }
}

/// Lower-case hex.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Bytes of a lower-case hex text; upper case is refused, so that one digest has one spelling.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes
        .chunks_exact(2)
        .map(|pair| Some((nibble(pair[0])? << 4) | nibble(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_digest_has_one_spelling() {
        let text = format!("git-sha256:{}", "ab".repeat(32));
        assert_eq!(
            text.parse::<TreeDigest>().map(|d| d.to_string()),
            Ok(text.clone())
        );
        assert!(text.to_uppercase().parse::<TreeDigest>().is_err());
        assert!(text.replace("git-", "").parse::<TreeDigest>().is_err());
        assert!(matches!(
            "git-sha256:abcd".parse::<TreeDigest>(),
            Err(DigestError::WrongLength { found: 2, .. })
        ));
    }

    #[test]
    fn sri_refuses_weak_and_short() {
        assert!(matches!(
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".parse::<Sri>(),
            Err(DigestError::Weak { .. })
        ));
        assert!(matches!(
            "sha512-AAAA".parse::<Sri>(),
            Err(DigestError::WrongLength { found: 3, .. })
        ));
        assert!(matches!(
            "sha512".parse::<Sri>(),
            Err(DigestError::Malformed { .. })
        ));
        let good = Sri::of(b"x").to_string();
        assert_eq!(good.parse::<Sri>().map(|d| d.to_string()), Ok(good));
    }

    #[test]
    fn git_oid_is_full_and_lower_case() {
        assert!("a".repeat(40).parse::<GitOid>().is_ok());
        assert!("a".repeat(64).parse::<GitOid>().is_ok());
        assert!("A".repeat(40).parse::<GitOid>().is_err());
        assert!("a".repeat(7).parse::<GitOid>().is_err());
    }
}
