//! What OpenClaw, the `clawhub` command and the `skills` command write down about an installed skill: the records beside it in the
//! common form, and the locks of many skills.

use serde_json::{Map, Value};

use super::Record;
use crate::json;
use crate::text;
use crate::tree::skill_record::{BadRecord, ClawhubOrigin, SourceOrigin, version_one};

/// Most bytes of a lock of many skills.
pub(super) const MAX_LOCK: u64 = 16 << 20;
/// Most skills of such a lock.
const MAX_LOCKED: usize = 100_000;

/// Where OpenClaw's record beside a skill stands.
pub(in crate::inventory) const SOURCE_ORIGIN: &str = ".openclaw/source-origin.json";
/// ClawHub's record, and its older name.
pub(in crate::inventory) const CLAWHUB_ORIGINS: [&str; 2] =
    [".clawhub/origin.json", ".clawdhub/origin.json"];
/// ClawHub's lock beside the `skills` folder, and its older name.
pub(super) const CLAWHUB_LOCKS: [&str; 2] = [".clawhub/lock.json", ".clawdhub/lock.json"];
/// The lock of the `skills` command, in a workspace.
pub(super) const SKILLS_LOCK: &str = "skills-lock.json";

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
    /// The record in the common form; `place` is safe to show.
    pub(super) fn record(&self, place: String) -> Record {
        let reference = self.owner.as_ref().map_or_else(
            || self.slug.clone(),
            |owner| format!("@{owner}/{}", self.slug),
        );
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
    /// The record in the common form; `place` is safe to show.
    pub(super) fn record(&self, place: String) -> Record {
        let mut record = Record {
            place,
            spec: Some(self.spec.clone()),
            raw: self.raw.clone(),
            ..Record::default()
        };
        match &self.git {
            Some(git) => {
                record.source = "git".to_owned();
                record.git_url = Some(git.url.clone());
                record.git_commit = Some(git.commit.clone());
                record.git_ref = git
                    .reference
                    .clone()
                    .or_else(|| git_ref(&self.spec, &git.url));
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
pub(super) fn clawhub_lock(text: &str) -> Result<Vec<LockEntry>, BadRecord> {
    let raw = json::strict(text)?;
    let map = raw.as_object().ok_or(BadRecord::NotObject)?;
    version_one(map)?;
    let skills = locked(map)?;
    let mut entries = Vec::new();
    for (slug, entry) in skills {
        let entry = entry.as_object().ok_or_else(|| {
            BadRecord::NotObject.of_part(format!("`{}`", text::excerpt(slug, 80)))
        })?;
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
pub(super) fn skills_lock(text: &str) -> Result<Vec<(String, String)>, BadRecord> {
    let raw = json::strict(text)?;
    let map = raw.as_object().ok_or(BadRecord::NotObject)?;
    version_one(map)?;
    let skills = locked(map)?;
    let hash = |entry: &Value| {
        entry
            .get("computedHash")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(skills
        .iter()
        .filter_map(|(name, entry)| Some((name.clone(), hash(entry)?)))
        .collect())
}

fn locked(map: &Map<String, Value>) -> Result<&Map<String, Value>, BadRecord> {
    let skills = map
        .get("skills")
        .and_then(Value::as_object)
        .ok_or(BadRecord::Missing("`skills`"))?;
    if skills.len() > MAX_LOCKED {
        Err(BadRecord::TooManySkills { limit: MAX_LOCKED })
    } else {
        Ok(skills)
    }
}

/// What stands behind the address in `git:<address>@<ref>`.
fn git_ref(spec: &str, url: &str) -> Option<String> {
    let rest = spec.strip_prefix("git:").unwrap_or(spec);
    let behind = rest.strip_prefix(url).or_else(|| {
        let after_path = rest.rfind(['/', ':']).map_or(0, |at| at + 1);
        rest.get(after_path..)
            .and_then(|tail| tail.find('@').and_then(|at| tail.get(at..)))
    })?;
    behind
        .strip_prefix(['@', '#'])
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_take_the_common_form() {
        let text = r#"{"version":1,"registry":"https://clawhub.example","slug":"acme-weather","ownerHandle":"acme",
            "installedVersion":"1.0.0","installedAt":1}"#;
        let record = ClawhubOrigin::parse(text)
            .expect("valid")
            .record("x".to_owned());
        assert_eq!(
            (record.source.as_str(), record.spec.as_deref()),
            ("clawhub", Some("@acme/acme-weather"))
        );
        let text = format!(
            r#"{{"version":1,"source":"git","spec":"git:acme/notes@v1.0","slug":"notes","installedAt":1,
            "git":{{"url":"https://github.com/acme/notes","commit":"{}"}}}}"#,
            "a".repeat(40)
        );
        let record = SourceOrigin::parse(&text)
            .expect("valid")
            .record("x".to_owned());
        assert_eq!(
            (record.source.as_str(), record.git_ref.as_deref()),
            ("git", Some("v1.0"))
        );
        let named = text.replace("\"commit\"", "\"ref\":\"release/v1.3.0\",\"commit\"");
        let record = SourceOrigin::parse(&named)
            .expect("valid")
            .record("x".to_owned());
        assert_eq!(record.git_ref.as_deref(), Some("release/v1.3.0"));
    }

    #[test]
    fn refs_are_found_behind_addresses() {
        assert_eq!(
            git_ref("git:file:///home/u/s@v1", "file:///home/u/s").as_deref(),
            Some("v1")
        );
        assert_eq!(git_ref("git:file:///home/u/s", "file:///home/u/s"), None);
        assert_eq!(
            git_ref("git@github.com:acme/notes", "git@github.com:acme/notes"),
            None
        );
        assert_eq!(
            git_ref("git:acme/notes", "https://github.com/acme/notes"),
            None
        );
    }
}
