//! The form of files that say whom to trust, before a library reads them: one that passes over a key which it does not know, or a
//! period in a form that it does not expect, would trust for longer, or trust more, than was written.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::text;

/// What keeps JSON from being a root. Completes a sentence that starts with "it"; safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misshapen {
    #[error("is no JSON object")]
    NotObject,
    #[error("has a part `{0}` that is no object")]
    PartNotObject(String),
    #[error("has a key `{}` in `{part}` that is not known", text::excerpt(key, 40))]
    UnknownKey { key: String, part: String },
    #[error("has a `{key}` in `{part}` that is no text")]
    NotText { key: String, part: String },
    #[error("has a `{0}` that is no list")]
    NotList(String),
    #[error("has a `{0}` that is no time")]
    NotTime(String),
    #[error("has a `validFor` that ends before it starts")]
    EndsBeforeStart,
    #[error("is no root of a TUF repository")]
    OtherType,
    #[error("has a `consistent_snapshot` that is neither true nor false")]
    ConsistentSnapshot,
    #[error("has no `expires`")]
    NoExpiry,
    #[error("has a role `{0}` whose `threshold` its keys cannot meet")]
    Threshold(&'static str),
}

type Checked = Result<(), Misshapen>;

/// A Sigstore `trusted_root.json` with the keys of `sigstore_trustroot.proto` and no others, each of its type.
pub(super) fn trusted_root(root: &Value) -> Checked {
    let root = root.as_object().ok_or(Misshapen::NotObject)?;
    only(
        root,
        "the file",
        &[
            "mediaType",
            "tlogs",
            "certificateAuthorities",
            "ctlogs",
            "timestampAuthorities",
        ],
    )?;
    texts(root, "the file", &["mediaType"])?;
    for log in ["tlogs", "ctlogs"] {
        each(root, log, |entry| {
            only(
                entry,
                log,
                &[
                    "baseUrl",
                    "hashAlgorithm",
                    "publicKey",
                    "logId",
                    "checkpointKeyId",
                    "operator",
                ],
            )?;
            texts(entry, log, &["baseUrl", "hashAlgorithm", "operator"])?;
            for id in ["logId", "checkpointKeyId"] {
                part(entry, id, |id_of| {
                    only(id_of, id, &["keyId"])?;
                    texts(id_of, id, &["keyId"])
                })?;
            }
            part(entry, "publicKey", |key| {
                only(key, "publicKey", &["rawBytes", "keyDetails", "validFor"])?;
                texts(key, "publicKey", &["rawBytes", "keyDetails"])?;
                period(key)
            })
        })?;
    }
    for authority in ["certificateAuthorities", "timestampAuthorities"] {
        each(root, authority, |entry| {
            only(
                entry,
                authority,
                &["subject", "uri", "certChain", "validFor", "operator"],
            )?;
            texts(entry, authority, &["uri", "operator"])?;
            part(entry, "subject", |subject| {
                only(subject, "subject", &["organization", "commonName"])?;
                texts(subject, "subject", &["organization", "commonName"])
            })?;
            part(entry, "certChain", |chain| {
                only(chain, "certChain", &["certificates"])?;
                each(chain, "certificates", |certificate| {
                    only(certificate, "certificates", &["rawBytes"])?;
                    texts(certificate, "certificates", &["rawBytes"])
                })
            })?;
            period(entry)
        })?;
    }
    Ok(())
}

