//! The public keys with which npm signs what it publishes.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::digest::Sha256Digest;
use crate::error::OperatorError;
use crate::fact::Fault;
use crate::provenance::KeyError;
use crate::provenance::fault::RefusedBundle;
use crate::provenance::shape::{self, NotJson};
use crate::provenance::sigstore::PublicKey;
use crate::provenance::trust::TrustRootOrigin;
use crate::text;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyUsage {
    /// Signatures in a package's metadata (`npm:signatures`).
    Signatures,
    /// Publish attestations (`npm:attestations`).
    Attestations,
}

/// Why a text is no set of npm's keys. Safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadKeys {
    #[error("it {0}")]
    NotJson(#[from] NotJson),
    #[error("it has no list `keys`")]
    NoList,
    #[error("it has {0} keys")]
    Count(usize),
    #[error("key {} is there twice for the same use", text::excerpt(.0, 80))]
    Twice(String),
    #[error("`{}` is no time", text::excerpt(.0, 40))]
    NotTime(String),
    #[error("a time is no text")]
    TimeNotText,
    #[error("unknown `keyUsage` {}", text::excerpt(.0, 40))]
    Usage(String),
    #[error("a key is not of the kind PKIX_ECDSA_P256_SHA_256")]
    Kind,
    #[error("a key is not of the scheme ecdsa-sha2-nistp256")]
    Scheme,
    #[error("a key has no id")]
    NoId,
    #[error("a key has no bytes")]
    NoBytes,
    #[error("a key is no base64")]
    NotBase64,
    #[error("key {} cannot be used: it {why}", text::excerpt(id, 80))]
    Unusable { id: String, why: KeyError },
    #[error("a part of a key is no object")]
    NotObject,
    #[error("a key has `{}`, which is not known", text::excerpt(.0, 40))]
    UnknownField(String),
}

/// Why no key counts for a signature. Safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKey {
    #[error("key {} is not among the {keys}", text::excerpt(id, 80))]
    Unknown { id: String, keys: String },
    #[error("key {} is not meant for this use", text::excerpt(.0, 80))]
    OtherUse(String),
    #[error("key {id} is valid from {start}, the signature is of {time}")]
    NotYetValid {
        id: String,
        start: Timestamp,
        time: Timestamp,
    },
    #[error("key {id} was valid until {end}, the signature is of {time}")]
    Expired {
        id: String,
        end: Timestamp,
        time: Timestamp,
    },
    #[error("the time of publication is unknown, and the key's life has an end")]
    UnknownTime,
}

impl From<NoKey> for RefusedBundle {
    fn from(why: NoKey) -> Self {
        Self::wrong(Fault::Key, why.to_string())
    }
}

/// A set of npm's keys. Never taken from the registry that is being judged.
#[derive(Clone, Debug)]
pub struct NpmKeys {
    keys: Vec<Key>,
    origin: TrustRootOrigin,
    digest: Sha256Digest,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    id: String,
    /// None: the file of the operator does not restrict it.
    usage: Option<KeyUsage>,
    pub(super) der: Vec<u8>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// npm's keys as its TUF target has them (4 keys), byte for byte from `@sigstore/tuf` 5.0.1 of 2026-11-05 (Apache-2.0).
const EMBEDDED: &str = include_str!("keys.json");
const EMBEDDED_PUBLISHED: &str = "2026-11-05";
const MAX_KEYS: usize = 100;

impl NpmKeys {
    /// Most bytes of a key file.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// The keys that this program carries.
    pub fn embedded() -> crate::error::Result<Self> {
        let keys = parse(EMBEDDED).map_err(|why| {
            crate::Error::environment(
                format!("the embedded npm keys cannot be used: {why}"),
                "this is a defect of this program",
            )
        })?;
        Ok(Self {
            keys,
            origin: TrustRootOrigin::Embedded,
            digest: Sha256Digest::of(EMBEDDED.as_bytes()),
        })
    }

    /// The keys in `text`, read from the operator's file `path`: npm's TUF target (`keyId`, `keyUsage`, `publicKey`), or what a
    /// registry serves below `/-/npm/v1/keys` (`keyid`, `key`, `expires`), fetched by the operator at a time of their choosing.
    pub fn from_file(path: &Path, text: &str) -> crate::error::Result<Self> {
        let keys = parse(text).map_err(|why| {
            OperatorError::whole(path, format!("this file cannot be used as npm keys: {why}"))
        })?;
        Ok(Self {
            keys,
            origin: TrustRootOrigin::File(path.display().to_string()),
            digest: Sha256Digest::of(text.as_bytes()),
        })
    }

