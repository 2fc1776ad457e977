//! Variables that make OpenClaw or Node load other code, where the state directory or the config sets them.

mod names;

use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use super::paths::Paths;
use super::search_path::{self, Expands};
use super::{Observation, Setting, VariableEffect, planted};
use crate::launcher::node_options_are_harmless;
use crate::read::{self, ReadError};
pub(super) use names::{listed, names};

/// Most bytes of a `.env` file. [S `MAX_DOTENV_FILE_BYTES`]
const MAX_FILE: u64 = 1 << 20;

/// Variables that name code, or a folder to take code, config or state from, and those that redirect. The lists are OpenClaw's own:
/// what it refuses in a workspace's `.env` and takes out of the environment of commands. [S `host-env-security`, `dotenv`]
const TABLE: &str = include_str!("tables/load-env.tsv");

/// Environment files of the state directory that OpenClaw or its units read.
pub(super) const USUAL: [&str; 3] = [".env", "gateway.systemd.env", "node.systemd.env"];

/// The one that OpenClaw reads beside them, below the home folder.
const OF_HOME: &str = ".config/openclaw/gateway.env";

/// Where Node keeps compiled code. OpenClaw's documents and its doctor say to set it on small machines.
const COMPILE_CACHE: &str = "NODE_COMPILE_CACHE";

/// What a variable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It loads code, or moves the place that code, config or state is taken from.
    Loads,
    /// It says from where something is fetched, or to whom it is sent.
    Redirects,
}

/// Whether a variable says from where something is fetched or to whom it is sent.
fn redirects(name: &str) -> bool {
    effect(name) == Some(Effect::Redirects)
}

/// Whether a variable loads code.
pub(super) fn loads(name: &str) -> bool {
    effect(name) == Some(Effect::Loads)
}

/// The lines of the table, in its order: the first that fits decides.
static PATTERNS: LazyLock<Vec<(&str, Option<Effect>)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (pattern, word) = (fields.next()?, fields.next()?);
            let effect = match word {
                "loads" => Some(Effect::Loads),
                "redirects" => Some(Effect::Redirects),
                _ => None,
            };
            Some((pattern, effect))
        })
        .collect()
});

/// What is observed of a variable and its value; nothing where it is harmless.
pub(super) fn judged(
    paths: &Paths,
    name: &str,
    value: &str,
    expands: Expands,
    place: String,
    set: Setting,
) -> Option<Observation> {
    let effect = effect(name)?;
    if name == COMPILE_CACHE
        && let Some(cache) = planted::own_compile_cache(paths, Path::new(unquoted(value)))
    {
        return cache;
    }
    let harmless = match name {
        "PATH" => search_path::open_entry(paths, unquoted(value), expands).is_none(),
        _ => is_harmless(name, value) || is_default(paths, name, value),
    };
    if harmless {
        return None;
    }
    Some(Observation::LoadOverride {
        variable: crate::text::excerpt(name, 80),
        place,
        effect: match effect {
            Effect::Loads => VariableEffect::Loads,
            // Of what is not known the name alone speaks.
            Effect::Redirects if value == "?" || is_address(name, unquoted(value)) => {
                VariableEffect::Redirects
            }
            Effect::Redirects => VariableEffect::Steers,
        },
        // Of a line, its file decides.
        held: matches!(set, Setting::Unit | Setting::Config(_)),
        set,
    })
}

