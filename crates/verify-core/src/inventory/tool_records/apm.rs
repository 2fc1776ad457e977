//! `apm.lock.yaml`, OpenAPM's lock, versions 1 and 2: in a project, and in `~/.apm` for what is installed for the user.
//! [D microsoft/apm `reference/lockfile-spec`]
//!
//! `deployed_file_hashes` has one SHA-256 a file, of its bytes or, for text, with the line endings of Unix. Files that are not listed say
//! nothing.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Agreement, Installed, SHOWN, ToolRecord};
use crate::digest::Sha256Digest;
use crate::error::Malformed;
use crate::inventory::frontmatter;
use crate::read;
use crate::text;

pub(super) const LOCK: &str = "apm.lock.yaml";
pub(super) const GLOBAL_LOCK: &str = ".apm/apm.lock.yaml";
/// Most bytes of one file that is compared.
const MAX_FILE: u64 = 16 << 20;
/// Most files of one skill that are compared.
const MAX_FILES: usize = 2_000;

/// The skills below `base` into whose folder an entry deployed files.
pub(super) fn compare(
    text: &str,
    place: &str,
    base: &Path,
    skills: &[Installed<'_>],
) -> Result<Vec<(usize, ToolRecord)>, Malformed> {
    let lock = frontmatter::yaml(text)?;
    let version = lock.get("lockfile_version").and_then(Value::as_str);
    if !matches!(version, Some("1" | "2")) {
        return Err("it is of another version than \"1\" and \"2\"".into());
    }
    let dependencies = lock.get("dependencies").and_then(Value::as_array);
    let mut packages: Vec<Package<'_>> = Vec::new();
    for entry in dependencies.ok_or("it has no list `dependencies`")? {
        let entry = entry.as_object().ok_or("a dependency is no mapping")?;
        packages.push(Package::read(
            entry,
            "deployed_files",
            "deployed_file_hashes",
            says(entry),
        ));
    }
    let own = "the project itself".to_owned();
    packages.push(Package::read(
        &lock,
        "local_deployed_files",
        "local_deployed_file_hashes",
        own,
    ));
    let mut found = Vec::new();
    for (number, skill) in skills.iter().enumerate() {
        let Some(folder) = skill.below(base).filter(|folder| !folder.is_empty()) else {
            continue;
        };
        for package in &packages {
            if let Some(agreement) = package.agreement(folder, skill) {
                let record = ToolRecord {
                    tool: "apm",
                    place: place.to_owned(),
                    says: package.says.clone(),
                    agreement,
                };
                found.push((number, record));
            }
        }
    }
    Ok(found)
}

/// What one dependency put into the project.
struct Package<'l> {
    says: String,
    files: Vec<&'l str>,
    hashes: Vec<(&'l str, &'l str)>,
}

impl<'l> Package<'l> {
    fn read(entry: &'l Map<String, Value>, files: &str, hashes: &str, says: String) -> Self {
        let files = entry.get(files).and_then(Value::as_array);
        let hashes = entry.get(hashes).and_then(Value::as_object);
        Self {
            says,
            files: files
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            hashes: hashes
                .into_iter()
                .flatten()
                .filter_map(|(path, hash)| Some((path.as_str(), hash.as_str()?)))
                .collect(),
        }
    }

    /// None where it put nothing into the skill's folder.
    fn agreement(&self, folder: &str, skill: &Installed<'_>) -> Option<Agreement> {
        let hashes: Vec<(&str, &str)> = self
            .hashes
            .iter()
            .filter_map(|(path, hash)| Some((inside(path, folder)?, *hash)))
            .collect();
        if hashes.is_empty() {
            self.files.iter().find(|path| {
                path.trim_end_matches('/') == folder || inside(path, folder).is_some()
            })?;
            return Some(Agreement::not_compared(
                "it has no hash of a file of the skill",
            ));
        }
        if hashes.len() > MAX_FILES {
            let why = format!("it lists more than {MAX_FILES} files of the skill");
            return Some(Agreement::not_compared(why));
        }
        let differing = hashes
            .iter()
            .find_map(|(path, hash)| differs(skill, path, hash));
        Some(differing.unwrap_or(Agreement::Agrees))
    }
}

/// The part of `path` below `folder`.
fn inside<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// What is not as recorded of one file, if anything.
fn differs(skill: &Installed<'_>, path: &str, hash: &str) -> Option<Agreement> {
    let what = text::excerpt(path, 100);
    let Some(recorded) = sha256_of(hash) else {
        return Some(Agreement::not_compared(format!(
            "the hash of {what} is no SHA-256"
        )));
    };
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some(Agreement::not_compared(format!(
            "{what} is no path of a file"
        )));
    }
    let bytes = match read::bytes(&skill.real.join(path), MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Some(Agreement::of(&what, recorded, &error.to_string(), false));
        }
    };
    let raw = Sha256Digest::of(&bytes).hex();
    let unix = std::str::from_utf8(&bytes)
        .map(|text| Sha256Digest::of(text.replace("\r\n", "\n").as_bytes()).hex());
    let same = raw == recorded || unix.is_ok_and(|unix| unix == recorded);
    (!same).then(|| Agreement::of(&what, recorded, &raw, false))
}

fn sha256_of(hash: &str) -> Option<&str> {
    let hex = hash.strip_prefix("sha256:").unwrap_or(hash);
    (hex.len() == 64 && crate::digest::from_hex(hex).is_some()).then_some(hex)
}

fn says(entry: &Map<String, Value>) -> String {
    let field = |key: &str| entry.get(key).and_then(Value::as_str);
    let mut says = text::excerpt(field("repo_url").unwrap_or_default(), SHOWN);
    if let Some(commit) = field("resolved_commit").or(field("version")) {
        says.push('@');
        says.push_str(&text::excerpt(commit, SHOWN));
    }
    says
}
