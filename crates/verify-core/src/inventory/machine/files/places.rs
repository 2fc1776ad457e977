//! Which files hold secrets, and which decide what runs.

mod named;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::super::paths::{Kind, Paths};
use super::super::repository::variables_with_secrets;
use super::super::secrets::is_copy_of;
use super::super::{At, Machine};
use super::{Below, MAX_SECRETS};
use crate::read;

/// Most bytes of a file with variables that is looked into.
const MAX_VARIABLES: u64 = 1 << 20;

/// Files that hold secrets. [facts of OpenClaw 2026.9.6: S, M]
pub(super) fn secrets(
    paths: &Paths,
    machine: &Machine,
    config: &[PathBuf],
    tmp: Option<&Path>,
    owner: u32,
) -> Vec<(&'static str, PathBuf)> {
    let state = &paths.state;
    let mut found: Vec<(&'static str, PathBuf)> = config
        .iter()
        .map(|file| ("the config", file.clone()))
        .collect();
    found.extend(at_the_top(paths, machine));
    let files = |what: &'static str, folder: PathBuf, names: &[&str]| {
        let found = files_named(paths, &folder, names).into_iter();
        found.map(move |file| (what, file))
    };
    // A pair that OpenClaw makes where the config names none, and the identity that it had before its database. [S
    // `loadGatewayTlsServerRuntime`, `LEGACY_DEVICE_IDENTITY_RELATIVE_PATH`]
    for (what, folder, names) in [
        ("a private key", "gateway/tls", &["key"] as &[&str]),
        ("the key of this device", "identity", &[]),
        ("OpenClaw's database", "state", &[".sqlite"]),
        ("variables of the service", "service-env", &[]),
    ] {
        found.extend(files(what, state.join(folder), names));
    }
    let agents = paths.list(&state.join("agents")).unwrap_or_default();
    for agent in agents.into_iter().take(1000) {
        let folder = agent.path.join("agent");
        let credentials = ["auth-profiles.json", "auth.json"];
        let of_codex = folder.join("codex-home");
        found.extend(files("an agent's credentials", of_codex, &["auth.json"]));
        found.extend(files("an agent's database", folder.clone(), &[".sqlite"]));
        found.extend(files("an agent's credentials", folder, &credentials));
        found.extend(files(
            "a transcript",
            agent.path.join("sessions"),
            &[".json"],
        ));
    }
    let mut open = vec![(state.join("credentials"), 0)];
    while let Some((folder, depth)) = open.pop() {
        if depth < 4 {
            let folders = paths.list(&folder).unwrap_or_default().into_iter();
            let folders = folders.filter(|entry| entry.kind == Kind::Folder);
            open.extend(folders.map(|entry| (entry.path, depth + 1)));
        }
        found.extend(files("credentials of a channel", folder, &[]));
    }
    let home = paths.home.iter();
    let home = home.map(|home| home.join(".config/openclaw/gateway.env"));
    let spaces = machine.places.workspaces.iter();
    let spaces = spaces.map(|space| space.join(".env"));
    found.extend(home.chain(spaces).map(|file| ("variables with keys", file)));
    found.extend(files("a log", state.join("logs"), &[]));
    if let Some(tmp) = tmp {
        found.extend(files("a log", tmp.join("openclaw"), &[".log"]));
    }
    found.extend(of_config(machine));
    let named = machine
        .services()
        .iter()
        .flat_map(|service| &service.environment_files);
    found.extend(named.map(|file| ("variables of the service", file.clone())));
    let of_containers = machine
        .given
        .openclaws()
        .flat_map(|container| &container.env_files)
        .filter(|file| holds_secrets(file));
    found.extend(of_containers.map(|file| ("variables of the container", file.clone())));
    // What another user keeps in the shared temporary folder is not this installation's.
    let ours = |path: &Path| {
        tmp.is_none_or(|tmp| !path.starts_with(tmp))
            || std::fs::metadata(path).is_ok_and(|found| found.uid() == owner)
    };
    found.retain(|(what, path)| *what != "a log" || ours(path));
    found
}

