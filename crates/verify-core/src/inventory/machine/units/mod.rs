//! Units of the service manager that start this gateway: options on the command line, who they run as, what confines them, and secrets
//! that stand in them. What the manager has loaded is another thing, which no file shows.

use std::path::{Path, PathBuf};

use super::super::paths::{Kind, Paths};
use super::super::services::{Unit, assignments, lines, of_home, user_folders, words};
use super::files::who_reads;
use super::reach::Verdict;
use super::secrets::{is_secret, is_secret_variable};
use crate::{read, text};

/// Most bytes of a property list.
const MAX_FILE: u64 = 1 << 20;
/// Directives that confine, each with values that do not.
const HARDENING: [(&str, &[&str]); 6] = [
    ("NoNewPrivileges", &["no", "false", "0", "off"]),
    ("ProtectSystem", &["no", "false", "0", "off"]),
    ("ProtectHome", &["no", "false", "0", "off"]),
    ("UMask", &["0022", "022", "0002", "002", "0000", "000"]),
    ("RestrictAddressFamilies", &[]),
    ("CapabilityBoundingSet", &[]),
];

/// One unit, or one property list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    /// How it is shown.
    pub(crate) shown: String,
    /// Every file that it is made of.
    pub(crate) files: Vec<PathBuf>,
    /// It is one of the system, not of a user.
    pub(crate) of_system: bool,
    /// It is a property list.
    pub(crate) is_plist: bool,
    /// `--bind` of its command line, with file and line.
    pub(crate) bind: Option<(String, String, usize)>,
    /// `--port` of its command line, or by its variables.
    pub(crate) port: Option<u16>,
    /// Who it runs as, where it says so.
    pub(crate) user: Option<String>,
    /// What it does not say of what confines.
    pub(crate) missing: Vec<&'static str>,
    /// Names of variables with a secret, with file and line.
    pub(crate) secrets: Vec<(String, String, usize)>,
    /// Files of it that hold one.
    secret_files: Vec<PathBuf>,
    /// Whether others can read such a file; none where that is not known.
    pub(crate) readable: Option<bool>,
    /// Files with variables that it names.
    pub(crate) environment_files: Vec<PathBuf>,
}

/// Reads all of them. `etc`: in place of `/etc`, and then of everything outside the home folder.
pub(super) fn read_all(paths: &Paths, host: Option<&Path>, etc: Option<&Path>) -> Vec<Service> {
    let mut folders: Vec<(PathBuf, bool)> = Vec::new();
    match etc {
        Some(etc) => folders.extend([
            (etc.join("systemd/system"), false),
            (etc.join("systemd/user"), true),
        ]),
        None => {
            for root in [
                "/etc/systemd",
                "/run/systemd",
                "/usr/local/lib/systemd",
                "/usr/lib/systemd",
            ] {
                folders.push((Path::new(root).join("system"), false));
                folders.push((Path::new(root).join("user"), true));
            }
        }
    }
    if let Some(home) = &paths.home {
        folders.extend(user_folders(home).map(|folder| (folder, true)));
    }
    let all: Vec<PathBuf> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    let mut found = Vec::new();
    for (folder, own) in &folders {
        for entry in paths.list(folder).unwrap_or_default() {
            let name = entry.name.to_string_lossy().into_owned();
            if entry.kind != Kind::File || !name.ends_with(".service") {
                continue;
            }
            // The system's own units are many, and none of them names OpenClaw by chance.
            let quick = name.contains("openclaw") || *own || !folder.starts_with("/usr");
            let Some(unit) = quick
                .then(|| Unit::read(paths, &entry.path, &name, &all, &mut Vec::new()))
                .flatten()
            else {
                continue;
            };
            if unit.is_about(paths, host, *own) && starts_gateway(&unit) {
                found.push(service(paths, &unit, &entry.path, !own));
            }
        }
    }
    if let Some(home) = &paths.home {
        for entry in paths
            .list(&home.join("Library/LaunchAgents"))
            .unwrap_or_default()
        {
            if entry.kind == Kind::File && entry.path.extension().is_some_and(|end| end == "plist")
            {
                found.extend(plist(paths, &entry.path));
            }
        }
    }
    for service in found
        .iter_mut()
        .filter(|service| !service.secrets.is_empty())
    {
        let verdicts: Vec<Verdict> = service
            .secret_files
            .iter()
            .map(|file| who_reads(paths, etc, file))
            .collect();
        service.readable = if verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Others { .. }))
        {
            Some(true)
        } else if verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Unknown(_)))
        {
            None
        } else {
            Some(false)
        };
    }
    found
}

fn starts_gateway(unit: &Unit) -> bool {
    let all = unit.texts.iter().flat_map(|(_, text)| lines(text));
    all.into_iter().any(|line| {
        line.strip_prefix("ExecStart=")
            .is_some_and(|line| line.contains("gateway"))
    })
}

