//! What a registry says of a package: only the versions that are asked for are kept, so that a packument of many megabytes costs little.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::http::FetchError;
use crate::provenance::npm::RegistrySignature;
use crate::text;

/// What a registry says of one version. None of it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) integrity: Option<String>,
    pub(super) tarball: Option<String>,
    pub(super) signatures: Vec<RegistrySignature>,
    pub(super) attestations: Option<String>,
    /// Whether it shows signatures or attestations at all, be it an empty list.
    pub(super) shows_signatures: bool,
    pub(super) published: Option<Timestamp>,
}

/// The wanted `versions` of the packument in `bytes`, which must be that of `name`.
pub(super) fn read(
    bytes: &[u8],
    name: &str,
    versions: &[&str],
) -> Result<BTreeMap<String, Version>, FetchError> {
    let malformed = |why: String| FetchError::Malformed(why);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let raw = Packument { versions }
        .deserialize(&mut reader)
        .map_err(|e| malformed(text::excerpt(&e.to_string(), 200)))?;
    reader
        .end()
        .map_err(|_| malformed("something follows the document".to_owned()))?;
    if raw.name.as_deref() != Some(name) {
        let found = text::excerpt(raw.name.as_deref().unwrap_or("(none)"), 100);
        return Err(malformed(format!(
            "it is about {found}, not about {}",
            text::excerpt(name, 100)
        )));
    }
    let mut found = BTreeMap::new();
    for (version, value) in raw.versions {
        let said = |field: &str| value.get(field).and_then(Value::as_str);
        if said("name") != Some(name) || said("version") != Some(version.as_str()) {
            return Err(malformed(format!(
                "its version {} calls itself something else",
                text::excerpt(&version, 60)
            )));
        }
        let published = raw.time.get(&version).and_then(|time| time.parse().ok());
        found.insert(
            version,
            Version {
                published,
                ..of(&value)?
            },
        );
    }
    Ok(found)
}

fn of(value: &Value) -> Result<Version, FetchError> {
    let dist = value.get("dist");
    let text_of = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let field = |name: &str| text_of(dist.and_then(|d| d.get(name)));
    let signatures = match dist.and_then(|d| d.get("signatures")) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list
            .iter()
            .map(
                |entry| match (text_of(entry.get("keyid")), text_of(entry.get("sig"))) {
                    (Some(keyid), Some(sig)) => Ok(RegistrySignature { keyid, sig }),
                    _ => Err(FetchError::Malformed(
                        "a signature without key or value".to_owned(),
                    )),
                },
            )
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(FetchError::Malformed("`signatures` is no list".to_owned())),
    };
    Ok(Version {
        integrity: field("integrity"),
        tarball: field("tarball"),
        signatures,
        attestations: text_of(
            dist.and_then(|d| d.get("attestations"))
                .and_then(|a| a.get("url")),
        ),
        shows_signatures: ["signatures", "attestations"]
            .iter()
            .any(|name| dist.is_some_and(|dist| dist.get(name).is_some())),
        published: None,
    })
}

#[derive(Default)]
struct Raw {
    name: Option<String>,
    time: BTreeMap<String, String>,
    versions: BTreeMap<String, Value>,
}

struct Packument<'a> {
    versions: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Packument<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packument<'_> {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a packument")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        let mut seen = [false; 3];
        while let Some(key) = map.next_key::<String>()? {
            let at = match key.as_str() {
                "name" => 0,
                "time" => 1,
                "versions" => 2,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if let Some(seen) = seen.get_mut(at) {
                if *seen {
                    return Err(A::Error::custom(format_args!("`{key}` appears twice")));
                }
                *seen = true;
            }
            match at {
                0 => raw.name = Some(map.next_value()?),
                1 => {
                    let times: BTreeMap<String, Value> = map.next_value_seed(Wanted {
                        keys: self.versions,
                    })?;
                    raw.time = times
                        .into_iter()
                        .filter_map(|(k, v)| Some((k, v.as_str()?.to_owned())))
                        .collect();
                }
                _ => {
                    raw.versions = map.next_value_seed(Wanted {
                        keys: self.versions,
                    })?
                }
            }
        }
        Ok(raw)
    }
}

/// Only these entries of an object.
struct Wanted<'a> {
    keys: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = BTreeMap<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.keys.contains(&key.as_str()) {
                let value = map.next_value()?;
                if found.insert(key, value).is_some() {
                    return Err(A::Error::custom("a version appears twice"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_and_only_of_that_package() {
        let good = r#"{"name":"a","dist-tags":{"latest":"2.0.0"},"versions":{"1.0.0":{"name":"a","version":"1.0.0","dist":{"integrity":"sha512-x",
            "tarball":"https://registry.example/a.tgz","signatures":[{"keyid":"k","sig":"s"}],"attestations":{"url":"https://registry.example/y"}}},
            "2.0.0":{"dist":7}},"time":{"1.0.0":"2026-01-02T03:04:05.000Z","modified":"x"}}"#;
        let found = read(good.as_bytes(), "a", &["1.0.0", "9.9.9"]).expect("packument");
        assert_eq!(found.len(), 1);
        let version = found.get("1.0.0").expect("version");
        assert_eq!(
            version.published.map(|t| t.as_second()),
            Some(1_767_323_045)
        );
        assert_eq!(version.signatures.len(), 1);
        for (from, to) in [
            (r#""name":"a","dist"#, r#""name":"b","dist"#),
            (r#""name":"a","version""#, r#""name":"b","version""#),
            (r#""version":"1.0.0""#, r#""version":"1.0.1""#),
            (r#""keyid":"k","#, ""),
            (r#"{"name":"a","dist"#, r#"{"name":"a","name":"a","dist"#),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(read(bad.as_bytes(), "a", &["1.0.0"]).is_err(), "{bad}");
        }
        assert!(read(format!("{good}x").as_bytes(), "a", &["1.0.0"]).is_err());
        assert!(read(b"<html>", "a", &["1.0.0"]).is_err());
    }
}
