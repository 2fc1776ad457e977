//! Which package is the OpenClaw that would be started: the one that is named, else the one behind `openclaw` on PATH.

use std::path::{Path, PathBuf};

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
