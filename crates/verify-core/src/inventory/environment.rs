//! Variables that make OpenClaw or Node load other code, where the state directory or the config sets them.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use super::Observation;
use super::paths::Paths;
use super::search_path::{self, Expands};
use crate::launcher::node_options_are_harmless;
use crate::read::{self, ReadError};

/// Most bytes of a `.env` file. [S `MAX_DOTENV_FILE_BYTES`]
const MAX_FILE: u64 = 1 << 20;

/// Variables that name code, or a folder to take code, config or state from, and those that redirect. The lists are OpenClaw's own:
/// what it refuses in a workspace's `.env` and takes out of the environment of commands. [S `host-env-security`, `dotenv`]
const TABLE: &str = include_str!("tables/load-env.tsv");

/// Environment files of the state directory that OpenClaw or its units read.
pub(super) const USUAL: [&str; 3] = [".env", "gateway.systemd.env", "node.systemd.env"];

/// What a variable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It loads code, or moves the place that code, config or state is taken from.
    Loads,
    /// It says from where something is fetched, or to whom it is sent.
    Redirects,
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
) -> Option<Observation> {
    let effect = effect(name)?;
    let harmless = match name {
        "PATH" => {
            let value = value.trim().trim_matches(['"', '\'']);
            search_path::open_entry(paths, value, expands).is_none()
        }
        _ => is_harmless(name, value),
    };
    if harmless {
        return None;
    }
    Some(Observation::LoadOverride {
        variable: crate::text::excerpt(&name.to_ascii_uppercase(), 80),
        place,
        redirects: effect == Effect::Redirects,
    })
}

/// Whether a variable names the very place that is judged: OpenClaw's own units do, and that moves nothing.
pub(super) fn is_own_place(paths: &Paths, name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
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

/// Values that load nothing, of variables that could. What the folders of `PATH` hold is not known here.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    if value.is_empty() {
        return true;
    }
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "NODE_OPTIONS" => node_options_are_harmless(value),
        // An editor or pager by its plain name is the user's own choice.
        "EDITOR" | "VISUAL" | "GIT_EDITOR" | "PAGER" | "GIT_PAGER" => {
            const USUAL: [&str; 14] = [
                "vi", "vim", "nvim", "nano", "emacs", "micro", "hx", "ed", "joe", "code", "less",
                "more", "cat", "most",
            ];
            USUAL.contains(&value)
        }
        "NODE_TLS_REJECT_UNAUTHORIZED" => value == "1",
        "OPENCLAW_LOAD_SHELL_ENV" => matches!(value, "0" | "false" | "no" | "off"),
        _ => false,
    }
}

/// What the `.env` files and the config set.
pub(super) fn read(paths: &Paths, config: &Value, config_shown: &str) -> Vec<Observation> {
    let mut found = Vec::new();
    for name in USUAL {
        let file_of_state = paths.state.join(name);
        file(paths, &file_of_state, Expands::Nothing, &mut found);
    }
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        file(
            paths,
            &home.join(".config/openclaw/gateway.env"),
            Expands::Nothing,
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
            let value = value.as_str().unwrap_or_default();
            found.extend(judged(
                paths,
                name,
                value,
                Expands::Variables,
                format!("{config_shown}#{place}"),
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
        Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            found.push(Observation::Unreadable {
                place: paths.shown(file),
                why: error.to_string(),
            });
            return;
        }
    };
    for (name, value) in assignments(&String::from_utf8_lossy(&bytes)) {
        if !is_own_place(paths, name, value) {
            found.extend(judged(paths, name, value, expands, paths.shown(file)));
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

/// The first assignment of each name in a `.env` text, with the rest of its line. npm's `dotenv` finds a key at the start of a line, after `export`, before `=` or `: `, and
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
        let value = rest
            .trim_start_matches(blank)
            .strip_prefix('=')
            .or_else(|| {
                rest.strip_prefix(':')
                    .filter(|rest| rest.starts_with(blank))
            });
        // The first assignment of a name is the one that is reported; a later one changes nothing about that.
        let known = found.iter().any(|(other, _)| *other == name);
        if let Some(value) = value
            && !known
            && effect(name).is_some()
        {
            let end = value.find(['\n', '\r']).unwrap_or(value.len());
            let line = value.get(..end).unwrap_or_default();
            // A value in quotes may go on in the next line: then it is not known to be harmless.
            let open = line.trim_start().starts_with(['"', '\'', '`']) && line.trim().len() < 2
                || line.trim().is_empty() && !value.trim().is_empty();
            found.push((name, if open { "?" } else { line }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_of_the_state_are_known() {
        let dir = tempfile::tempdir().expect("temp dir");
        let text = "A=/a # more\nexport B='/b c'\nC=$A\nD=\"open\n#E=1\nF=\n";
        std::fs::write(dir.path().join(".env"), text).expect("file");
        let found = values(&Paths::plain(dir.path()));
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, [("A", "/a"), ("B", "/b c")]);
    }

    #[test]
    fn keys_are_found_as_dotenv_finds_them() {
        let text = "A=1\r\u{feff} export  NODE_OPTIONS\n\n= --require /x\n# NODE_PATH=/no\nLD_PRELOAD: /x.so\nXNODE_PATH=1\nOPENCLAW_HOME";
        let names = |text| {
            assignments(text)
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(text), ["NODE_OPTIONS", "LD_PRELOAD"]);
        assert_eq!(names("\u{2028}NODE_PATH=x"), ["NODE_PATH"]);
    }

    #[test]
    fn what_loads_nothing_is_silent() {
        let place = || "p".to_owned();
        let paths = Paths::plain(Path::new("/"));
        for (name, value) in [
            ("NODE_OPTIONS", "--max-old-space-size=4096"),
            (
                "NODE_OPTIONS",
                "\"--max-old-space-size=4096 --no-warnings\"",
            ),
            ("OPENAI_API_KEY", "x"),
            ("LANG", "C"),
            ("LD_PRELOAD", ""),
            ("PATH", "/usr/bin:/nowhere/bin"),
        ] {
            assert_eq!(
                judged(&paths, name, value, Expands::Nothing, place()),
                None,
                "{name}={value}"
            );
        }
        for (name, value, weak) in [
            ("NODE_OPTIONS", "--require /x", false),
            ("NODE_OPTIONS", "--max-old-space-size=1 --import=/x", false),
            ("bash_env", "/x", false),
            ("PATH", "/usr/bin:bin", false),
            ("PATH", "/usr/bin:", false),
            ("PATH", "$HOME/bin:/usr/bin", false),
            ("PATH", "/tmp", false),
            ("DYLD_ANYTHING", "/x", false),
            ("HTTPS_PROXY", "http://x", true),
            ("ANTHROPIC_BASE_URL", "http://x", true),
            ("NPM_CONFIG_REGISTRY", "http://x", true),
        ] {
            let found = judged(&paths, name, value, Expands::Nothing, place());
            let expected = matches!(&found, Some(Observation::LoadOverride { redirects, .. }) if *redirects == weak);
            assert!(expected, "{name}={value}: {found:?}");
        }
    }

    #[test]
    fn many_lines_take_linear_time() {
        let text = "\n".repeat(1 << 20);
        assert!(assignments(&text).is_empty());
    }
}
