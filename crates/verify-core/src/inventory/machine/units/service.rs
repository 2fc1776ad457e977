//! One unit with its drop-ins, as far as rules ask for it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::super::environment;
use super::super::super::paths::Paths;
use super::super::super::services::{Unit, assignments, lines, of_home, words};
use super::super::secrets::{is_secret, is_secret_variable};
use super::command::CommandLine;
use super::{is_of_gateway, line_in};
use crate::text;

/// Directives that confine. [systemd.exec(5)]
const HARDENING: [&str; 6] = [
    "NoNewPrivileges",
    "ProtectSystem",
    "ProtectHome",
    "UMask",
    "RestrictAddressFamilies",
    "CapabilityBoundingSet",
];
/// Variables with a credential of the gateway.
pub(in super::super) const GATEWAY: [&str; 2] =
    ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];
/// How systemd writes that something is switched off. [`parse_boolean`]
const OFF: [&str; 6] = ["0", "no", "n", "false", "f", "off"];

/// Who a unit runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunsAs {
    /// It does not say.
    #[default]
    Unsaid,
    /// This user.
    User(String),
    /// A user that the manager makes for it.
    Dynamic,
    /// What stands here for a user is filled in when the unit is started.
    Filled(String),
}

/// What a unit says, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The value, as it is written.
    pub(crate) value: String,
    /// The file, as it is to be shown.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

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
    /// It starts the gateway, and not another command of OpenClaw.
    pub(crate) is_gateway: bool,
    /// Why its gateway may have options that it does not show; none where it shows all of them.
    pub(crate) hidden: Option<String>,
    /// `--bind` of its command line.
    pub(crate) bind: Option<Said>,
    /// `--auth` of its command line.
    pub(crate) auth: Option<Said>,
    /// `--tailscale` of its command line.
    pub(crate) tailscale: Option<Said>,
    /// The config that it names by a variable, where that is another one than the judged.
    pub(crate) config: Option<PathBuf>,
    /// Its command line names a file with the password.
    pub(crate) has_password_file: bool,
    /// Groups that it gives the gateway beside those of its user.
    pub(crate) groups: Vec<String>,
    /// `--port` of its command line, or by its variables.
    pub(crate) port: Option<u16>,
    /// Who it runs as.
    pub(crate) runs_as: RunsAs,
    /// Its command is started with all rights, whatever user it runs as: the mark that says so.
    pub(crate) elevated: Option<String>,
    /// Rights of root that it is given beside its user, as they are written.
    pub(crate) capabilities: Option<String>,
    /// What it does not say of what confines.
    pub(crate) missing: Vec<&'static str>,
    /// Names of variables with a secret, with file and line.
    pub(crate) secrets: Vec<(String, String, usize)>,
    /// Files of it that hold one.
    pub(super) secret_files: Vec<PathBuf>,
    /// Whether others can read such a file; none where that is not known.
    pub(crate) readable: Option<bool>,
    /// Files with variables that it names.
    pub(crate) environment_files: Vec<PathBuf>,
    /// Credentials of the gateway that stand in it: the name of each, its value, file and line.
    pub(crate) credentials: Vec<(String, Hidden, String, usize)>,
    /// The program that it starts.
    pub(crate) program: Option<PathBuf>,
    /// The folders in which it looks for other programs.
    pub(crate) path: Vec<PathBuf>,
}

