//! What OpenClaw, the `clawhub` command and the `skills` command write down about an installed skill.
//!
//! Two programs write `.clawhub/origin.json` and `.clawhub/lock.json`: OpenClaw (fields `artifact`, `skillFile`, `fileTreeSha256`) and
//! the `clawhub` command (field `fingerprint`). `.clawdhub` is the older name of the same folder.
//!
//! The per-skill records are left out of the tree digest, so they are read strictly: no duplicate key, no unknown key, every value
//! short and of its form. Whatever else stands there is no record.

use serde_json::{Map, Value};

use super::Record;
use crate::digest::from_hex;
use crate::json;
use crate::text;

/// Most bytes of a record beside a skill.
pub(super) const MAX_RECORD: u64 = 1 << 20;
/// Most bytes of a lock of many skills.
pub(super) const MAX_LOCK: u64 = 16 << 20;
/// Most skills of such a lock.
const MAX_LOCKED: usize = 5_000;

/// Where the records beside a skill stand, and which is which.
pub(super) const SOURCE_ORIGIN: &str = ".openclaw/source-origin.json";
/// ClawHub's record, and its older name.
pub(super) const CLAWHUB_ORIGINS: [&str; 2] = [".clawhub/origin.json", ".clawdhub/origin.json"];
/// ClawHub's lock beside the `skills` folder, and its older name.
pub(super) const CLAWHUB_LOCKS: [&str; 2] = [".clawhub/lock.json", ".clawdhub/lock.json"];
/// The lock of the `skills` command, in a workspace.
pub(super) const SKILLS_LOCK: &str = "skills-lock.json";

/// `.clawhub/origin.json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClawhubOrigin {
    pub(super) registry: String,
    pub(super) slug: String,
    pub(super) owner: Option<String>,
    pub(super) version: String,
    /// What was asked for, when it is another form than `@owner/slug`.
    pub(super) requested: Option<String>,
    /// SRI of the archive.
    pub(super) integrity: Option<String>,
    /// Path and SHA-256 of the skill's own file.
    pub(super) skill_file: Option<(String, String)>,
    /// OpenClaw's hash of the files.
    pub(super) file_tree: Option<String>,
    /// The `clawhub` command's hash of the files.
    pub(super) fingerprint: Option<String>,
    raw: Value,
}

/// `.openclaw/source-origin.json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceOrigin {
    pub(super) spec: String,
    pub(super) slug: String,
    /// For a git install.
    pub(super) git: Option<GitOrigin>,
    raw: Value,
}

/// Where a skill was cloned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GitOrigin {
    pub(super) url: String,
    /// The tag, branch or commit that was asked for.
    pub(super) reference: Option<String>,
    pub(super) commit: String,
}

/// One skill of `.clawhub/lock.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LockEntry {
    pub(super) slug: String,
    pub(super) version: Option<String>,
    pub(super) registry: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) file_tree: Option<String>,
}

