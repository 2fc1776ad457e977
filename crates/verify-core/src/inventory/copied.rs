//! A state directory that was copied or moved, which the caller does not say: its records name one folder, and it is not this one.
//!
//! Without this every plugin would be a finding of its own, and what has to be done would be in none of them.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::config::string;
use super::paths::{Paths, normalize};
use crate::error::Error;
use crate::text;

/// Folders of the state directory that OpenClaw installs into: the rest of a recorded path begins with one of them.
const ROOTS: [&str; 4] = ["extensions", "git", "hooks", "npm"];
/// What every state directory has that OpenClaw installed into.
const DATABASE: &str = "state/openclaw.sqlite";

/// Refuses a copy whose original is not named, or is said to be another one than its records name.
///
/// All records of what lies in it have to agree on one folder, which is gone, or is a state directory too: the original. Of any other
/// folder that is there OpenClaw may load code, and that is a finding about each plugin. Of a copy nothing else on this machine is
/// looked at, so there it is enough that they agree.
pub(super) fn refuse(paths: &Paths, given: &Path, index: &[(String, Value)]) -> Result<(), Error> {
    let said = paths.relocated_from.as_deref();
    let mut from: Option<PathBuf> = None;
    let mut records = 0_usize;
    for (_, record) in index {
        let Some(path) = string(record.get("installPath")).map(Path::new) else {
            continue;
        };
        if path.starts_with(&paths.state) || path.starts_with(given) {
            return Ok(());
        }
        // A folder above the original holds it, and is no state directory.
        if said.is_some_and(|said| path.strip_prefix(said).is_ok_and(is_installed)) {
            return Ok(());
        }
        match foreign(paths, path) {
            Some(prefix) if from.as_ref().is_none_or(|known| *known == prefix) => {
                from = Some(prefix);
                records += 1;
            }
            Some(_) => return Ok(()),
            // A plugin that is loaded from where it is developed says nothing of this folder.
            None => {}
        }
    }
    let Some(from) = from else {
        return Ok(());
    };
    let shown = text::visible(&from.to_string_lossy()).into_owned();
    let all = match records {
        1 => "its one record of an install names".to_owned(),
        _ => format!("all its {records} records of installs name"),
    };
    let (what, help) = match (said, from.symlink_metadata()) {
        (Some(said), _) => (
            format!(
                "this is no copy of {}: {all} {shown}",
                text::visible(&said.to_string_lossy())
            ),
            "say where it was when OpenClaw wrote it, so that the records can be compared"
                .to_owned(),
        ),
        (None, Err(_)) => (
            format!(
                "the state directory is a copy or was moved: {all} {shown}, which is not on this machine"
            ),
            "say where it was before, so that the records can be compared".to_owned(),
        ),
        // Not to be taken for granted: records that were rewritten look the same.
        (None, Ok(_)) => (
            format!(
                "{all} {shown}, which is a state directory too: that one is meant, or this is a copy of it"
            ),
            format!("judge {shown} itself; or, where you copied it, say so"),
        ),
    };
    Err(Error::Copied {
        what,
        from,
        help: Some(help),
    })
}

/// Whether a path in a state directory lies where OpenClaw installs.
fn is_installed(path: &Path) -> bool {
    let first = path.iter().next().and_then(|name| name.to_str());
    first.is_some_and(|name| ROOTS.contains(&name))
}