fn service(paths: &Paths, unit: &Unit, file: &Path, of_system: bool) -> Service {
    let mut found = Service {
        shown: paths.shown(file),
        files: unit.texts.iter().map(|(file, _)| file.clone()).collect(),
        of_system,
        ..Service::default()
    };
    let mut values: Vec<(String, String)> = Vec::new();
    for (file, text) in &unit.texts {
        let shown = paths.shown(file);
        let line_of = |wanted: &str| {
            let at = text.lines().position(|line| line.contains(wanted));
            at.map_or(1, |at| at + 1)
        };
        for line in lines(text) {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            match key {
                "ExecStart" => {
                    let words = words(value);
                    if words.is_empty() {
                        (found.bind, found.port) = (None, None);
                        continue;
                    }
                    if let Some(bind) = option(&words, "--bind") {
                        found.bind = Some((bind, shown.clone(), line_of("--bind")));
                    }
                    found.port = option(&words, "--port")
                        .and_then(|port| port.parse().ok())
                        .or(found.port);
                }
                "User" => {
                    found.user = Some(text::excerpt(value, 60)).filter(|user| !user.is_empty())
                }
                "Environment" => {
                    for (name, value) in assignments(value) {
                        if name == "OPENCLAW_GATEWAY_PORT" {
                            found.port = found.port.or_else(|| value.parse().ok());
                        }
                        if is_secret_variable(&name) && is_secret(&value) {
                            let name = text::excerpt(&name, 80);
                            let line = line_of(&name);
                            found.secrets.push((name, shown.clone(), line));
                            found.secret_files.push(file.clone());
                        }
                    }
                }
                "EnvironmentFile" => {
                    let written = value.trim_start_matches('-').trim_matches('"');
                    let path = PathBuf::from(of_home(paths, written));
                    if path.is_absolute() {
                        found.environment_files.push(path);
                    }
                }
                _ => values.push((key.to_owned(), value.to_ascii_lowercase())),
            }
        }
    }
    found.missing = not_hardened(&values);
    found
}

/// The directives for hardening that do not hold.
fn not_hardened(values: &[(String, String)]) -> Vec<&'static str> {
    let mut missing = Vec::new();
    for (directive, weak) in HARDENING {
        // The last one counts, and one without a value resets the list; an empty set of capabilities is the strictest.
        let last = values
            .iter()
            .rev()
            .find(|(key, _)| key == directive)
            .map(|(_, value)| value.as_str());
        let holds = match last {
            None => {
                directive == "ProtectHome"
                    && values
                        .iter()
                        .any(|(key, value)| key == "ReadWritePaths" && !value.is_empty())
            }
            Some("") => directive == "CapabilityBoundingSet",
            Some(value) => {
                let dropped = directive == "CapabilityBoundingSet" && value.starts_with('~');
                !weak.contains(&value) && !dropped
            }
        };
        if !holds {
            missing.push(directive);
        }
    }
    missing
}

/// The value of an option of a command line: behind it, or behind `=`.
fn option(words: &[String], name: &str) -> Option<String> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => words.get(at + 1).cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
}

/// A property list of launchd in its form of text. A binary one is not read.
fn plist(paths: &Paths, file: &Path) -> Option<Service> {
    let real = paths.real(file).ok()?;
    let written = read::text(&real, MAX_FILE).ok()?;
    if !written.contains("openclaw") || !written.contains("gateway") {
        return None;
    }
    let shown = paths.shown(file);
    let mut found = Service {
        shown: shown.clone(),
        files: vec![file.to_owned()],
        is_plist: true,
        ..Service::default()
    };
    let texts = |part: &str, tag: &str| -> Vec<String> {
        let open = format!("<{tag}>");
        part.split(open.as_str())
            .skip(1)
            .filter_map(|rest| rest.split('<').next().map(str::to_owned))
            .collect()
    };
    if let Some(part) = written
        .split("<key>ProgramArguments</key>")
        .nth(1)
        .and_then(|part| part.split("</array>").next())
    {
        let words = texts(part, "string");
        if let Some(bind) = option(&words, "--bind") {
            found.bind = Some((bind, shown.clone(), line_in(&written, "--bind")));
        }
        found.port = option(&words, "--port").and_then(|port| port.parse().ok());
    }
    if let Some(part) = written
        .split("<key>EnvironmentVariables</key>")
        .nth(1)
        .and_then(|part| part.split("</dict>").next())
    {
        for entry in part.split("<key>").skip(1) {
            let Some((name, rest)) = entry.split_once("</key>") else {
                continue;
            };
            let value = texts(rest, "string").into_iter().next().unwrap_or_default();
            if is_secret_variable(name) && is_secret(&value) {
                let name = text::excerpt(name, 80);
                let line = line_in(&written, &format!("<key>{name}</key>"));
                found.secrets.push((name, shown.clone(), line));
                found.secret_files = vec![file.to_owned()];
            }
        }
    }
    Some(found)
}

fn line_in(text: &str, wanted: &str) -> usize {
    text.lines()
        .position(|line| line.contains(wanted))
        .map_or(1, |at| at + 1)
}