/// Whether a value names a server: by its scheme, or as a plain host where the name says that it is one.
fn is_address(name: &str, value: &str) -> bool {
    const OF_THIS_MACHINE: [&str; 4] = ["file", "unix", "npipe", "fd"];
    const OF_SERVERS: [&str; 11] = [
        "_PROXY",
        "_URL",
        "_HOST",
        "_ENDPOINT",
        "_HOMESERVER",
        "_SERVER",
        "_BASE",
        "_ADDR",
        "_DOMAIN",
        "_REGISTRY",
        "_IP",
    ];
    let upper = name.to_ascii_uppercase();
    match value.split_once("://") {
        Some((scheme, _)) => !OF_THIS_MACHINE.contains(&scheme.to_ascii_lowercase().as_str()),
        None => {
            !value.contains(['/', '\\', '~', '$'])
                && OF_SERVERS.iter().any(|ending| upper.ends_with(ending))
        }
    }
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// Whether a variable names the very place that is judged: OpenClaw's own units do, and that moves nothing.
pub(super) fn is_own_place(paths: &Paths, name: &str, value: &str) -> bool {
    let value = unquoted(value);
    let path = Path::new(value);
    let real = || paths.real(path).ok();
    match name.to_ascii_uppercase().as_str() {
        "OPENCLAW_STATE_DIR" => {
            real().is_some_and(|real| real == paths.state)
                || paths.relocated_from.as_deref() == Some(path)
        }
        "OPENCLAW_CONFIG_PATH" => ["openclaw.json", "clawdbot.json"]
            .iter()
            .any(|name| real().is_some_and(|real| real == paths.state.join(name))),
        "OPENCLAW_HOME" => paths.home.as_deref() == Some(path),
        "OPENCLAW_PROFILE" => {
            let name = paths
                .state
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            name == format!(".openclaw-{value}") || value == "default" && name == ".openclaw"
        }
        _ => false,
    }
}

fn effect(name: &str) -> Option<Effect> {
    let upper = name.to_ascii_uppercase();
    let line = PATTERNS.iter().find(|(pattern, _)| {
        match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => upper.ends_with(end),
            (_, Some(start)) => upper.starts_with(start),
            _ => upper == *pattern,
        }
    });
    line.and_then(|(_, effect)| *effect)
}

/// Programs by their plain names, which are the user's own choice: editors, pagers, browsers, compilers.
const USUAL_PROGRAMS: [&str; 32] = [
    "vi",
    "vim",
    "nvim",
    "nano",
    "emacs",
    "micro",
    "hx",
    "ed",
    "joe",
    "code",
    "less",
    "more",
    "cat",
    "most",
    "none",
    "true",
    "echo",
    "xdg-open",
    "firefox",
    "chromium",
    "google-chrome",
    "w3m",
    "lynx",
    "cc",
    "gcc",
    "clang",
    "c++",
    "g++",
    "clang++",
    "cpp",
    "make",
    "gmake",
];

/// Shells in the places where a system has them.
const SHELLS: [&str; 5] = ["sh", "bash", "zsh", "dash", "fish"];

/// Browsers in the places where packages of a system put them, which only root can change.
const SYSTEM_BROWSERS: [&str; 9] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/usr/bin/brave-browser",
    "/usr/bin/microsoft-edge",
    "/usr/bin/firefox",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
];

/// Where systems keep the certificates that they trust. [S `node-extra-ca-certs`, `service-env`]
const SYSTEM_CERTIFICATES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
];