/// Those that lie in the state directory itself.
fn at_the_top(paths: &Paths, machine: &Machine) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    let name = machine.shown.rsplit('/').next().unwrap_or_default();
    for entry in paths.list(&paths.state).unwrap_or_default() {
        let file = entry.name.to_string_lossy().into_owned();
        let what = match file.as_str() {
            ".env" | "gateway.systemd.env" => "variables with keys",
            "secrets.json" => "a file of secrets",
            "config-journal-fingerprint.key" => "a key",
            "exec-approvals.json" => "approvals with a token",
            other if is_copy_of(other, name) => "a copy of the config",
            _ => continue,
        };
        found.push((what, entry.path));
    }
    found
}

/// The files of a folder whose name holds one of `names`; all of them where there are none.
fn files_named(paths: &Paths, folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    let entries = paths.list(folder).unwrap_or_default().into_iter();
    entries
        .take(MAX_SECRETS)
        .filter(|entry| {
            let name = entry.name.to_string_lossy();
            let named = names.is_empty() || names.iter().any(|part| name.contains(part));
            entry.kind == Kind::File && named
        })
        .map(|entry| entry.path)
        .collect()
}

/// Whether a file of variables holds a secret; one that cannot be read may.
fn holds_secrets(file: &Path) -> bool {
    match read::text(file, MAX_VARIABLES) {
        Ok(text) => !variables_with_secrets(&text).is_empty(),
        Err(_) => true,
    }
}

/// Files that the config names as holding secrets, keys, or what was said.
fn of_config(machine: &Machine) -> Vec<(&'static str, PathBuf)> {
    let root = At {
        path: Vec::new(),
        value: &machine.config,
    };
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        if found.len() > MAX_SECRETS {
            break;
        }
        for (key, child) in at.members() {
            let written = child.value.as_str();
            let in_provider = at.path.iter().any(|part| part == "providers")
                && at.path.first().is_some_and(|part| part == "secrets");
            let what = match key {
                "tokenFile" | "passwordFile" | "apiKeyFile" | "secretFile" => {
                    Some("a file with a secret")
                }
                "keyPath" | "keyFile" | "privateKeyFile" | "identityFile" | "clientKey" => {
                    Some("a private key")
                }
                "path" if in_provider => Some("a file of secrets"),
                "file" if at.path == ["logging"] => Some("a log"),
                _ => None,
            };
            if let (Some(what), Some(path)) = (what, written.and_then(|text| machine.located(text)))
            {
                found.push((what, path));
            }
            if matches!(child.value, Value::Object(_) | Value::Array(_)) {
                open.push(child);
            }
        }
        open.extend(at.items());
    }
    found
}

/// What decides what runs.
pub(super) fn code(paths: &Paths, machine: &Machine) -> Vec<(&'static str, PathBuf, Below)> {
    let mut found: Vec<(&'static str, PathBuf, Below)> =
        ["extensions", "npm", "git", "hooks", "skills"]
            .iter()
            .map(|name| ("code that OpenClaw loads", paths.root(name), Below::All))
            .collect();
    for space in &machine.places.workspaces {
        found.push((
            "instructions and skills of an agent",
            space.clone(),
            Below::Workspace,
        ));
    }
    if let Some(host) = &machine.places.host {
        found.push(("the host package", host.clone(), Below::All));
    }
    let units = machine.services().iter().flat_map(|service| &service.files);
    found.extend(units.map(|file| {
        (
            "the unit that starts the gateway",
            file.clone(),
            Below::Nothing,
        )
    }));
    for service in machine.services() {
        let program = service.program.iter();
        found.extend(program.map(|file| {
            (
                "the program that runs the gateway",
                file.clone(),
                Below::Nothing,
            )
        }));
        let folders = service.path.iter();
        found.extend(folders.map(|folder| {
            (
                "a folder in which the gateway looks for programs",
                folder.clone(),
                Below::Nothing,
            )
        }));
    }
    let command = machine.text("security.installPolicy.exec.command");
    if let Some(command) = command.and_then(|command| machine.located(&command)) {
        found.push(("the command of the install policy", command, Below::Nothing));
    }
    found.extend(named::folders(machine));
    found.extend(named::programs(machine));
    found
}