impl ClawhubOrigin {
    /// Reads the text of the record strictly. The error is safe to show.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const KEYS: [&str; 13] = [
            "version",
            "registry",
            "slug",
            "ownerHandle",
            "requestedReference",
            "trustState",
            "installedVersion",
            "installedAt",
            "sourceUrl",
            "artifact",
            "skillFile",
            "fileTreeSha256",
            "fingerprint",
        ];
        let raw = json::strict(text).map_err(|e| e.to_string())?;
        let map = object(&raw, &KEYS)?;
        version_one(map)?;
        number(map, "installedAt")?;
        let artifact = optional_object(map, "artifact", &["kind", "sha256", "integrity"])?;
        let integrity = match artifact {
            Some(artifact) => {
                one_of(artifact, "kind", &["archive", "clawpack"])?;
                hex(artifact, "sha256")?.ok_or("artifact has no sha256")?;
                Some(short(artifact, "integrity", is_sri)?.ok_or("artifact has no integrity")?)
            }
            None => None,
        };
        let skill_file = match optional_object(map, "skillFile", &["path", "sha256"])? {
            Some(file) => Some((
                short(file, "path", is_file_name)?.ok_or("skillFile has no path")?,
                hex(file, "sha256")?.ok_or("skillFile has no sha256")?,
            )),
            None => None,
        };
        short(map, "trustState", is_word)?;
        short(map, "sourceUrl", is_address)?;
        Ok(Self {
            registry: short(map, "registry", is_address)?.ok_or("has no registry")?,
            slug: short(map, "slug", is_word)?.ok_or("has no slug")?,
            owner: short(map, "ownerHandle", is_word)?,
            version: short(map, "installedVersion", is_word)?.ok_or("has no installedVersion")?,
            requested: short(map, "requestedReference", is_reference)?,
            integrity,
            skill_file,
            file_tree: short(map, "fileTreeSha256", |t| t.strip_prefix("sha256:").is_some_and(is_sha256))?,
            fingerprint: hex(map, "fingerprint")?,
            raw: raw.clone(),
        })
    }

    /// The record in the common form; `place` is safe to show.
    pub(super) fn record(&self, place: String) -> Record {
        let reference = self.owner.as_ref().map_or_else(|| self.slug.clone(), |owner| format!("@{owner}/{}", self.slug));
        Record {
            place,
            source: "clawhub".to_owned(),
            spec: Some(self.requested.clone().unwrap_or(reference)),
            version: Some(self.version.clone()),
            resolved_version: Some(self.version.clone()),
            integrity: self.integrity.clone(),
            registry: Some(self.registry.clone()),
            raw: self.raw.clone(),
            ..Record::default()
        }
    }
}

impl SourceOrigin {
    /// Reads the text of the record strictly. The error is safe to show.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw = json::strict(text).map_err(|e| e.to_string())?;
        let map = object(&raw, &["version", "source", "spec", "slug", "installedAt", "git"])?;
        version_one(map)?;
        number(map, "installedAt")?;
        let source = one_of(map, "source", &["path", "git"])?;
        let git = match optional_object(map, "git", &["url", "ref", "commit", "resolvedAt"])? {
            Some(git) => {
                short(git, "resolvedAt", is_word)?;
                let oid = |t: &str| t.parse::<crate::digest::GitOid>().is_ok();
                Some(GitOrigin {
                    url: short(git, "url", is_line)?.ok_or("git has no url")?,
                    reference: short(git, "ref", |t| is_line(t) && !t.contains(char::is_whitespace))?,
                    commit: short(git, "commit", oid)?.ok_or("git has no commit")?,
                })
            }
            None => None,
        };
        if git.is_some() != (source == "git") {
            return Err("`source` and `git` disagree".to_owned());
        }
        Ok(Self {
            spec: short(map, "spec", is_line)?.ok_or("has no spec")?,
            slug: short(map, "slug", is_word)?.ok_or("has no slug")?,
            git,
            raw: raw.clone(),
        })
    }

    /// The record in the common form; `place` is safe to show.
    pub(super) fn record(&self, place: String) -> Record {
        let mut record = Record { place, spec: Some(self.spec.clone()), raw: self.raw.clone(), ..Record::default() };
        match &self.git {
            Some(git) => {
                record.source = "git".to_owned();
                record.git_url = Some(git.url.clone());
                record.git_commit = Some(git.commit.clone());
                record.git_ref = git.reference.clone().or_else(|| git_ref(&self.spec, &git.url));
            }
            None => {
                record.source = "path".to_owned();
                record.source_path = Some(self.spec.clone());
            }
        }
        record
    }
}

/// The skills of `.clawhub/lock.json`, either dialect.
pub(super) fn clawhub_lock(text: &str) -> Result<Vec<LockEntry>, String> {
    let raw = json::strict(text).map_err(|e| e.to_string())?;
    let map = raw.as_object().ok_or("is no JSON object")?;
    version_one(map)?;
    let skills = locked(map)?;
    let mut entries = Vec::new();
    for (slug, entry) in skills {
        let entry = entry.as_object().ok_or_else(|| format!("`{}` is no JSON object", text::excerpt(slug, 80)))?;
        let field = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        entries.push(LockEntry {
            slug: slug.clone(),
            version: field("version"),
            registry: field("registry"),
            owner: field("ownerHandle"),
            file_tree: field("fileTreeSha256"),
        });
    }
    Ok(entries)
}

