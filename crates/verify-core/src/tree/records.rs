//! The few records that a digest leaves out, recognised strictly. Whatever is not exactly such a record counts in the digest, so
//! nothing else can hide in its place. Shapes: what OpenClaw 2026.9.6, the `clawhub` CLI 0.23 and npm 7 to 12 write.

use serde_json::{Map, Value};

use super::RecordKind;
use super::skill_record::{ClawhubOrigin, SourceOrigin};
use crate::json;

/// Most bytes of a record that is left out.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// No text in a record is longer. Their longest real values are addresses.
const MAX_TEXT: usize = 4096;

/// Whether `bytes` are exactly a record of this kind.
pub(crate) fn is_record(kind: RecordKind, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match kind {
        RecordKind::SkillSourceOrigin => SourceOrigin::parse(text).is_ok(),
        RecordKind::ClawhubOrigin => ClawhubOrigin::parse(text).is_ok(),
        RecordKind::HiddenLockfile => is_hidden_lockfile(text),
        RecordKind::LifecyclePending => text == "pending\n",
    }
}

fn is_hidden_lockfile(written: &str) -> bool {
    let Ok(Value::Object(record)) = json::strict(written) else {
        return false;
    };
    let packages = |v: &Value| {
        v.as_object().is_some_and(|packages| {
            packages
                .iter()
                .all(|(path, entry)| short(path) && is_lockfile_entry(entry))
        })
    };
    only(
        &record,
        &["name", "version", "lockfileVersion", "requires", "packages"],
    ) && may_have(&record, "name", text)
        && may_have(&record, "version", text)
        && has(&record, "lockfileVersion", |v| {
            matches!(v.as_u64(), Some(2 | 3))
        })
        && may_have(&record, "requires", Value::is_boolean)
        && has(&record, "packages", packages)
}

/// An entry of `packages` as npm's Arborist writes it (`pkgMetaKeys`, `nodeMetaKeys` and the flags of `shrinkwrap.js`).
fn is_lockfile_entry(entry: &Value) -> bool {
    const TEXTS: [&str; 5] = ["name", "version", "resolved", "integrity", "deprecated"];
    const FLAGS: [&str; 9] = [
        "inBundle",
        "hasShrinkwrap",
        "hasInstallScript",
        "extraneous",
        "peer",
        "dev",
        "optional",
        "devOptional",
        "link",
    ];
    const MAPS: [&str; 6] = [
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
        "acceptDependencies",
        "engines",
    ];
    const ANY: [&str; 9] = [
        "peerDependenciesMeta",
        "bundleDependencies",
        "funding",
        "os",
        "cpu",
        "libc",
        "license",
        "bin",
        "workspaces",
    ];
    let Some(entry) = entry.as_object() else {
        return false;
    };
    entry.iter().all(|(key, value)| match key.as_str() {
        key if TEXTS.contains(&key) => value.is_string(),
        key if FLAGS.contains(&key) => value.is_boolean(),
        // Old packages write `engines` as a list.
        key if MAPS.contains(&key) => value.is_object() || (key == "engines" && value.is_array()),
        key => ANY.contains(&key),
    }) && entry.values().all(all_short)
}

fn only(record: &Map<String, Value>, keys: &[&str]) -> bool {
    record.keys().all(|key| keys.contains(&key.as_str()))
}

fn has(record: &Map<String, Value>, key: &str, shape: impl Fn(&Value) -> bool) -> bool {
    record.get(key).is_some_and(shape)
}

fn may_have(record: &Map<String, Value>, key: &str, shape: impl Fn(&Value) -> bool) -> bool {
    record.get(key).is_none_or(shape)
}

fn text(value: &Value) -> bool {
    value.as_str().is_some_and(short)
}

fn short(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

/// Depth is bounded by the JSON reader. Packages may write line breaks into what npm copies from them.
fn all_short(value: &Value) -> bool {
    match value {
        Value::String(s) => s.len() <= MAX_TEXT,
        Value::Array(items) => items.iter().all(all_short),
        Value::Object(map) => map
            .iter()
            .all(|(key, value)| key.len() <= MAX_TEXT && all_short(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_an_install_that_is_not_finished() {
        let is = |text: &str| is_record(RecordKind::LifecyclePending, text.as_bytes());
        assert!(is("pending\n"));
        for other in ["", "pending", "pending\n\n", "#!/bin/sh\n"] {
            assert!(!is(other), "{other:?}");
        }
    }

    #[test]
    fn a_hidden_lockfile_is_read_strictly() {
        let lock = r#"{"name":"x","lockfileVersion":3,"requires":true,"packages":{"node_modules/a":{"version":"1.0.0","bin":{"a":"b"}}}}"#;
        let is = |text: &str| is_record(RecordKind::HiddenLockfile, text.as_bytes());
        assert!(is(lock));
        assert!(!is(&format!("{lock} x")));
        assert!(!is(
            r#"{"lockfileVersion":3,"packages":{"a":{"bin":{"x":"1","x":"2"}}}}"#
        ));
        assert!(!is(
            r#"{"lockfileVersion":3,"packages":{"a":{"script":"x"}}}"#
        ));
        assert!(!is(r#"{"lockfileVersion":3}"#));
        assert!(!is(&format!(
            "{{\"packages\":{}1{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )));
    }
}
