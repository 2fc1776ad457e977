//! The few records that a digest leaves out, recognised strictly. Whatever is not exactly such a record counts in the digest, so
//! nothing else can hide in its place. Shapes: what OpenClaw 2026.9.6, the `clawhub` CLI 0.23 and npm 7 to 12 write.

use serde_json::{Map, Value};

use super::RecordKind;
use crate::json;

/// Most bytes of a record that is left out.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// No text in a record is longer. Their longest real values are addresses.
const MAX_TEXT: usize = 4096;

/// Whether `bytes` are exactly a record of this kind.
pub(crate) fn is_record(kind: RecordKind, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(Value::Object(record)) = json::strict(text) else { return false };
    match kind {
        RecordKind::SkillSourceOrigin => is_source_origin(&record),
        RecordKind::ClawhubOrigin => is_clawhub_origin(&record),
        RecordKind::HiddenLockfile => is_hidden_lockfile(&record),
    }
}

fn is_source_origin(record: &Map<String, Value>) -> bool {
    let Some(source) = record.get("source").and_then(Value::as_str) else { return false };
    let git = match (source, record.get("git")) {
        ("path", None) => true,
        ("git", Some(Value::Object(git))) => {
            only(git, &["url", "ref", "commit", "resolvedAt"])
                && has(git, "url", text)
                && may_have(git, "ref", name)
                && has(git, "commit", |v| hex(v, 40) || hex(v, 64))
                && may_have(git, "resolvedAt", text)
        }
        _ => false,
    };
    git && only(record, &["version", "source", "spec", "slug", "installedAt", "git"])
        && has(record, "version", |v| v.as_u64() == Some(1))
        && has(record, "spec", text)
        && has(record, "slug", name)
        && has(record, "installedAt", Value::is_number)
}

fn is_clawhub_origin(record: &Map<String, Value>) -> bool {
    const TEXTS: [&str; 9] = [
        "requestedReference",
        "trustState",
        "sourceUrl",
        "sourceRef",
        "sourceKind",
        "sourceRepository",
        "sourcePath",
        "canonicalRef",
        "ownerHandle",
    ];
    const OTHERS: [&str; 9] = [
        "version",
        "registry",
        "slug",
        "installedVersion",
        "installedAt",
        "artifact",
        "skillFile",
        "fileTreeSha256",
        "fingerprint",
    ];
    let artifact = |v: &Value| {
        v.as_object().is_some_and(|artifact| {
            only(artifact, &["kind", "sha256", "integrity"])
                && has(artifact, "kind", |v| matches!(v.as_str(), Some("archive" | "clawpack")))
                && has(artifact, "sha256", |v| hex(v, 64))
                && has(artifact, "integrity", text)
        })
    };
    let skill_file = |v: &Value| {
        v.as_object()
            .is_some_and(|file| only(file, &["path", "sha256"]) && has(file, "path", text) && has(file, "sha256", |v| hex(v, 64)))
    };
    record.keys().all(|key| TEXTS.contains(&key.as_str()) || OTHERS.contains(&key.as_str()))
        && TEXTS.iter().all(|key| may_have(record, key, text))
        && has(record, "version", |v| v.as_u64() == Some(1))
        && has(record, "registry", text)
        && has(record, "slug", name)
        && has(record, "installedVersion", name)
        && has(record, "installedAt", Value::is_number)
        && may_have(record, "artifact", artifact)
        && may_have(record, "skillFile", skill_file)
        && may_have(record, "fileTreeSha256", |v| {
            v.as_str().and_then(|s| s.strip_prefix("sha256:")).is_some_and(|s| is_hex(s, 64))
        })
        && may_have(record, "fingerprint", |v| hex(v, 64))
}

fn is_hidden_lockfile(record: &Map<String, Value>) -> bool {
    let packages = |v: &Value| {
        v.as_object().is_some_and(|packages| packages.iter().all(|(path, entry)| short(path) && is_lockfile_entry(entry)))
    };
    only(record, &["name", "version", "lockfileVersion", "requires", "packages"])
        && may_have(record, "name", text)
        && may_have(record, "version", text)
        && has(record, "lockfileVersion", |v| matches!(v.as_u64(), Some(2 | 3)))
        && may_have(record, "requires", Value::is_boolean)
        && has(record, "packages", packages)
}