    /// The keys in `text` that a TUF client verified, current until `until`.
    #[cfg(feature = "online")]
    pub(crate) fn from_tuf(text: &str, until: Timestamp) -> Result<Self, BadKeys> {
        Ok(Self {
            keys: parse(text)?,
            origin: TrustRootOrigin::Tuf { until },
            digest: Sha256Digest::of(text.as_bytes()),
        })
    }

    /// Where they came from.
    #[must_use]
    pub fn origin(&self) -> &TrustRootOrigin {
        &self.origin
    }

    /// One line for reports: origin, date and digest.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.origin {
            TrustRootOrigin::File(name) => format!("npm keys from {name}, {}", self.digest),
            TrustRootOrigin::Tuf { until } => {
                format!("npm keys by TUF, current until {until}, {}", self.digest)
            }
            TrustRootOrigin::Embedded => format!(
                "npm keys, compiled in, published {EMBEDDED_PUBLISHED}, {}",
                self.digest
            ),
        }
    }

    /// The key of this id and use, or why there is none.
    pub(super) fn find(&self, id: &str, usage: KeyUsage) -> Result<&Key, NoKey> {
        let named: Vec<_> = self.keys.iter().filter(|key| key.id == id).collect();
        match named
            .iter()
            .find(|key| key.usage.is_none_or(|u| u == usage))
        {
            Some(key) => Ok(key),
            None if named.is_empty() => Err(NoKey::Unknown {
                id: id.to_owned(),
                keys: self.describe(),
            }),
            None => Err(NoKey::OtherUse(id.to_owned())),
        }
    }
}

impl Key {
    /// Whether the key was in use at `time`; the end itself is outside, as in npm.
    pub(super) fn check_lifetime(&self, time: Timestamp) -> Result<(), NoKey> {
        if let Some(start) = self.start.filter(|start| time < *start) {
            return Err(NoKey::NotYetValid {
                id: self.id.clone(),
                start,
                time,
            });
        }
        if let Some(end) = self.end.filter(|end| time >= *end) {
            return Err(NoKey::Expired {
                id: self.id.clone(),
                end,
                time,
            });
        }
        Ok(())
    }

    /// Whether there is no end, so that an unknown time matters less.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }
}

fn parse(text: &str) -> Result<Vec<Key>, BadKeys> {
    let json = shape::parse(text.as_bytes())?;
    let list = json
        .get("keys")
        .and_then(Value::as_array)
        .ok_or(BadKeys::NoList)?;
    only(&json, &["keys"])?;
    if list.is_empty() || list.len() > MAX_KEYS {
        return Err(BadKeys::Count(list.len()));
    }
    let keys: Vec<Key> = list.iter().map(key).collect::<Result<_, _>>()?;
    let twice = |a: &Key, b: &Key| {
        a.id == b.id && (a.usage == b.usage || a.usage.is_none() || b.usage.is_none())
    };
    for (at, a) in keys.iter().enumerate() {
        if keys.iter().skip(at + 1).any(|b| twice(a, b)) {
            return Err(BadKeys::Twice(a.id.clone()));
        }
    }
    Ok(keys)
}

/// A key as either of the two forms has it, before its bytes are read.
struct Written {
    id: Option<String>,
    bytes: Option<String>,
    usage: Option<KeyUsage>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

fn key(value: &Value) -> Result<Key, BadKeys> {
    let written = match value.get("publicKey") {
        Some(public) => of_tuf(value, public)?,
        None => of_registry(value)?,
    };
    let id = written.id.filter(|id| !id.is_empty());
    let id = id.ok_or(BadKeys::NoId)?;
    let der = STANDARD
        .decode(written.bytes.ok_or(BadKeys::NoBytes)?)
        .map_err(|_| BadKeys::NotBase64)?;
    if let Err(why) = PublicKey::from_der(&der) {
        return Err(BadKeys::Unusable { id, why });
    }
    Ok(Key {
        id,
        usage: written.usage,
        der,
        start: written.start,
        end: written.end,
    })
}

/// A key as npm's TUF target has it.
fn of_tuf(value: &Value, public: &Value) -> Result<Written, BadKeys> {
    let usage = match field(value, "keyUsage").as_deref() {
        Some("npm:signatures") => KeyUsage::Signatures,
        Some("npm:attestations") => KeyUsage::Attestations,
        other => return Err(BadKeys::Usage(other.unwrap_or("(none)").to_owned())),
    };
    if field(public, "keyDetails").as_deref() != Some("PKIX_ECDSA_P256_SHA_256") {
        return Err(BadKeys::Kind);
    }
    only(value, &["keyId", "keyUsage", "publicKey"])?;
    only(public, &["rawBytes", "keyDetails", "validFor"])?;
    let valid = public.get("validFor");
    // A period that is not understood is not a key without an end.
    if let Some(valid) = valid {
        only(valid, &["start", "end"])?;
    }
    let bound = |name: &str| time(valid.and_then(|v| v.get(name)));
    Ok(Written {
        id: field(value, "keyId"),
        bytes: field(public, "rawBytes"),
        usage: Some(usage),
        start: bound("start")?,
        end: bound("end")?,
    })
}

/// A key as a registry serves it.
fn of_registry(value: &Value) -> Result<Written, BadKeys> {
    if field(value, "scheme").as_deref() != Some("ecdsa-sha2-nistp256") {
        return Err(BadKeys::Scheme);
    }
    only(value, &["keyid", "keytype", "scheme", "key", "expires"])?;
    Ok(Written {
        id: field(value, "keyid"),
        bytes: field(value, "key"),
        usage: None,
        start: None,
        end: time(value.get("expires"))?,
    })
}

fn field(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn time(value: Option<&Value>) -> Result<Option<Timestamp>, BadKeys> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|_| BadKeys::NotTime(text.clone())),
        Some(_) => Err(BadKeys::TimeNotText),
    }
}