/// The folder before `extensions/…`, `npm/…` and their like, where that is gone or another state directory, and the rest is in this one
/// too.
fn foreign(paths: &Paths, path: &Path) -> Option<PathBuf> {
    let path = normalize(path);
    if !path.is_absolute() {
        return None;
    }
    let parts: Vec<Component<'_>> = path.components().collect();
    let at = parts.iter().rposition(|part| {
        let name = part.as_os_str().to_str();
        name.is_some_and(|name| ROOTS.contains(&name))
    });
    // The name of a package may be one of these words too, so the first that fits what is here decides.
    (1..=at?).find_map(|at| {
        let is_root = parts.get(at)?.as_os_str().to_str();
        if !is_root.is_some_and(|name| ROOTS.contains(&name)) {
            return None;
        }
        let prefix: PathBuf = parts.get(..at)?.iter().collect();
        let rest: PathBuf = parts.get(at..)?.iter().collect();
        let here = std::fs::symlink_metadata(paths.state.join(rest)).is_ok();
        let is_original = match prefix.canonicalize() {
            _ if paths.relocated() => true,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            // Another name of this folder is none of a copy.
            Ok(real) => real != paths.state && real.join(DATABASE).is_file(),
        };
        (is_original && here && prefix.parent().is_some()).then_some(prefix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(paths: &[&str]) -> Option<PathBuf> {
        judged_as(None, paths)
    }

    fn judged_as(said: Option<&str>, paths: &[&str]) -> Option<PathBuf> {
        let dir = tempfile::tempdir().expect("temp dir");
        let state = dir.path().canonicalize().expect("real").join("state");
        for folder in ["npm/projects/a", "extensions/npm", "extensions/b"] {
            std::fs::create_dir_all(state.join(folder)).expect("folder");
        }
        let here = state.to_string_lossy().into_owned();
        let record = |path: &&str| {
            let path = path.replace("{state}", &here);
            let record = serde_json::json!({ "source": "npm", "installPath": path });
            (path, record)
        };
        let index: Vec<(String, Value)> = paths.iter().map(record).collect();
        let mut places = Paths::plain(&state);
        places.relocated_from = said.map(PathBuf::from);
        match refuse(&places, &state, &index) {
            Ok(()) => None,
            Err(Error::Copied { from, what, .. }) => {
                assert!(what.contains("/before/.openclaw"), "{what}");
                Some(from)
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_original_may_still_be_there() {
        let dir = tempfile::tempdir().expect("temp dir");
        let base = dir.path().canonicalize().expect("real");
        let (state, original) = (base.join("copy"), base.join("original"));
        for folder in [&state, &original] {
            std::fs::create_dir_all(folder.join("npm/projects/a")).expect("folder");
        }
        let path = original.join("npm/projects/a");
        let index = [(
            "a".to_owned(),
            serde_json::json!({ "source": "npm", "installPath": path }),
        )];
        let judge = |state: &Path| refuse(&Paths::plain(state), state, &index);
        assert!(
            judge(&state).is_ok(),
            "no state directory: code is loaded from there"
        );
        std::fs::create_dir_all(original.join("state")).expect("folder");
        std::fs::write(original.join(DATABASE), "").expect("database");
        assert!(matches!(judge(&state), Err(Error::Copied { from, .. }) if from == original));
        assert!(judge(&original).is_ok());
        // Another name of the same folder.
        let link = base.join("link");
        std::os::unix::fs::symlink(&state, &link).expect("link");
        let own = [(
            "a".to_owned(),
            serde_json::json!({ "source": "npm", "installPath": link.join("npm/projects/a") }),
        )];
        assert!(refuse(&Paths::plain(&state), &state, &own).is_ok());
    }

    #[test]
    fn a_copy_of_another_place_than_was_said() {
        let judged = |paths: &[&str]| judged_as(Some("/home/node/.openclaw"), paths);
        let before = Some(PathBuf::from("/before/.openclaw"));
        assert_eq!(judged(&["/before/.openclaw/npm/projects/a"]), before);
        // A folder above the original is not the original.
        let above = judged_as(Some("/before"), &["/before/.openclaw/npm/projects/a"]);
        assert_eq!(above, before);
        for paths in [
            &["/home/node/.openclaw/npm/projects/a"][..],
            // One record is of the place that was said, or of a third: each is a finding of its own.
            &[
                "/home/node/.openclaw/npm/projects/a",
                "/before/.openclaw/extensions/b",
            ],
            &["/before/.openclaw/npm/projects/a", "/other/extensions/b"],
            &["/before/.openclaw/npm/projects/gone"],
        ] {
            assert_eq!(judged(paths), None, "{paths:?}");
        }
    }

    #[test]
    fn one_folder_that_is_gone_and_named_by_all_records() {
        let before = Some(PathBuf::from("/before/.openclaw"));
        assert_eq!(judged(&["/before/.openclaw/npm/projects/a"]), before);
        assert_eq!(
            judged(&[
                "/before/.openclaw/npm/projects/a",
                "/before/.openclaw/extensions/npm"
            ]),
            before
        );
        for paths in [
            &[][..],
            &["{state}/npm/projects/a"],
            // One record is of this place, or of a third.
            &["/before/.openclaw/npm/projects/a", "{state}/extensions/b"],
            &["/before/.openclaw/npm/projects/a", "/other/extensions/b"],
            // What is not here was not copied.
            &["/before/.openclaw/npm/projects/gone"],
            // A folder that is there, and no state directory, is loaded from.
            &["/usr/npm/projects/a"],
            &["/extensions/b"],
            &["npm/projects/a"],
        ] {
            assert_eq!(judged(paths), None, "{paths:?}");
        }
    }
}