/// Name and `computedHash` of the skills of `skills-lock.json`, version 1.
pub(super) fn skills_lock(text: &str) -> Result<Vec<(String, String)>, String> {
    let raw = json::strict(text).map_err(|e| e.to_string())?;
    let map = raw.as_object().ok_or("is no JSON object")?;
    version_one(map)?;
    let skills = locked(map)?;
    let hash = |entry: &Value| entry.get("computedHash").and_then(Value::as_str).map(str::to_owned);
    Ok(skills.iter().filter_map(|(name, entry)| Some((name.clone(), hash(entry)?))).collect())
}

fn locked(map: &Map<String, Value>) -> Result<&Map<String, Value>, String> {
    let skills = map.get("skills").and_then(Value::as_object).ok_or("has no `skills`")?;
    if skills.len() > MAX_LOCKED { Err(format!("lists more than {MAX_LOCKED} skills")) } else { Ok(skills) }
}

/// What stands behind the address in `git:<address>@<ref>`.
fn git_ref(spec: &str, url: &str) -> Option<String> {
    let rest = spec.strip_prefix("git:").unwrap_or(spec);
    let behind = rest.strip_prefix(url).or_else(|| {
        let after_path = rest.rfind(['/', ':']).map_or(0, |at| at + 1);
        rest.get(after_path..).and_then(|tail| tail.find('@').and_then(|at| tail.get(at..)))
    })?;
    behind.strip_prefix(['@', '#']).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn object<'a>(value: &'a Value, keys: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let map = value.as_object().ok_or("is no JSON object")?;
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("holds the unknown key `{}`", text::excerpt(key, 80))),
        None => Ok(map),
    }
}

fn optional_object<'a>(map: &'a Map<String, Value>, key: &str, keys: &[&str]) -> Result<Option<&'a Map<String, Value>>, String> {
    map.get(key).map(|value| object(value, keys).map_err(|why| format!("{key} {why}"))).transpose()
}

fn version_one(map: &Map<String, Value>) -> Result<(), String> {
    match map.get("version") {
        Some(Value::Number(n)) if n.as_u64() == Some(1) => Ok(()),
        Some(other) => Err(format!("is of version {}, not 1", text::excerpt(&other.to_string(), 40))),
        None => Err("has no version".to_owned()),
    }
}

fn number(map: &Map<String, Value>, key: &str) -> Result<(), String> {
    if map.get(key).is_some_and(Value::is_number) { Ok(()) } else { Err(format!("{key} is no number")) }
}

fn one_of(map: &Map<String, Value>, key: &str, values: &[&'static str]) -> Result<&'static str, String> {
    let found = map.get(key).and_then(Value::as_str).unwrap_or_default();
    values.iter().find(|value| **value == found).copied().ok_or_else(|| format!("{key} is none of {}", values.join(", ")))
}

/// A text of at most 1,024 bytes of a certain form; none when absent.
fn short(map: &Map<String, Value>, key: &str, form: impl Fn(&str) -> bool) -> Result<Option<String>, String> {
    match map.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= 1_024 && form(text) => Ok(Some(text.clone())),
        Some(other) => Err(format!("{key} is not of its form: {}", text::excerpt(&other.to_string(), 60))),
    }
}

fn hex(map: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    short(map, key, is_sha256)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && from_hex(text).is_some()
}

/// One line without control characters.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(text::is_hazard)
}

/// Letters, digits and `-_.+:~`: slugs, handles, versions, times.
fn is_word(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b':' | b'~');
    !text.is_empty() && text.len() <= 128 && text.bytes().all(ok)
}