/// A value that is judged and never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Service {
    pub(super) fn of_unit(paths: &Paths, unit: &Unit, file: &Path, of_system: bool) -> Self {
        let mut found = Self {
            shown: paths.shown(file),
            files: unit.texts.iter().map(|(file, _)| file.clone()).collect(),
            of_system,
            ..Self::default()
        };
        let mut values: Vec<(String, String)> = Vec::new();
        for (file, text) in &unit.texts {
            let shown = paths.shown(file);
            for (key, value) in settings(text) {
                match key.as_str() {
                    "ExecStart" => found.command(&of_home(paths, &value), file, &shown, text),
                    "Environment" => {
                        found.environment(&of_home(paths, &value), file, &shown, text);
                    }
                    "SetCredential" => found.credential(&value, file, &shown, text),
                    "EnvironmentFile" => found.environment_file(paths, &value),
                    _ => values.push((key, value)),
                }
            }
        }
        found.user(&values);
        found.missing = HARDENING
            .into_iter()
            .filter(|directive| !holds(directive, &values))
            .collect();
        found
    }

    fn command(&mut self, value: &str, file: &Path, shown: &str, text: &str) {
        let Some(command) = CommandLine::read(&words(value)) else {
            // An empty one takes back those before it.
            (self.bind, self.auth, self.tailscale) = (None, None, None);
            (self.port, self.elevated, self.program) = (None, None, None);
            (self.is_gateway, self.hidden, self.has_password_file) = (false, None, false);
            return;
        };
        if command.marks.contains(['+', '!']) {
            self.elevated = Some(command.marks.clone());
        }
        self.program.clone_from(&command.program);
        self.options(&command, shown, text);
        self.variables(&command.variables, file, shown, text);
        // Whoever lists the processes of this machine reads it too.
        for name in ["--token", "--password"] {
            let given = command
                .option(name)
                .filter(|value| !value.contains(['$', '%']));
            if let Some(value) = given {
                let line = line_in(text, name);
                self.secrets.push((name.to_owned(), shown.to_owned(), line));
                self.secret_files.push(file.to_owned());
                self.credentials
                    .push((name.to_owned(), Hidden(value), shown.to_owned(), line));
            }
        }
    }

    /// Options that win over the config.
    pub(super) fn options(&mut self, command: &CommandLine, shown: &str, text: &str) {
        let said = |name: &str| {
            let value = command.option(name)?;
            let (file, line) = (shown.to_owned(), line_in(text, name));
            Some(Said { value, file, line })
        };
        self.bind = said("--bind").or(self.bind.take());
        self.auth = said("--auth").or(self.auth.take());
        self.tailscale = said("--tailscale").or(self.tailscale.take());
        self.has_password_file |= command.option("--password-file").is_some();
        let port = command.option("--port").and_then(|port| port.parse().ok());
        self.port = port.or(self.port);
        self.hidden = command.hidden.clone().or(self.hidden.take());
        self.is_gateway |= command.names_gateway || command.hidden.is_some();
        if !self.is_gateway && is_of_gateway(shown) {
            self.is_gateway = true;
            self.hidden = Some("its command does not name the gateway".to_owned());
        }
    }

    /// `NAME:VALUE`, where the value stands in the unit.
    fn credential(&mut self, value: &str, file: &Path, shown: &str, text: &str) {
        let Some((name, value)) = value.split_once(':') else {
            return;
        };
        if is_secret(value) {
            let name = text::excerpt(&format!("SetCredential {name}"), 80);
            let line = line_in(text, "SetCredential");
            self.secrets.push((name, shown.to_owned(), line));
            self.secret_files.push(file.to_owned());
        }
    }

    fn environment(&mut self, value: &str, file: &Path, shown: &str, text: &str) {
        self.variables(&assignments(value), file, shown, text);
    }

    pub(super) fn variables(
        &mut self,
        all: &[(String, String)],
        file: &Path,
        shown: &str,
        text: &str,
    ) {
        for (name, value) in all {
            if name == "OPENCLAW_GATEWAY_PORT" {
                self.port = self.port.or_else(|| value.parse().ok());
            }
            self.place(name, value);
            if name == "PATH" {
                self.path = value.split(':').map(PathBuf::from).collect();
                self.path.retain(|folder| folder.is_absolute());
            }
            if GATEWAY.contains(&name.as_str()) {
                let line = line_in(text, name);
                let value = Hidden(value.clone());
                self.credentials
                    .push((name.clone(), value, shown.to_owned(), line));
            }
            if is_secret_variable(name) && is_secret(value) {
                let name = text::excerpt(name, 80);
                let line = line_in(text, &name);
                self.secrets.push((name, shown.to_owned(), line));
                self.secret_files.push(file.to_owned());
            }
        }
    }

    /// A variable that says where the config is.
    fn place(&mut self, name: &str, value: &str) {
        if name == "OPENCLAW_CONFIG_PATH" && !value.is_empty() {
            self.config = Some(PathBuf::from(value));
        }
    }

    /// What files of variables say, which win over what stands in the unit. Their secrets are judged as files. [systemd.exec(5)]
    pub(super) fn of_files(&mut self, paths: &Paths) {
        for file in self.environment_files.clone() {
            let shown = paths.shown(&file);
            for (name, value) in environment::values_of(paths, &file) {
                self.place(&name, &value);
                if name == "OPENCLAW_GATEWAY_PORT" {
                    self.port = self.port.or_else(|| value.parse().ok());
                }
                if GATEWAY.contains(&name.as_str()) {
                    self.credentials.retain(|(known, ..)| *known != name);
                    self.credentials
                        .push((name, Hidden(value), shown.clone(), 1));
                }
            }
        }
    }

    fn environment_file(&mut self, paths: &Paths, value: &str) {
        let written = value.trim_start_matches('-').trim_matches('"');
        let path = PathBuf::from(of_home(paths, written));
        if path.is_absolute() {
            self.environment_files.push(path);
        }
    }

    fn user(&mut self, values: &[(String, String)]) {
        let user = last(values, "User").unwrap_or_default();
        let dynamic = last(values, "DynamicUser").unwrap_or("no");
        let shown = text::excerpt(user, 60);
        self.runs_as = match user {
            "" if !is_off(dynamic) => RunsAs::Dynamic,
            "" => RunsAs::Unsaid,
            _ if user.contains('%') => RunsAs::Filled(shown),
            _ => RunsAs::User(shown),
        };
        let added: Vec<&str> = last(values, "AmbientCapabilities")
            .unwrap_or_default()
            .split_whitespace()
            // To listen on a port below 1024 takes this one alone.
            .filter(|name| !name.eq_ignore_ascii_case("CAP_NET_BIND_SERVICE"))
            .collect();
        let added = text::excerpt(&added.join(" "), 120);
        self.capabilities = Some(added).filter(|added| !added.is_empty());
        let primary = last(values, "Group").filter(|group| !group.is_empty());
        self.groups = primary.map(str::to_owned).into_iter().collect();
        // Of this one all count, and an empty one takes back those before it. [systemd.exec(5)]
        let mut beside = Vec::new();
        for (_, value) in values
            .iter()
            .filter(|(key, _)| key == "SupplementaryGroups")
        {
            match value.is_empty() {
                true => beside.clear(),
                false => {
                    beside.extend(value.split_whitespace().map(|name| text::excerpt(name, 60)))
                }
            }
        }
        self.groups.extend(beside);
    }
}

/// Keys and values of the section of services. What stands in another section the manager passes over.
fn settings(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in lines(text) {
        if line.starts_with('[') {
            inside = line == "[Service]";
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// The last value of a directive, which is the one that counts.
fn last<'v>(values: &'v [(String, String)], directive: &str) -> Option<&'v str> {
    let found = values.iter().rev().find(|(key, _)| key == directive)?;
    Some(&found.1)
}

/// Whether a directive confines.
fn holds(directive: &str, values: &[(String, String)]) -> bool {
    let last = last(values, directive);
    match (directive, last) {
        ("ProtectHome", None) => values
            .iter()
            .any(|(key, value)| key == "ReadWritePaths" && !value.is_empty()),
        (_, None) => false,
        // An empty set of capabilities is the strictest; a list of what is taken away leaves the rest.
        ("CapabilityBoundingSet", Some(value)) => !value.starts_with('~'),
        (_, Some("")) => false,
        ("UMask", Some(value)) => {
            u32::from_str_radix(value, 8).is_ok_and(|mask| mask & 0o007 == 0o007)
        }
        (_, Some(value)) => !is_off(value),
    }
}

fn is_off(value: &str) -> bool {
    OFF.contains(&value.to_ascii_lowercase().as_str())
}
