//! npm's lockfiles of a subject: what they say of its packages, whether two of them agree, and which of their digests are weak.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::paths::Paths;
use super::plugin::is_real_folder;
use super::{NpmPackage, NpmProject, Observation, Subject};
use crate::digest::{DigestError, Sri};
use crate::json;
use crate::read::ReadError;
use crate::text;

/// Most bytes of a lockfile.
pub(super) const MAX_LOCKFILE: u64 = 32 << 20;
/// Most entries of a lockfile.
const MAX_PACKAGES: usize = 100_000;
/// Most bad dependencies that are named one by one.
const MAX_NAMED: usize = 20;

/// The lockfile of a plugin that has its own dependencies: git installs keep one, archives only npm's hidden one.
pub(super) fn own_lockfile(paths: &Paths, folder: &Path, subject: &mut Subject) {
    if !is_real_folder(paths, &folder.join("node_modules")) {
        return;
    }
    let main = lock(paths, &folder.join("package-lock.json"), subject);
    let hidden = lock(
        paths,
        &folder.join("node_modules/.package-lock.json"),
        subject,
    );
    if let (Some(main), Some(hidden)) = (&main, &hidden) {
        let mut conflicts = Conflicts(Vec::new());
        locks_agree(main, hidden, &mut conflicts);
        subject.observations.append(&mut conflicts.0);
    }
    keep(main.or(hidden), subject);
}

/// The lockfiles of the project that the host package is installed in.
pub(super) fn host_lockfile(paths: &Paths, project: &Path, subject: &mut Subject) {
    let main = lock(paths, &project.join("package-lock.json"), subject);
    let hidden = lock(
        paths,
        &project.join("node_modules/.package-lock.json"),
        subject,
    );
    let mut conflicts = Conflicts(Vec::new());
    if let (Some(main), Some(hidden)) = (&main, &hidden) {
        locks_agree(main, hidden, &mut conflicts);
    }
    let own = main
        .iter()
        .chain(&hidden)
        .flat_map(|lock| &lock.packages)
        .filter(|package| package.path == "node_modules/openclaw");
    for entry in own {
        conflicts.compare(
            "version",
            entry.version.as_deref(),
            Some(subject.version.as_deref().unwrap_or("no version")),
        );
    }
    subject.observations.append(&mut conflicts.0);
    keep(main.or(hidden), subject);
}

/// npm keeps both lockfiles equal for what is installed.
pub(super) fn locks_agree(main: &NpmProject, hidden: &NpmProject, conflicts: &mut Conflicts) {
    let by_path: BTreeMap<&str, &NpmPackage> = main
        .packages
        .iter()
        .map(|package| (package.path.as_str(), package))
        .collect();
    for package in hidden.packages.iter().filter(|package| !package.link) {
        let Some(other) = by_path.get(package.path.as_str()) else {
            conflicts.push(
                "name",
                &main.lockfile.shown,
                format!("{} also holds {}", hidden.lockfile.shown, package.path),
            );
            return;
        };
        for (what, a, b) in [
            ("version", &other.version, &package.version),
            ("integrity", &other.integrity, &package.integrity),
        ] {
            if a != b {
                let say = |value: &Option<String>| {
                    format!("{} {}", package.path, value.as_deref().unwrap_or("nothing"))
                };
                conflicts.push(what, &say(a), say(b));
                return;
            }
        }
    }
}

pub(super) fn keep(project: Option<NpmProject>, subject: &mut Subject) {
    if let Some(project) = project {
        weak_entries(&project, &mut subject.observations);
        subject.npm = Some(project);
    }
}

pub(super) struct Conflicts(pub(super) Vec<Observation>);

impl Conflicts {
    /// Both sides are known, and differ.
    pub(super) fn compare(
        &mut self,
        what: &'static str,
        recorded: Option<&str>,
        found: Option<&str>,
    ) {
        if let (Some(recorded), Some(found)) = (recorded, found)
            && recorded != found
        {
            self.push(what, recorded, found.to_owned());
        }
    }

    pub(super) fn push(&mut self, what: &'static str, recorded: &str, found: String) {
        let observation = Observation::RecordConflict {
            what,
            recorded: text::excerpt(recorded, 200),
            found: text::excerpt(&found, 200),
            advisory: false,
        };
        if !self.0.contains(&observation) {
            self.0.push(observation);
        }
    }
}

/// Dependencies that came from a registry have a strong integrity. Bundled ones, links, files and git sources have none by nature.
fn weak_entries(project: &NpmProject, observations: &mut Vec<Observation>) {
    let mut bad = project
        .packages
        .iter()
        .filter_map(|package| Some((package, weakness(package)?)));
    for (package, why) in bad.by_ref().take(MAX_NAMED) {
        observations.push(Observation::BadIntegrity {
            why: text::excerpt(&format!("{}: {why}", package.path), 300),
        });
    }
    let more = bad.count();
    if more > 0 {
        observations.push(Observation::BadIntegrity {
            why: format!("{more} more dependencies have no strong integrity"),
        });
    }
}