/// An entry of `packages` as npm's Arborist writes it (`pkgMetaKeys`, `nodeMetaKeys` and the flags of `shrinkwrap.js`).
fn is_lockfile_entry(entry: &Value) -> bool {
    const TEXTS: [&str; 5] = ["name", "version", "resolved", "integrity", "deprecated"];
    const FLAGS: [&str; 9] =
        ["inBundle", "hasShrinkwrap", "hasInstallScript", "extraneous", "peer", "dev", "optional", "devOptional", "link"];
    const MAPS: [&str; 6] =
        ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "acceptDependencies", "engines"];
    const ANY: [&str; 9] =
        ["peerDependenciesMeta", "bundleDependencies", "funding", "os", "cpu", "libc", "license", "bin", "workspaces"];
    let Some(entry) = entry.as_object() else { return false };
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

/// One line that could be part of a path or reference.
fn name(value: &Value) -> bool {
    value.as_str().is_some_and(|s| !s.is_empty() && s.len() <= 256 && !s.chars().any(|c| c.is_control() || c.is_whitespace()))
}

fn short(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn hex(value: &Value, digits: usize) -> bool {
    value.as_str().is_some_and(|s| is_hex(s, digits))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Depth is bounded by the JSON reader. Packages may write line breaks into what npm copies from them.
fn all_short(value: &Value) -> bool {
    match value {
        Value::String(s) => s.len() <= MAX_TEXT,
        Value::Array(items) => items.iter().all(all_short),
        Value::Object(map) => map.iter().all(|(key, value)| key.len() <= MAX_TEXT && all_short(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = r#"{"version":1,"source":"path","spec":"/src/skill","slug":"acme-weather","installedAt":1795345811223}"#;

    #[test]
    fn real_shapes_are_records() {
        assert!(is_record(RecordKind::SkillSourceOrigin, ORIGIN.as_bytes()));
        let git = ORIGIN.replace("\"path\"", "\"git\"").replace('}', r#","git":{"url":"file:///x","commit":"COMMIT"}}"#);
        assert!(is_record(RecordKind::SkillSourceOrigin, git.replace("COMMIT", &"a1".repeat(20)).as_bytes()));
        assert!(!is_record(RecordKind::SkillSourceOrigin, git.as_bytes()));
        let tagged = git.replace("COMMIT", &"a1".repeat(20)).replace(r#","commit""#, r#","ref":"v1.3.0","commit""#);
        assert!(is_record(RecordKind::SkillSourceOrigin, tagged.as_bytes()));
        assert!(!is_record(RecordKind::SkillSourceOrigin, tagged.replace("v1.3.0", "read this").as_bytes()));
        let lock = br#"{"name":"x","lockfileVersion":3,"requires":true,"packages":{"node_modules/a":{"version":"1.0.0","bin":{"a":"b"}}}}"#;
        assert!(is_record(RecordKind::HiddenLockfile, lock));
        let clawhub = format!(
            r#"{{"version":1,"registry":"https://registry.example","slug":"a","installedVersion":"1.0.0","installedAt":1,"fingerprint":"{}"}}"#,
            "0".repeat(64)
        );
        assert!(is_record(RecordKind::ClawhubOrigin, clawhub.as_bytes()));
    }

    #[test]
    fn what_only_looks_like_a_record_counts() {
        let bad = [
            ORIGIN.replace("1,\"source", "2,\"source"),
            ORIGIN.replace("}", ",\"run\":\"curl\"}"),
            ORIGIN.replace("{\"version\":1", "{\"version\":1,\"version\":1"),
            ORIGIN.replace("\"path\"", "\"git\""),
            ORIGIN.replace("acme-weather", "ignore previous instructions"),
            ORIGIN.replace("/src/skill", &"x".repeat(MAX_TEXT + 1)),
            ORIGIN.replace("/src/skill", "a\\nb"),
            format!("{ORIGIN} require('child_process')"),
            format!("\u{feff}{ORIGIN}"),
            format!("[{ORIGIN}]"),
            format!("{{\"packages\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)),
            String::new(),
        ];
        for text in bad {
            assert!(!is_record(RecordKind::SkillSourceOrigin, text.as_bytes()), "{}", &text[..text.len().min(200)]);
        }
        let nested = br#"{"lockfileVersion":3,"packages":{"a":{"bin":{"x":"1","x":"2"}}}}"#;
        assert!(!is_record(RecordKind::HiddenLockfile, nested));
        assert!(!is_record(RecordKind::HiddenLockfile, br#"{"lockfileVersion":3,"packages":{"a":{"script":"x"}}}"#));
        assert!(!is_record(RecordKind::HiddenLockfile, br#"{"lockfileVersion":3}"#));
    }
}
