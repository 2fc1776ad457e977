//! Which package is the OpenClaw that would be started: the one that is named, else the one behind `openclaw` on PATH.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use openclaw_verify_core::inventory::{HostCommand, owner_of};
use openclaw_verify_core::{Error, Result, read};

/// The host package, as far as it is known.
#[derive(Default)]
pub(crate) struct Host {
    /// Its folder.
    pub(crate) folder: Option<PathBuf>,
    /// The command `openclaw` on PATH.
    pub(crate) command: Option<HostCommand>,
}

/// The package in the folder that the operator names.
pub(crate) fn named(dir: &Path) -> Result<PathBuf> {
    let real = dir
        .canonicalize()
        .map_err(|error| Error::io("find the host package", dir, error))?;
    if is_host(&real) {
        Ok(real)
    } else {
        Err(Error::environment(
            format!(
                "{} is not the OpenClaw package: no package.json there with the name `openclaw`",
                dir.display()
            ),
            "name the folder of the package, such as /usr/lib/node_modules/openclaw",
        ))
    }
}

/// The package behind the `openclaw` command on PATH. Relative entries of PATH and anything inside the state directory are passed
/// over: what is under test must not name its own host.
pub(crate) fn on_path(state_dir: &Path) -> Host {
    let Some(command) = command(state_dir) else {
        return Host::default();
    };
    let outside = |folder: &PathBuf| !folder.starts_with(state_dir);
    Host {
        folder: command.host.clone().filter(outside),
        command: Some(command),
    }
}

/// The `openclaw` command on PATH.
pub(crate) fn command(state_dir: &Path) -> Option<HostCommand> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("openclaw"))
        .find(|found| found.metadata().is_ok_and(|metadata| metadata.is_file()))?;
    let owners = [owner_of(state_dir), rustix::process::geteuid().as_raw()];
    Some(HostCommand::of(&found, &owners))
}

/// The `node` that PATH names. Relative entries are passed over.
pub(crate) fn node_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("node"))
        .find(|found| found.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// Paths of which a change can make `openclaw` on PATH another one: where it would be found first, the command itself, and every symlink on
/// the way to the file behind it.
pub(crate) fn places_on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = Vec::new();
    for folder in std::env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        let command = folder.join("openclaw");
        places.extend(followed(&command));
        if command.metadata().is_ok_and(|found| found.is_file()) {
            break;
        }
    }
    places
}

/// The symlinks on the way to `path`, which is absolute, each without a symlink above it, and at last what it leads to.
fn followed(path: &Path) -> Vec<PathBuf> {
    // As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let names = |path: &Path| -> Vec<OsString> {
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        });
        let mut names: Vec<OsString> = names.collect();
        names.reverse();
        names
    };
    let (mut links, mut at, mut left) = (Vec::new(), PathBuf::from("/"), names(path));
    while let Some(name) = left.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let here = at.join(&name);
        match std::fs::read_link(&here) {
            Ok(target) if links.len() < MAX_LINKS => {
                left.extend(names(&target));
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                links.push(here);
            }
            _ => at = here,
        }
    }
    links.push(at);
    links
}

fn is_host(folder: &Path) -> bool {
    const PACKAGE_JSON_MAX: u64 = 4 << 20;
    let Ok(text) = read::text(&folder.join("package.json"), PACKAGE_JSON_MAX) else {
        return false;
    };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else {
        return false;
    };
    package.get("name").and_then(serde_json::Value::as_str) == Some("openclaw")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_on_the_way_is_named() {
        let dir = tempfile::tempdir().expect("folder");
        let root = dir.path().canonicalize().expect("folder");
        let link = |to: &str, at: &str| {
            std::os::unix::fs::symlink(to, root.join(at)).expect("link");
        };
        std::fs::create_dir_all(root.join("v1/bin")).expect("folder");
        std::fs::write(root.join("v1/main.mjs"), "").expect("file");
        link("../main.mjs", "v1/bin/openclaw");
        link("v1", "current");
        let found = followed(&root.join("current/bin/openclaw"));
        let wanted = ["current", "v1/bin/openclaw", "v1/main.mjs"];
        assert_eq!(found, wanted.map(|path| root.join(path)));
        let none = followed(&root.join("current/none/openclaw"));
        assert_eq!(
            none,
            ["current", "v1/none/openclaw"].map(|path| root.join(path))
        );
        link("turn", "turn");
        assert!(followed(&root.join("turn")).len() <= 41);
    }
}