/// The first `root.json` of a TUF repository. Keys that the specification does not name begin with `x-`, as those of tuf-on-ci do.
pub(super) fn tuf_root(file: &Value) -> Checked {
    const ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];
    let file = file.as_object().ok_or(Misshapen::NotObject)?;
    only(file, "the file", &["signed", "signatures"])?;
    each(file, "signatures", |signature| {
        only(signature, "signatures", &["keyid", "sig"])?;
        texts(signature, "signatures", &["keyid", "sig"])
    })?;
    let signed = object(file.get("signed").unwrap_or(&Value::Null), "signed")?;
    only(
        signed,
        "signed",
        &[
            "_type",
            "spec_version",
            "consistent_snapshot",
            "version",
            "expires",
            "keys",
            "roles",
        ],
    )?;
    if signed.get("_type").and_then(Value::as_str) != Some("root") {
        return Err(Misshapen::OtherType);
    }
    if !signed
        .get("consistent_snapshot")
        .is_none_or(Value::is_boolean)
    {
        return Err(Misshapen::ConsistentSnapshot);
    }
    time(signed, "expires")?.ok_or(Misshapen::NoExpiry)?;
    let keys = object(signed.get("keys").unwrap_or(&Value::Null), "keys")?;
    for key in keys.values() {
        let key = object(key, "keys")?;
        only(
            key,
            "keys",
            &["keytype", "scheme", "keyval", "keyid_hash_algorithms"],
        )?;
        texts(key, "keys", &["keytype", "scheme"])?;
        part(key, "keyval", |value| {
            only(value, "keyval", &["public"])?;
            texts(value, "keyval", &["public"])
        })?;
    }
    let roles = object(signed.get("roles").unwrap_or(&Value::Null), "roles")?;
    only(roles, "roles", &ROLES)?;
    for role in ROLES {
        let entry = object(roles.get(role).unwrap_or(&Value::Null), role)?;
        only(entry, role, &["keyids", "threshold"])?;
        let ids: Vec<&str> = entry
            .get("keyids")
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut different = ids.clone();
        different.sort_unstable();
        different.dedup();
        let known = ids.iter().all(|id| keys.contains_key(*id));
        let threshold = entry.get("threshold").and_then(Value::as_u64).unwrap_or(0);
        if !known || threshold == 0 || threshold > different.len() as u64 {
            return Err(Misshapen::Threshold(role));
        }
    }
    Ok(())
}

/// `validFor`: a period that is not understood is not one without an end.
fn period(entry: &Map<String, Value>) -> Checked {
    part(entry, "validFor", |valid| {
        only(valid, "validFor", &["start", "end"])?;
        let (start, end) = (time(valid, "start")?, time(valid, "end")?);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Err(Misshapen::EndsBeforeStart);
        }
        Ok(())
    })
}

