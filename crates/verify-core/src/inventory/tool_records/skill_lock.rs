//! `~/.agents/.skill-lock.json`, the global lock of the `skills` command, version 3. [S skills 1.7.4]
//!
//! `skillFolderHash` is the git tree id of the skill's folder in its repository. The command leaves `metadata.json`, `.git`, `__pycache__`
//! and `__pypackages__` out when it copies, and follows links, so an honest skill may have another id.

use serde_json::Value;

use super::{Agreement, Installed, SHOWN, ToolRecord};
use crate::error::Malformed;
use crate::json;
use crate::text;
use crate::tree::git_sha1;

pub(super) const LOCK: &str = ".agents/.skill-lock.json";

/// The skills outside workspaces whose folder has the name that the command gives an entry.
pub(super) fn compare(
    text: &str,
    place: &str,
    skills: &[Installed<'_>],
) -> Result<Vec<(usize, ToolRecord)>, Malformed> {
    let raw = json::strict(text)?;
    let version = raw.get("version").and_then(Value::as_u64);
    if version != Some(3) {
        return Err("it is of another version than 3".into());
    }
    let entries = raw.get("skills").and_then(Value::as_object);
    let entries = entries.ok_or("it has no `skills`")?;
    let mut found = Vec::new();
    for (name, entry) in entries {
        let folder = folder_of(name);
        let named = skills
            .iter()
            .enumerate()
            .filter(|(_, skill)| skill.base.is_none() && skill.folder_name() == Some(&folder));
        for (number, skill) in named {
            let record = ToolRecord {
                tool: "skills",
                place: place.to_owned(),
                says: says(entry),
                agreement: agreement(entry, skill),
            };
            found.push((number, record));
        }
    }
    Ok(found)
}

fn agreement(entry: &Value, skill: &Installed<'_>) -> Agreement {
    let recorded = entry.get("skillFolderHash").and_then(Value::as_str);
    match recorded {
        Some(id) if is_sha1(id) => match skill.tree.and_then(git_sha1::of_folder) {
            Some(now) => Agreement::of("git tree", id, &now, true),
            None => Agreement::not_compared("git gives no id to what is installed"),
        },
        Some(id) if !id.is_empty() => {
            Agreement::not_compared("its hash is not the id of a git tree")
        }
        _ => Agreement::not_compared("it has no hash of the skill"),
    }
}

fn says(entry: &Value) -> String {
    let field = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let source = field("sourceUrl");
    let mut says = text::excerpt(source, SHOWN);
    for (before, key) in [("@", "ref"), (" ", "skillPath")] {
        if !field(key).is_empty() {
            says.push_str(before);
            says.push_str(&text::excerpt(field(key), SHOWN));
        }
    }
    says
}

/// The folder that the command makes for a skill of this name. [S `sanitizeName`]
fn folder_of(name: &str) -> String {
    let mut folder = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_') {
            folder.push(c);
        } else if !folder.ends_with('-') {
            folder.push('-');
        }
    }
    let folder = folder.trim_matches(['.', '-']);
    folder.get(..255).unwrap_or(folder).to_owned()
}

pub(super) fn is_sha1(id: &str) -> bool {
    id.len() == 40
        && id
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}
