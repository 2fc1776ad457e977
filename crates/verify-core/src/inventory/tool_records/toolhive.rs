//! `toolhive.lock.yaml` in the root of a project, version 1. [S stacklok/toolhive 0733e38 `pkg/skills/lockfile`]
//!
//! `contentDigest` is a hash of the installed files' names and bytes, without modes, links and empty folders.

use serde_json::Value;

use super::{Agreement, Installed, SHOWN, ToolRecord};
use crate::error::Malformed;
use crate::inventory::frontmatter;
use crate::inventory::skill_hashes::{self, HashError};
use crate::text;

pub(super) const LOCK: &str = "toolhive.lock.yaml";

/// The skills of the project whose folder has the name of an entry.
pub(super) fn compare(
    text: &str,
    place: &str,
    base: &std::path::Path,
    skills: &[Installed<'_>],
) -> Result<Vec<(usize, ToolRecord)>, Malformed> {
    let lock = frontmatter::yaml(text)?;
    // ToolHive takes a lock without a version for one of its first.
    if lock.get("version").is_some_and(|v| v.as_u64() != Some(1)) {
        return Err("it is of another version than 1".into());
    }
    let entries = match lock.get("skills") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err("its `skills` is no list".into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let field = |key: &str| entry.get(key).and_then(Value::as_str);
        let name = field("name").ok_or("an entry has no `name`")?;
        let named = skills
            .iter()
            .enumerate()
            .filter(|(_, skill)| skill.base == Some(base) && skill.folder_name() == Some(name));
        for (number, skill) in named {
            let reference = field("resolvedReference").or(field("source"));
            let agreement = match field("contentDigest") {
                Some(recorded) if is_digest(recorded) => match skill_hashes::toolhive(skill.real) {
                    Ok(now) => Agreement::of("hash", recorded, &now, false),
                    Err(HashError::Impossible(why) | HashError::Unknown(why)) => {
                        Agreement::not_compared(why)
                    }
                },
                Some(_) => Agreement::not_compared("its contentDigest is no SHA-256"),
                None => Agreement::not_compared("it has no contentDigest"),
            };
            let record = ToolRecord {
                tool: "toolhive",
                place: place.to_owned(),
                says: text::excerpt(reference.unwrap_or_default(), SHOWN),
                agreement,
            };
            found.push((number, record));
        }
    }
    Ok(found)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && crate::digest::from_hex(hex).is_some())
}