/// Values that load nothing, of variables that could. What the folders of `PATH` hold is not known here.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let value = unquoted(value);
    if value.is_empty() {
        return true;
    }
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "NODE_OPTIONS" => node_options_are_harmless(value),
        "EDITOR" | "VISUAL" | "SUDO_EDITOR" | "FCEDIT" | "GIT_EDITOR" | "PAGER" | "MANPAGER"
        | "GIT_PAGER" | "BROWSER" | "CC" | "CXX" | "CPP" | "MAKE" => {
            USUAL_PROGRAMS.contains(&value)
        }
        "SHELL" => ["/bin/", "/usr/bin/"].iter().any(|folder| {
            value
                .strip_prefix(folder)
                .is_some_and(|name| SHELLS.contains(&name))
        }),
        // A shell takes it for a file that it reads first; programs of the web take it for the name of their stage.
        "ENV" => [
            "production",
            "prod",
            "staging",
            "development",
            "dev",
            "test",
            "local",
        ]
        .contains(&value),
        "MAKEFLAGS" => value
            .strip_prefix("-j")
            .is_some_and(|jobs| jobs.bytes().all(|b| b.is_ascii_digit())),
        "NODE_EXTRA_CA_CERTS"
        | "SSL_CERT_FILE"
        | "SSL_CERT_DIR"
        | "CURL_CA_BUNDLE"
        | "REQUESTS_CA_BUNDLE"
        | "GIT_SSL_CAINFO"
        | "GIT_SSL_CAPATH" => SYSTEM_CERTIFICATES.contains(&value.trim_end_matches('/')),
        // OpenClaw's own units say where the temporary folder is.
        "TMPDIR" | "TMP" | "TEMP" => matches!(value.trim_end_matches('/'), "/tmp" | "/var/tmp"),
        // The usual socket of the user's own manager.
        "DBUS_SESSION_BUS_ADDRESS" => value
            .strip_prefix("unix:path=/run/user/")
            .and_then(|rest| rest.strip_suffix("/bus"))
            .is_some_and(|user| user.bytes().all(|b| b.is_ascii_digit())),
        "HOMEBREW_PREFIX" => matches!(
            value.trim_end_matches('/'),
            "/opt/homebrew" | "/usr/local" | "/home/linuxbrew/.linuxbrew"
        ),
        "DOCKER_HOST" => {
            let socket = value.strip_prefix("unix://").unwrap_or_default();
            let rootless = socket
                .strip_prefix("/run/user/")
                .and_then(|rest| rest.strip_suffix("/docker.sock"))
                .is_some_and(|user| user.bytes().all(|b| b.is_ascii_digit()));
            rootless || matches!(socket, "/var/run/docker.sock" | "/run/docker.sock")
        }
        "NODE_TLS_REJECT_UNAUTHORIZED" => value == "1",
        "CHROME_PATH" => SYSTEM_BROWSERS.contains(&value),
        name if name.ends_with("_EXECUTABLE_PATH") => SYSTEM_BROWSERS.contains(&value),
        "OPENCLAW_LOAD_SHELL_ENV" => matches!(value, "0" | "false" | "no" | "off"),
        _ => false,
    }
}

/// Whether a variable says what would count without it: the usual place in the user's own home.
fn is_default(paths: &Paths, name: &str, value: &str) -> bool {
    let usual = match name.to_ascii_uppercase().as_str() {
        "HOME" | "USERPROFILE" => "",
        "XDG_CONFIG_HOME" => ".config",
        "XDG_CACHE_HOME" => ".cache",
        "XDG_DATA_HOME" => ".local/share",
        "XDG_STATE_HOME" => ".local/state",
        "GH_CONFIG_DIR" => ".config/gh",
        "CLOUDSDK_CONFIG" => ".config/gcloud",
        "PNPM_HOME" => ".local/share/pnpm",
        "NVM_DIR" => ".nvm",
        "FNM_DIR" => ".local/share/fnm",
        "VOLTA_HOME" => ".volta",
        "BUN_INSTALL" => ".bun",
        "MISE_DATA_DIR" => ".local/share/mise",
        "ASDF_DATA_DIR" => ".asdf",
        "RUSTUP_HOME" => ".rustup",
        "GOPATH" => "go",
        "CARGO_HOME" => ".cargo",
        "CODEX_HOME" => ".codex",
        "CLAUDE_CONFIG_DIR" => ".claude",
        "KUBECONFIG" => ".kube/config",
        "AWS_CONFIG_FILE" => ".aws/config",
        _ => return false,
    };
    // Where the home folder is not known, that is said once, and not of each line that sets it.
    if usual.is_empty() && paths.home.is_none() {
        return true;
    }
    let value = Path::new(unquoted(value));
    paths
        .own_home()
        .is_some_and(|home| value == Path::new(&home).join(usual))
}

/// What the `.env` files and the config set.
pub(super) fn read(paths: &Paths, config: &Value, config_shown: &str) -> Vec<Observation> {
    let mut found = Vec::new();
    for name in USUAL {
        let file_of_state = paths.state.join(name);
        file(paths, &file_of_state, Expands::Nothing, &mut found);
    }
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        file(paths, &home.join(OF_HOME), Expands::Nothing, &mut found);
    }
    let env = config.get("env").unwrap_or(&Value::Null);
    for (entries, place) in [
        (env, "env"),
        (env.get("vars").unwrap_or(&Value::Null), "env.vars"),
    ] {
        for (name, value) in entries.as_object().into_iter().flatten() {
            let name = name.trim();
            let value = value.as_str().unwrap_or_default();
            found.extend(judged(
                paths,
                name,
                value,
                Expands::Variables,
                format!("{config_shown}#{place}"),
                Setting::Config(format!("{place}.{name}")),
            ));
        }
    }
    found
}