/// Why an entry's integrity does not hold, where it should have one.
fn weakness(package: &NpmPackage) -> Option<String> {
    let source = package.resolved.as_deref().unwrap_or_default();
    // An entry outside any node_modules is a folder of the project itself (a workspace).
    let local =
        !package.path.starts_with("node_modules/") && !package.path.contains("/node_modules/");
    let by_nature = local || package.in_bundle || package.link || source.starts_with("git");
    let Some(integrity) = package.integrity.as_deref() else {
        return (!by_nature && !source.starts_with("file:")).then(|| "no integrity".to_owned());
    };
    // npm takes the strongest of several; one strong value is enough.
    let mut parts = integrity
        .split_ascii_whitespace()
        .map(|part| part.split('?').next().unwrap_or(part).parse::<Sri>())
        .peekable();
    if parts.peek().is_none() {
        return Some("an empty integrity".to_owned());
    }
    let mut why = String::new();
    for part in parts {
        match part {
            Ok(_) => return None,
            Err(error @ DigestError::Weak { .. }) if why.is_empty() => why = error.to_string(),
            // A malformed value beside a good one is how a reader that stops early is misled.
            Err(error) => return Some(error.to_string()),
        }
    }
    Some(why)
}

/// Reads a lockfile; what is wrong with it is an observation of the subject.
pub(super) fn lock(paths: &Paths, file: &Path, subject: &mut Subject) -> Option<NpmProject> {
    let why = match paths.text(file, MAX_LOCKFILE) {
        Ok(content) => match json::strict(&content) {
            Ok(value) => match packages(&value) {
                Ok(packages) if !paths.may_keep(3 * packages.len()) => {
                    "the lockfiles hold too many packages together".to_owned()
                }
                Ok(packages) => {
                    return Some(NpmProject {
                        lockfile: paths.place(file),
                        packages,
                    });
                }
                Err(LockError::Version(found)) => {
                    subject.observations.push(Observation::UnsupportedSchema {
                        place: paths.shown(file),
                        found,
                    });
                    return None;
                }
                Err(LockError::Malformed(why)) => why,
            },
            Err(error) => error.to_string(),
        },
        Err(ReadError::NotFound) => return None,
        Err(error) => error.to_string(),
    };
    subject.observations.push(Observation::Unreadable {
        place: paths.shown(file),
        why,
    });
    None
}

enum LockError {
    Version(String),
    Malformed(String),
}

/// The entries of a lockfile of version 2 or 3, the ones that list packages by folder.
fn packages(lock: &Value) -> Result<Vec<NpmPackage>, LockError> {
    let malformed = |why: &str| LockError::Malformed(text::excerpt(why, 200));
    match lock.get("lockfileVersion").and_then(Value::as_u64) {
        Some(2 | 3) => {}
        _ => {
            let found = lock
                .get("lockfileVersion")
                .unwrap_or(&Value::Null)
                .to_string();
            return Err(LockError::Version(format!(
                "lockfileVersion {}, where 2 and 3 are known",
                text::excerpt(&found, 40)
            )));
        }
    }
    let entries = lock
        .get("packages")
        .and_then(Value::as_object)
        .ok_or_else(|| malformed("has no packages"))?;
    if entries.len() > MAX_PACKAGES {
        return Err(malformed("holds too many packages"));
    }
    let mut packages = Vec::with_capacity(entries.len());
    for (path, entry) in entries.iter().filter(|(path, _)| !path.is_empty()) {
        let entry = entry
            .as_object()
            .ok_or_else(|| malformed(&format!("{path} is no object")))?;
        let text = |key: &str| match entry.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(malformed(&format!("{path}: {key} is no text"))),
        };
        let flag = |key: &str| match entry.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(malformed(&format!("{path}: {key} is no truth value"))),
        };
        let folder = path
            .rsplit_once("node_modules/")
            .map_or(path.as_str(), |(_, name)| name);
        packages.push(NpmPackage {
            path: path.clone(),
            name: text("name")?.unwrap_or_else(|| folder.to_owned()),
            version: text("version")?,
            resolved: text("resolved")?,
            integrity: text("integrity")?,
            in_bundle: flag("inBundle")?,
            has_install_script: flag("hasInstallScript")?,
            link: flag("link")?,
            optional: flag("optional")?,
        });
    }
    packages.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrity_of_lock_entries() {
        let strong = Sri::of(b"x").to_string();
        let weak = |integrity: Option<&str>, resolved: &str| {
            let package = NpmPackage {
                path: "node_modules/a".to_owned(),
                integrity: integrity.map(str::to_owned),
                resolved: Some(resolved.to_owned()),
                ..NpmPackage::default()
            };
            weakness(&package)
        };
        let url = "https://registry.example/a/-/a-1.0.0.tgz";
        assert_eq!(weak(Some(&strong), url), None);
        assert_eq!(
            weak(
                Some(&format!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= {strong}")),
                url
            ),
            None
        );
        assert!(weak(Some("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="), url).is_some());
        assert!(weak(Some("sha512-AAAA"), url).is_some());
        assert!(weak(Some(""), url).is_some());
        assert!(weak(None, url).is_some());
        assert_eq!(weak(None, "git+ssh://git@host.example/a.git#0123"), None);
        assert_eq!(weak(None, "file:../a.tgz"), None);
    }
}