fn time(entry: &Map<String, Value>, key: &str) -> Result<Option<Timestamp>, Misshapen> {
    let wrong = || Misshapen::NotTime(key.to_owned());
    entry
        .get(key)
        .map(|value| value.as_str().and_then(|text| text.parse().ok()))
        .map_or(Ok(None), |time| time.map(Some).ok_or_else(wrong))
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Misshapen> {
    value
        .as_object()
        .ok_or_else(|| Misshapen::PartNotObject(what.to_owned()))
}

fn only(entry: &Map<String, Value>, what: &str, known: &[&str]) -> Checked {
    let other = |key: &&String| !known.contains(&key.as_str()) && !key.starts_with("x-");
    match entry.keys().find(other) {
        Some(key) => Err(Misshapen::UnknownKey {
            key: key.clone(),
            part: what.to_owned(),
        }),
        None => Ok(()),
    }
}

/// These keys, where they are there, hold text.
fn texts(entry: &Map<String, Value>, what: &str, keys: &[&str]) -> Checked {
    let other = |key: &&&str| !entry.get(**key).is_none_or(Value::is_string);
    match keys.iter().find(other) {
        Some(key) => Err(Misshapen::NotText {
            key: (*key).to_owned(),
            part: what.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The object at `key`, where it is there.
fn part(
    entry: &Map<String, Value>,
    key: &str,
    check: impl FnOnce(&Map<String, Value>) -> Checked,
) -> Checked {
    entry
        .get(key)
        .map_or(Ok(()), |value| check(object(value, key)?))
}

/// Each object of the list at `key`, where it is there.
fn each(
    entry: &Map<String, Value>,
    key: &str,
    check: impl Fn(&Map<String, Value>) -> Checked,
) -> Checked {
    let Some(list) = entry.get(key) else {
        return Ok(());
    };
    list.as_array()
        .ok_or_else(|| Misshapen::NotList(key.to_owned()))?
        .iter()
        .try_for_each(|value| check(object(value, key)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sigstore_verify::trust_root::{
        SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT,
    };

    use super::*;

    /// Every place of a value, as JSON pointers.
    fn places(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                places(value, at, found);
            }),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .for_each(|(number, value)| places(value, format!("{at}/{number}"), found)),
            _ => {}
        }
        found.push(at);
    }

    /// Another type anywhere, and another key in any object, are refused.
    fn nothing_is_passed_over(root: &Value, check: fn(&Value) -> Checked, free: &[&str]) {
        check(root).expect("the root itself");
        let mut found = Vec::new();
        places(root, String::new(), &mut found);
        assert!(found.len() > 30, "{}", found.len());
        for at in found {
            if free.iter().any(|part| at.contains(part)) {
                continue;
            }
            for other in [
                json!(null),
                json!(7.5),
                json!([[]]),
                json!("\u{1b}"),
                json!({}),
            ] {
                let mut changed = root.clone();
                let place = changed.pointer_mut(&at).expect("place");
                let same_type = std::mem::discriminant(place) == std::mem::discriminant(&other);
                *place = other.clone();
                if !same_type {
                    check(&changed).expect_err(&format!("{other} at {at}"));
                }
            }
            let mut changed = root.clone();
            if let Some(Value::Object(map)) = changed.pointer_mut(&at) {
                map.insert("strat".to_owned(), json!("2020-01-01T00:00:00Z"));
                if !at.ends_with("/keys") {
                    check(&changed).expect_err(&format!("a new key at {at}"));
                }
            }
        }
    }

    #[test]
    fn trust_roots_with_anything_unknown_are_refused() {
        for json in [
            SIGSTORE_PRODUCTION_TRUSTED_ROOT,
            SIGSTORE_GITHUB_TRUSTED_ROOT,
        ] {
            let root = serde_json::from_str(json).expect("JSON");
            nothing_is_passed_over(&root, trusted_root, &[]);
        }
    }

    #[test]
    fn periods_are_times_and_in_order() {
        let root = |valid: Value| json!({"certificateAuthorities": [{"validFor": valid}]});
        trusted_root(&root(json!({"start": "2020-01-01T00:00:00Z"}))).expect("no end");
        for valid in [
            json!({"end": ""}),
            json!({"end": "never"}),
            json!({"start": "2020-01-01T00:00:00Z", "end": "2019-01-01T00:00:00Z"}),
        ] {
            trusted_root(&root(valid.clone())).expect_err(&valid.to_string());
        }
    }

    #[test]
    fn roots_of_tuf_with_anything_unknown_are_refused() {
        let role = json!({"keyids": ["a", "b"], "threshold": 2, "x-tuf-on-ci-signing-period": 60});
        let key = json!({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": "p"}, "x-tuf-on-ci-keyowner": "@a"});
        let root = json!({
            "signatures": [{"keyid": "a", "sig": "00"}, {"keyid": "b", "sig": "00"}],
            "signed": {
                "_type": "root", "spec_version": "1.0.31", "version": 14, "consistent_snapshot": true,
                "expires": "2030-01-01T00:00:00Z", "keys": {"a": key, "b": key},
                "roles": {"root": role, "snapshot": role, "targets": role, "timestamp": role},
            }
        });
        nothing_is_passed_over(&root, tuf_root, &["/x-", "spec_version", "/version"]);
        for threshold in [json!(0), json!(3), json!(-1), json!("2")] {
            let mut changed = root.clone();
            changed["signed"]["roles"]["root"]["threshold"] = threshold.clone();
            tuf_root(&changed).expect_err(&threshold.to_string());
        }
        let mut twice = root.clone();
        twice["signed"]["roles"]["root"]["keyids"] = json!(["a", "a"]);
        tuf_root(&twice).expect_err("one key counts once");
    }
}