/// What an environment file sets. Missing is empty.
pub(super) fn file(paths: &Paths, file: &Path, expands: Expands, found: &mut Vec<Observation>) {
    let bytes = match paths
        .real(file)
        .map_err(ReadError::Io)
        .and_then(|real| read::bytes(&real, MAX_FILE))
    {
        Ok(bytes) => bytes,
        Err(ReadError::NotFound) => return,
        // Docker makes a folder where it mounts a file that is not there, and some keepers of secrets a FIFO: OpenClaw reads neither.
        // [S `readRegularFileSync`] A service manager may read a FIFO.
        Err(ReadError::NotRegular("a folder")) => return,
        Err(ReadError::NotRegular(_)) if file == paths.state.join(".env") => return,
        Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            found.push(Observation::Unreadable {
                place: paths.shown(file),
                why: error.to_string(),
            });
            return;
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut said: HashSet<&str> = HashSet::new();
    for (name, value) in assignments(&text) {
        // The last assignment counts for dotenv and systemd; one that is harmless does not speak for the others.
        if effect(name).is_some() && !said.contains(name) && !is_own_place(paths, name, value) {
            let place = paths.shown(file);
            let judged = judged(paths, name, value, expands, place, Setting::Line);
            if judged.is_some() {
                said.insert(name);
            }
            found.extend(judged);
        }
    }
}

/// Names and values of the state directory's `.env` that are plain: what is quoted over several lines, or names another variable, has
/// no value here.
pub(super) fn values(paths: &Paths) -> Vec<(String, String)> {
    values_of(paths, &paths.state.join(".env"))
}

/// The same of another file of that form.
pub(super) fn values_of(paths: &Paths, file: &Path) -> Vec<(String, String)> {
    let Ok(text) = paths.text(file, MAX_FILE) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in text.lines().take(10_000) {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        let bare = || value.split(" #").next().unwrap_or_default().trim();
        let value = quoted.unwrap_or_else(bare);
        let plain = !value.is_empty() && !value.contains(['$', '"', '\'', '`', '\\']);
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if plain && is_name {
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    found
}

/// The assignments of a `.env` text, each with the rest of its line. npm's `dotenv` finds a key at the start of a line, after `export`, before `=` or `: `, and
/// lets line breaks stand between key and `=`; a line inside a quoted value is taken for a key here too.
fn assignments(text: &str) -> Vec<(&str, &str)> {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let mut found = Vec::new();
    let starts = text
        .char_indices()
        .filter(|(_, c)| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'))
        .map(|(at, c)| at + c.len_utf8());
    let mut done = 0;
    for start in std::iter::once(0).chain(starts) {
        if start != 0 && start <= done {
            // Only blanks lie between: the same key again, and quadratic time for a file of line breaks.
            continue;
        }
        let line = text[start..].trim_start_matches(blank);
        done = text.len() - line.len();
        let line = match line.strip_prefix("export") {
            Some(rest) if rest.starts_with(blank) => rest.trim_start_matches(blank),
            _ => line,
        };
        let end = line
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let equals = rest.trim_start_matches(blank).strip_prefix('=');
        let value = equals.or_else(|| {
            rest.strip_prefix(':')
                .filter(|rest| rest.starts_with(blank))
        });
        if let Some(value) = value
            && !name.is_empty()
        {
            let end = value.find(['\n', '\r']).unwrap_or(value.len());
            let line = value.get(..end).unwrap_or_default();
            // A value in quotes may go on in the next line, or begin there; behind a colon any may. Then it is not known to be harmless.
            let quoted = |text: &str| text.trim_start().starts_with(['"', '\'', '`']);
            let open = quoted(line) && line.trim().len() < 2
                || line.trim().is_empty()
                    && !value.trim().is_empty()
                    && (equals.is_none() || quoted(value));
            found.push((name, if open { "?" } else { line }));
        }
    }
    found
}

#[cfg(test)]
mod tests;