fn is_file_name(text: &str) -> bool {
    is_word(text) && text != "." && text != ".."
}

fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(|part| is_word(part.trim_start_matches('@')))
}

fn is_sri(text: &str) -> bool {
    text.split_once('-').is_some_and(|(algorithm, value)| {
        is_word(algorithm) && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    })
}

fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && is_line(text) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = r#"{"version":1,"registry":"https://clawhub.example","slug":"acme-weather","ownerHandle":"acme",
        "installedVersion":"1.0.0","installedAt":1}"#;

    #[test]
    fn records_are_read_strictly() {
        let origin = ClawhubOrigin::parse(ORIGIN).expect("valid");
        assert_eq!(
            (origin.slug.as_str(), origin.owner.as_deref(), origin.version.as_str()),
            ("acme-weather", Some("acme"), "1.0.0")
        );
        assert_eq!(origin.record("x".to_owned()).spec.as_deref(), Some("@acme/acme-weather"));
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1", "\"version\":1,\"version\":1"),
            ("\"version\":1", "\"version\":1,\"note\":\"run this\""),
            ("acme-weather", "acme weather"),
            ("acme-weather", "../evil"),
            ("\"installedAt\":1", "\"installedAt\":\"1\""),
            ("\"installedAt\":1", "\"installedAt\":1,\"fingerprint\":\"abc\""),
            ("\"installedAt\":1", "\"installedAt\":1,\"fileTreeSha256\":\"sha256:AB\""),
            ("\"installedAt\":1", "\"installedAt\":1,\"skillFile\":{\"path\":\"../x\",\"sha256\":\"\"}"),
            ("https://", "file://"),
        ] {
            assert!(ClawhubOrigin::parse(&ORIGIN.replace(from, to)).is_err(), "{to}");
        }
        assert!(ClawhubOrigin::parse(&format!("{ORIGIN} x")).is_err());
    }

    #[test]
    fn sources_are_read_strictly() {
        let text = format!(
            r#"{{"version":1,"source":"git","spec":"git:acme/notes@v1.0","slug":"notes","installedAt":1,
            "git":{{"url":"https://github.com/acme/notes","commit":"{}","resolvedAt":"2026-11-22T09:40:02.008Z"}}}}"#,
            "a".repeat(40)
        );
        let record = SourceOrigin::parse(&text).expect("valid").record("x".to_owned());
        assert_eq!((record.source.as_str(), record.git_ref.as_deref()), ("git", Some("v1.0")));
        // What OpenClaw asked for it writes down by itself, when it was named.
        let named = text.replace("\"commit\"", "\"ref\":\"release/v1.3.0\",\"commit\"");
        let record = SourceOrigin::parse(&named).expect("valid").record("x".to_owned());
        assert_eq!(record.git_ref.as_deref(), Some("release/v1.3.0"));
        assert!(SourceOrigin::parse(&named.replace("v1.3.0", "read this")).is_err());
        assert!(SourceOrigin::parse(&text.replace("\"git\",", "\"path\",")).is_err());
        assert!(SourceOrigin::parse(&text.replace("aaaa\"", "aaa\"")).is_err());
        assert!(SourceOrigin::parse(&text.replace("\"slug\":", "\"slug\":\"a\",\"slug\":")).is_err());
        let path = r#"{"version":1,"source":"path","spec":"./my skills/x","slug":"x","installedAt":1}"#;
        assert_eq!(SourceOrigin::parse(path).expect("valid").git, None);
    }

    #[test]
    fn refs_are_found_behind_addresses() {
        assert_eq!(git_ref("git:file:///home/u/s@v1", "file:///home/u/s").as_deref(), Some("v1"));
        assert_eq!(git_ref("git:file:///home/u/s", "file:///home/u/s"), None);
        assert_eq!(git_ref("git@github.com:acme/notes", "git@github.com:acme/notes"), None);
        assert_eq!(git_ref("git:acme/notes", "https://github.com/acme/notes"), None);
    }
}