/// An object with these keys and no other: in a file that says whom to trust, nothing is passed over.
fn only(value: &Value, known: &[&str]) -> Result<(), BadKeys> {
    let entries = value.as_object().ok_or(BadKeys::NotObject)?;
    match entries.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(BadKeys::UnknownField(key.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA";

    #[test]
    fn the_embedded_copy_is_the_published_one() {
        let keys = NpmKeys::embedded().expect("embedded keys");
        assert_eq!(keys.keys.len(), 4);
        assert_eq!(
            keys.digest.hex(),
            "160677eb6e1c7083c89b166b20f8fe4e837fb71181506aff1991b80b89184f7d"
        );
        let key = keys.find(OLD, KeyUsage::Attestations).expect("key");
        assert!(
            key.check_lifetime("2024-01-01T00:00:00Z".parse().expect("time"))
                .is_ok()
        );
        assert!(
            key.check_lifetime("2022-01-01T00:00:00Z".parse().expect("time"))
                .is_err()
        );
        assert!(
            key.check_lifetime("2025-01-29T00:00:00Z".parse().expect("time"))
                .is_err()
        );
        assert!(keys.find("SHA256:none", KeyUsage::Attestations).is_err());
    }

    #[test]
    fn a_registry_s_own_form_and_bad_files() {
        let spki = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==";
        let good = format!(
            r#"{{"keys":[{{"keyid":"a","keytype":"ecdsa-sha2-nistp256","scheme":"ecdsa-sha2-nistp256","key":"{spki}","expires":"2025-01-29T00:00:00.000Z"}}]}}"#
        );
        let keys = NpmKeys::from_file(Path::new("keys.json"), &good).expect("keys");
        assert!(
            keys.find("a", KeyUsage::Signatures).is_ok()
                && keys.find("a", KeyUsage::Attestations).is_ok()
        );
        for (from, to) in [
            ("2025-01-29", "someday"),
            (spki, "AAAA"),
            ("ecdsa-sha2-nistp256\",\"key", "rsa\",\"key"),
            ("\"a\"", "\"\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(
                NpmKeys::from_file(Path::new("keys.json"), &bad).is_err(),
                "{bad}"
            );
        }
        assert!(NpmKeys::from_file(Path::new("keys.json"), r#"{"keys":[]}"#).is_err());
        let beside = good.replacen('{', r#"{"validFor":{},"#, 1);
        assert!(NpmKeys::from_file(Path::new("keys.json"), &beside).is_err());
        for (from, to) in [
            (
                r#""end": "2025-01-29T00:00:00.000Z""#,
                r#""End": "2025-01-29T00:00:00.000Z""#,
            ),
            (r#""start": "1999"#, r#""since": "1999"#),
            (r#""validFor""#, r#""validfor""#),
            (r#""validFor": {"#, r#""validFor": "always", "x": {"#),
            (r#""end": "2025-01-29T00:00:00.000Z""#, r#""end": 2025"#),
        ] {
            let bad = EMBEDDED.replacen(from, to, 1);
            assert_ne!(bad, EMBEDDED, "{from}");
            assert!(
                NpmKeys::from_file(Path::new("keys.json"), &bad).is_err(),
                "{to}"
            );
        }
    }
}
