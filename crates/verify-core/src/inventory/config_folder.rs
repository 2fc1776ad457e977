//! The folder of the config, where that is not in the state directory.
//!
//! `OPENCLAW_CONFIG_PATH` moves more than the config: while `OPENCLAW_STATE_DIR` is not set, OpenClaw takes what it installs, managed
//! skills, hooks and `.env` from the folder in which the config lies. [S `resolveConfigDir`]

use std::path::Path;

use super::environment;
use super::paths::Paths;
use super::search_path::Expands;
use super::{InventoryOptions, Observation};

/// What OpenClaw loads code or prompts from, below that folder.
const LOADED: [&str; 9] = [
    "cron",
    "extensions",
    "git",
    "hooks",
    "npm",
    "plugin-skills",
    "settings",
    "skills",
    "tools",
];

/// What OpenClaw takes from the config's folder and not from the state directory.
pub(super) fn read(paths: &Paths, options: &InventoryOptions) -> Vec<Observation> {
    let Some(folder) = other_than_state(paths, options) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    environment::file(paths, &folder.join(".env"), Expands::Nothing, &mut found);
    let holds: Vec<_> = LOADED
        .into_iter()
        .filter(|name| paths.is_there(&folder.join(name)))
        .collect();
    if !holds.is_empty() {
        found.push(Observation::ConfigFolder {
            place: paths.shown(folder),
            holds: holds.join(", "),
            state: crate::text::visible(&paths.state.to_string_lossy()).into_owned(),
        });
    }
    found
}

/// Whether the folder of a config holds what OpenClaw takes from there: then that folder is what is to be judged where no state directory
/// is named and none is at the usual place.
pub fn holds_code(folder: &Path) -> bool {
    LOADED
        .iter()
        .any(|name| folder.join(name).symlink_metadata().is_ok())
}

fn other_than_state<'o>(paths: &Paths, options: &'o InventoryOptions) -> Option<&'o Path> {
    if options.state_is_set || paths.relocated() {
        return None;
    }
    let folder = options.config.as_deref()?.parent()?;
    // The name decides and not where a link leads: OpenClaw takes the folder of the path that it was told.
    let real = paths.real(folder).ok()?;
    (real != paths.state).then_some(folder)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A state directory, the folder of a config elsewhere, and what is found where `names` lie in it.
    fn found(names: &[&str], state_is_set: bool) -> Vec<Observation> {
        let folder = tempfile::tempdir().expect("folder");
        let [state, conf] = ["state", "conf"].map(|name| folder.path().join(name));
        for folder in [&state, &conf] {
            std::fs::create_dir(folder).expect("folder");
        }
        for name in names {
            match *name {
                ".env" => std::fs::write(conf.join(name), "BASH_ENV=/tmp/x\n").expect("file"),
                name => std::fs::create_dir(conf.join(name)).expect("folder"),
            }
        }
        let options = InventoryOptions {
            config: Some(conf.join("openclaw.json")),
            state_is_set,
            ..InventoryOptions::new(PathBuf::from(&state))
        };
        read(&Paths::plain(&state), &options)
    }

    #[test]
    fn a_second_place_of_code_is_named() {
        for name in LOADED {
            let found = found(&[name], false);
            assert!(
                matches!(found.as_slice(), [Observation::ConfigFolder { holds, .. }] if holds == name),
                "{name}: {found:?}"
            );
        }
        assert!(matches!(
            found(&[".env"], false).as_slice(),
            [Observation::LoadOverride { variable, .. }] if variable == "BASH_ENV"
        ));
    }

    #[test]
    fn a_config_alone_or_a_state_that_openclaw_is_told_is_silent() {
        assert!(found(&[], false).is_empty());
        assert!(found(&["extensions", ".env"], true).is_empty());
    }
}
