//! Variables that make OpenClaw or Node load other code, where the state dir or the config sets them.

use std::path::Path;

use serde_json::Value;

use super::Observation;
use super::paths::Paths;
use crate::read::{self, ReadError};

/// Most bytes of a `.env` file. [S `MAX_DOTENV_FILE_BYTES`]
const MAX_FILE: u64 = 1 << 20;

/// Variables that name code, or a folder to take code, config or state from.
const OVERRIDES: &[&str] = &[
    "NODE_PATH",
    "NODE_OPTIONS",
    "OPENCLAW_BUNDLED_PLUGINS_DIR",
    "OPENCLAW_BUNDLED_SKILLS_DIR",
    "OPENCLAW_BUNDLED_HOOKS_DIR",
    "OPENCLAW_AGENT_DIR",
    "OPENCLAW_ALLOW_PROJECT_LOCAL_BIN",
    "OPENCLAW_BROWSER_CONTROL_MODULE",
    "OPENCLAW_CLI_PATH",
    "OPENCLAW_CONFIG_PATH",
    "OPENCLAW_HOME",
    "OPENCLAW_INCLUDE_ROOTS",
    "OPENCLAW_PACKAGE_DIR",
    "OPENCLAW_PLUGIN_INSTALL_OVERRIDES",
    "OPENCLAW_PREPEND_PATH",
    "OPENCLAW_PROFILE",
    "OPENCLAW_STATE_DIR",
    "OPENCLAW_WORKSPACE_DIR",
    "JITI_ALIAS",
    "JITI_TSCONFIG_PATHS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
];

/// What the `.env` files and the config set.
pub(super) fn read(paths: &Paths, config: &Value, config_shown: &str) -> Vec<Observation> {
    let mut found = Vec::new();
    dotenv(paths, &paths.state.join(".env"), &mut found);
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        dotenv(
            paths,
            &home.join(".config/openclaw/gateway.env"),
            &mut found,
        );
    }
    let env = config.get("env").unwrap_or(&Value::Null);
    for (entries, place) in [
        (env, "env"),
        (env.get("vars").unwrap_or(&Value::Null), "env.vars"),
    ] {
        for (name, value) in entries.as_object().into_iter().flatten() {
            let name = name.trim();
            if value.as_str().is_some_and(|value| !value.trim().is_empty()) && is_override(name) {
                found.push(set(name, format!("{config_shown}#{place}")));
            }
        }
    }
    found
}

fn dotenv(paths: &Paths, file: &Path, found: &mut Vec<Observation>) {
    let bytes = match paths
        .real(file)
        .map_err(ReadError::Io)
        .and_then(|real| read::bytes(&real, MAX_FILE))
    {
        Ok(bytes) => bytes,
        Err(ReadError::NotFound) => return,
        Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            found.push(Observation::Unreadable {
                place: paths.shown(file),
                why: error.to_string(),
            });
            return;
        }
    };
    for name in names(&String::from_utf8_lossy(&bytes)) {
        found.push(set(name, paths.shown(file)));
    }
}

fn set(name: &str, place: String) -> Observation {
    Observation::LoadOverride {
        variable: name.to_ascii_uppercase(),
        place,
    }
}

fn is_override(name: &str) -> bool {
    OVERRIDES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The overrides that a `.env` text sets. npm's `dotenv` finds a key at the start of a line, after `export`, before `=` or `: `, and
/// lets line breaks stand between key and `=`; a line inside a quoted value is taken for a key here too.
fn names(text: &str) -> Vec<&str> {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let mut found = Vec::new();
    let starts = text
        .char_indices()
        .filter(|(_, c)| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'))
        .map(|(at, c)| at + c.len_utf8());
    let mut done = 0;
    for start in std::iter::once(0).chain(starts) {
        if start < done {
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
        let assigned = rest.trim_start_matches(blank).starts_with('=')
            || rest.strip_prefix(':').is_some_and(|r| r.starts_with(blank));
        if assigned && is_override(name) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_as_dotenv_finds_them() {
        let text = "A=1\r\u{feff} export  NODE_OPTIONS\n\n= --require /x\n# NODE_PATH=/no\nLD_PRELOAD: /x.so\nXNODE_PATH=1\nOPENCLAW_HOME";
        assert_eq!(names(text), ["NODE_OPTIONS", "LD_PRELOAD"]);
        assert_eq!(names("\u{2028}NODE_PATH=x"), ["NODE_PATH"]);
    }

    #[test]
    fn many_lines_take_linear_time() {
        let text = "\n".repeat(1 << 20);
        assert!(names(&text).is_empty());
    }
}
