//! Secrets that stand in files in plain text: where, never what.
//!
//! Which keys hold secrets is OpenClaw's registry of them, its redaction by names, and the places that both leave out: variables and
//! headers of MCP servers, `env.vars`, variables of sandboxes. [S secret registry, M]

use serde_json::Value;

use super::super::paths::Paths;
use super::secret_forms::{has_known_form, is_argument, is_secret_header};
use super::{At, Machine, Secret, lines};
use crate::json;
use crate::text;

/// Shortest text that is taken for a secret: what is shorter is a dummy of a local server.
const SHORTEST: usize = 8;
/// Most bytes of a copy that is looked into.
const MAX_FILE: u64 = 4 << 20;
/// Most keys of one file.
const MAX_KEYS: usize = 2000;
/// Texts that stand where a local server wants some key.
const DUMMIES: [&str; 8] = [
    "ollama-local",
    "lm-studio",
    "lmstudio",
    "llama.cpp",
    "placeholder",
    "not-needed",
    "unused-key",
    "undefined",
];
/// What OpenClaw cannot take from elsewhere, so that only the mode of the file guards it. [D secretref-credential-surface]
const ONLY_HERE: [&[&str]; 3] = [
    &["hooks", "token"],
    &["hooks", "gmail", "pushToken"],
    &["hooks", "mappings", "[]", "sessionKey"],
];
/// Names that end like those of secrets, and are none. [S `isSensitivePath`]
const HARMLESS: [&str; 22] = [
    "tokenfile",
    "passwordfile",
    "keyfile",
    "secretfile",
    "userheader",
    "requiredheaders",
    "sessionkey",
    "sessionid",
    "sessiontoken",
    "auth",
    "authtype",
    "authmode",
    "authorizationurl",
    "tokenurl",
    "tokentype",
    "cookiename",
    "headername",
    "apikeyhelper",
    "secretref",
    "authprofile",
    "tokenfingerprint",
    "publickey",
];

/// A copy of secrets that OpenClaw no longer reads from that place.
#[derive(Clone)]
pub(crate) struct StaleCopy {
    /// The file, as it is to be shown.
    pub(crate) file: String,
    /// Its keys that hold a secret, with their lines.
    pub(crate) keys: Vec<(String, Option<usize>)>,
}

impl Machine {
    /// Every key that holds a secret in plain text and could refer to it instead.
    pub(crate) fn plain_secrets(&self) -> Vec<At<'_>> {
        let root = At {
            path: Vec::new(),
            value: &self.config,
        };
        let mut found: Vec<At<'_>> = plain(root)
            .into_iter()
            .filter(|at| !stays_here(&at.path))
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Copies of secrets that the config no longer holds.
    pub(crate) fn stale_copies(&self) -> &[StaleCopy] {
        &self.stale
    }
}

/// Every key below `root` that holds a secret in plain text.
fn plain(root: At<'_>) -> Vec<At<'_>> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        if found.len() >= MAX_KEYS {
            break;
        }
        match at.value {
            Value::String(text) if (is_secret(text) && holds(&at.path)) || has_known_form(text) => {
                found.push(at);
            }
            Value::Object(map) => {
                // A reference names a secret and does not hold it.
                let refers = map.get("source").is_some_and(Value::is_string)
                    && map.get("id").is_some_and(Value::is_string);
                if !refers {
                    open.extend(at.members().map(|(_, at)| at).collect::<Vec<_>>());
                }
            }
            Value::Array(_) => {
                let mut before = None;
                for item in at.items() {
                    let text = item.value.as_str();
                    match text.is_some_and(|text| is_argument(before, text)) {
                        true => found.push(item),
                        false => open.push(item),
                    }
                    before = text;
                }
            }
            _ => {}
        }
    }
    found
}

/// Which keys of a file hold a secret in plain text, in words; none where none does.
pub(super) fn holds_secret(value: &Value) -> Option<String> {
    let root = || At {
        path: Vec::new(),
        value,
    };
    let mut found: Vec<String> = plain(root())
        .into_iter()
        .chain(credentials(root()))
        .map(|at| at.written())
        .collect();
    found.sort();
    found.dedup();
    let first = text::excerpt(found.first()?, 120);
    Some(match found.len() {
        1 => first,
        count => format!("{first} and {} more", count - 1),
    })
}

/// Whether a secret stands at a path: by its last name, also for variables and headers, whose names decide.
pub(crate) fn holds(path: &[String]) -> bool {
    let named: Vec<String> = path
        .iter()
        .filter(|part| !part.starts_with('['))
        .map(|part| part.to_ascii_lowercase().replace(['-', '_'], ""))
        .collect();
    let Some(last) = named.last() else {
        return false;
    };
    if HARMLESS.contains(&last.as_str()) || last.contains("maxtoken") || last.ends_with("tokens") {
        return false;
    }
    let words = [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "apikey",
        "encryptkey",
        "encryptionkey",
        "privatekey",
        "secretkey",
        "signingkey",
        "credential",
        "accesskey",
    ];
    let named_so = words.iter().any(|word| last.ends_with(word))
        || last == "authorization"
        || last == "xapikey"
        || (last.ends_with("key") && parent_is(&named, &["env", "vars", "headers"]));
    let header =
        parent_is(&named, &["headers"]) && path.last().is_some_and(|name| is_secret_header(name));
    let identity = last == "identitydata" && named.iter().any(|part| part == "ssh");
    named_so || header || identity
}

fn parent_is(named: &[String], wanted: &[&str]) -> bool {
    named
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|parent| wanted.contains(&parent.as_str()))
}

/// Whether the name of a variable says that its value is a secret. Stricter than for keys of the config: sockets and sessions of a desktop
/// have such names too.
pub(crate) fn is_secret_variable(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    const ENDS: [&str; 14] = [
        "KEY",
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "CREDENTIALS",
        "PAT",
        "APIKEY",
        "AUTH_TOKEN",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "WEBHOOK_URL",
    ];
    ENDS.iter().any(|end| {
        name.strip_suffix(end)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    }) || name.ends_with("APIKEY")
        || name.ends_with("ACCESSTOKEN")
}

/// Whether a text is a secret rather than a reference, a dummy or what is left of one.
pub(super) fn is_secret(text: &str) -> bool {
    let text = text.trim();
    let bare = text
        .strip_prefix("Bearer ")
        .or_else(|| text.strip_prefix("Basic "))
        .unwrap_or(text);
    let lower = bare.to_ascii_lowercase();
    bare.chars().count() >= SHORTEST
        && !bare.contains("${")
        && super::reference(bare).is_none()
        && !bare.starts_with('!')
        && !lower.contains("redacted")
        && !bare.chars().all(|c| c == '*')
        && !DUMMIES.contains(&lower.as_str())
        && !(bare.starts_with('<') && bare.ends_with('>'))
}

fn stays_here(path: &[String]) -> bool {
    let same = |pattern: &[&str]| {
        pattern.len() == path.len()
            && pattern
                .iter()
                .zip(path)
                .all(|(wanted, part)| wanted == part || (*wanted == "[]" && part.starts_with('[')))
    };
    ONLY_HERE.iter().any(|pattern| same(pattern))
        || path.iter().any(|part| part == "threadBindings")
            && path.last().is_some_and(|part| part == "webhookToken")
}

/// Copies beside the config, and files of credentials that OpenClaw moved into its database.
pub(super) fn stale(paths: &Paths, machine: &Machine) -> Vec<StaleCopy> {
    let mut found = Vec::new();
    let name = machine.shown.rsplit('/').next().unwrap_or_default();
    for entry in paths.list(&paths.state).unwrap_or_default() {
        let file = entry.name.to_string_lossy().into_owned();
        if !is_copy_of(&file, name) {
            continue;
        }
        let Ok(text) = paths.text(&entry.path, MAX_FILE) else {
            continue;
        };
        let Ok(parsed) = json::json5(&text) else {
            // Cut, or in the middle of being written: its lines still show what it holds.
            push(
                &mut found,
                paths.shown(&entry.path),
                lines_with(&text, &machine.text),
            );
            continue;
        };
        let root = At {
            path: Vec::new(),
            value: &parsed.value,
        };
        // A copy of what the config still holds adds nothing.
        let moved = plain(root).into_iter().filter(|at| {
            let now = at.path.iter().try_fold(&machine.config, |value, part| {
                match part.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
                    Some(n) => value.get(n.parse::<usize>().ok()?),
                    None => value.get(part),
                }
            });
            now.is_some_and(|now| match machine.secret(now) {
                Secret::Elsewhere => true,
                Secret::Text(_) => {
                    now.is_object() || now.as_str().is_some_and(|text| !is_secret(text))
                }
            })
        });
        let keys: Vec<(String, Option<usize>)> = moved
            .map(|at| {
                (
                    text::excerpt(&at.written(), 200),
                    lines::of(&text, &at.path),
                )
            })
            .collect();
        push(&mut found, paths.shown(&entry.path), keys);
    }
    retired(paths, &mut found);
    found
}

/// Lines of a copy that is no whole JSON which hold a secret that the config does not hold in the same words: the key of each.
fn lines_with(text: &str, config: &str) -> Vec<(String, Option<usize>)> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate().take(MAX_KEYS) {
        // What stands in quotes, or behind a key without them.
        let parts = line.split(['"', '\'', ':', ',', '{', '}']).map(str::trim);
        let mut before = "";
        for part in parts.filter(|part| !part.is_empty()) {
            let named = holds(&[before.to_owned()]) && is_secret(part);
            if (named || has_known_form(part)) && !config.contains(part) {
                found.push((text::excerpt(before, 200), Some(at + 1)));
            }
            before = part;
        }
    }
    found
}

/// Files of credentials of an agent whose database holds them now. [M 2026.9.6]
fn retired(paths: &Paths, found: &mut Vec<StaleCopy>) {
    let agents = paths.list(&paths.state.join("agents")).unwrap_or_default();
    let mut moved = false;
    let mut files = Vec::new();
    for agent in agents {
        let folder = agent.path.join("agent");
        if !paths.is_there(&folder.join("openclaw-agent.sqlite")) {
            continue;
        }
        moved = true;
        files.extend(["auth-profiles.json", "auth.json"].map(|name| folder.join(name)));
    }
    if moved {
        files.push(paths.state.join("credentials/oauth.json"));
    }
    for file in files {
        let Ok(text) = paths.text(&file, MAX_FILE) else {
            continue;
        };
        let Ok(parsed) = json::last_wins(&text) else {
            continue;
        };
        let root = At {
            path: Vec::new(),
            value: &parsed.value,
        };
        let keys = credentials(root)
            .into_iter()
            .map(|at| {
                (
                    text::excerpt(&at.written(), 200),
                    lines::of(&text, &at.path),
                )
            })
            .collect();
        push(found, paths.shown(&file), keys);
    }
}

fn push(found: &mut Vec<StaleCopy>, file: String, mut keys: Vec<(String, Option<usize>)>) {
    keys.sort();
    if !keys.is_empty() {
        found.push(StaleCopy { file, keys });
    }
}

/// Keys of a store of credentials that hold one.
fn credentials(root: At<'_>) -> Vec<At<'_>> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        if found.len() >= MAX_KEYS {
            break;
        }
        let named = at.path.last().is_some_and(|name| {
            matches!(
                name.as_str(),
                "key"
                    | "token"
                    | "apiKey"
                    | "access"
                    | "refresh"
                    | "accessToken"
                    | "refreshToken"
                    | "password"
            )
        });
        match at.value {
            Value::String(text) if named && is_secret(text) => found.push(at),
            _ => {
                open.extend(at.members().map(|(_, at)| at).collect::<Vec<_>>());
                open.extend(at.items().collect::<Vec<_>>());
            }
        }
    }
    found
}

/// Whether a file is a copy of the config: OpenClaw's own, or an editor's.
pub(super) fn is_copy_of(file: &str, name: &str) -> bool {
    let plain = file.trim_start_matches(['.', '#']);
    let Some(rest) = plain.strip_prefix(name) else {
        return false;
    };
    let hidden = file.len() != plain.len();
    !rest.is_empty() && rest.starts_with(['.', '~', '#', '-']) || (hidden && rest.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain_in(config: Value) -> Vec<String> {
        let machine = Machine::of(config);
        machine.plain_secrets().iter().map(At::written).collect()
    }

    #[test]
    fn secrets_are_found_where_openclaw_and_others_keep_them() {
        let value = "sk-test-0123456789";
        for (path, config) in [
            (
                "gateway.auth.token",
                json!({"gateway": {"auth": {"token": value}}}),
            ),
            (
                "env.vars.OPENAI_API_KEY",
                json!({"env": {"vars": {"OPENAI_API_KEY": value}}}),
            ),
            (
                "mcp.servers.a.env.GITHUB_TOKEN",
                json!({"mcp": {"servers": {"a": {"env": {"GITHUB_TOKEN": value}}}}}),
            ),
            (
                "mcp.servers.a.headers.Authorization",
                json!({"mcp": {"servers": {"a": {"headers": {"Authorization": format!("Bearer {value}")}}}}}),
            ),
            (
                "models.providers.x.apiKey",
                json!({"models": {"providers": {"x": {"apiKey": value}}}}),
            ),
            (
                "channels.telegram.botToken",
                json!({"channels": {"telegram": {"botToken": value}}}),
            ),
            (
                "skills.entries.s.apiKey",
                json!({"skills": {"entries": {"s": {"apiKey": value}}}}),
            ),
            (
                "agents.defaults.sandbox.docker.env.AWS_SECRET_ACCESS_KEY",
                json!({"agents": {"defaults": {"sandbox": {"docker": {"env": {"AWS_SECRET_ACCESS_KEY": value}}}}}}),
            ),
        ] {
            assert_eq!(plain_in(config), [path]);
        }
    }

    #[test]
    fn secrets_are_told_by_their_form_and_in_arguments() {
        for (path, config) in [
            (
                "mcp.servers.a.args[1]",
                json!({"mcp": {"servers": {"a": {"args": ["--api-key", "0123456789abcdef"]}}}}),
            ),
            (
                "mcp.servers.a.args[0]",
                json!({"mcp": {"servers": {"a": {"args": ["--token=0123456789abcdef"]}}}}),
            ),
            (
                "mcp.servers.a.args[1]",
                json!({"mcp": {"servers": {"a": {"args": ["--header", "Authorization: Bearer 0123456789abcdef"]}}}}),
            ),
            (
                "mcp.servers.a.env.WHATEVER",
                json!({"mcp": {"servers": {"a": {"env": {"WHATEVER": "ghp_0123456789abcdef0123"}}}}}),
            ),
            (
                "mcp.servers.a.args[1]",
                json!({"mcp": {"servers": {"a": {"args": ["-e", "GITHUB_TOKEN=0123456789abcdef"]}}}}),
            ),
            (
                "mcp.servers.a.args[1]",
                json!({"mcp": {"servers": {"a": {"args": ["-c", "T=ghp_0123456789abcdef0123 x ${HOME}"]}}}}),
            ),
            (
                "mcp.servers.a.args[1]",
                json!({"mcp": {"servers": {"a": {"args": ["-c", "MY_TOKEN=0123456789abcdef exec x"]}}}}),
            ),
            (
                "mcp.servers.a.url",
                json!({"mcp": {"servers": {"a": {"url": "https://x.example/mcp?a=1&api_key=0123456789abcdef"}}}}),
            ),
            (
                "mcp.servers.a.url",
                json!({"mcp": {"servers": {"a": {"url": "https://x.example/mcp?t=ghp_0123456789abcdef0123"}}}}),
            ),
            (
                "mcp.servers.a.headers.Cookie",
                json!({"mcp": {"servers": {"a": {"headers": {"Cookie": "session=0123456789abcdef"}}}}}),
            ),
            (
                "models.providers.x.headers.X-Auth",
                json!({"models": {"providers": {"x": {"headers": {"X-Auth": "0123456789abcdef"}}}}}),
            ),
            (
                "plugins.entries.p.config.signingKey",
                json!({"plugins": {"entries": {"p": {"config": {"signingKey": "0123456789abcdef"}}}}}),
            ),
            (
                "plugins.entries.p.config.dsn",
                json!({"plugins": {"entries": {"p": {"config": {"dsn": "postgres://u:secret@db/x"}}}}}),
            ),
        ] {
            assert_eq!(plain_in(config.clone()), [path], "{config}");
        }
        for config in [
            json!({"mcp": {"servers": {"a": {"args": ["--key", "/etc/tls/key.pem", "--token-file", "tokens.txt"]}}}}),
            json!({"mcp": {"servers": {"a": {"args": ["--header", "Authorization: Bearer ${TOKEN}", "--token", "${TOKEN}"]}}}}),
            json!({"mcp": {"servers": {"a": {"args": ["-y", "@scope/server-filesystem", "--session", "main-session"]}}}}),
            json!({"mcp": {"servers": {"a": {"args": ["-e", "GITHUB_TOKEN", "-e", "GITHUB_TOKEN=${T}", "-e", "LOG_LEVEL=debugging"]}}}}),
            json!({"mcp": {"servers": {"a": {"url": "https://x.example/mcp?profile=abcdefgh1234&api_key=${KEY}"}}}}),
            json!({"mcp": {"servers": {"a": {"url": "postgres://u:${PASSWORD}@db/x"}}}}),
            json!({"models": {"providers": {"x": {"headers": {"X-Title": "abcdefghijklmnop1234", "X-Author": "abcdefghijklmnop1234"}}}}}),
            json!({"agents": {"defaults": {"systemPrompt": "Use the sk-model-of-our-own-company, see https://x.example/?page_size=12345678"}}}),
            json!({"models": {"default": "sk-model", "providers": {"x": {"baseUrl": "https://user@example.org/v1"}}}}),
        ] {
            assert_eq!(plain_in(config.clone()), Vec::<String>::new(), "{config}");
        }
    }

    #[test]
    fn references_dummies_and_other_words_are_none() {
        for config in [
            json!({"gateway": {"auth": {"token": "${GATEWAY_TOKEN}"}}}),
            json!({"gateway": {"auth": {"token": "$GATEWAY_TOKEN"}}}),
            json!({"gateway": {"auth": {"token": {"source": "env", "provider": "default", "id": "X"}}}}),
            json!({"models": {"providers": {"o": {"apiKey": "ollama"}}}}),
            json!({"models": {"providers": {"o": {"apiKey": "__OPENCLAW_REDACTED__"}}}}),
            json!({"channels": {"telegram": {"tokenFile": "/run/secrets/telegram"}}}),
            json!({"agents": {"defaults": {"maxTokens": "100000000"}}}),
            json!({"env": {"vars": {"LANG": "en_US.UTF-8"}}}),
            json!({"hooks": {"token": "0123456789abcdef0123456789"}}),
            json!({"gateway": {"auth": {"mode": "trusted-proxy"}}}),
        ] {
            assert_eq!(plain_in(config.clone()), Vec::<String>::new(), "{config}");
        }
    }

    #[test]
    fn copies_are_known_by_their_names() {
        for copy in [
            "openclaw.json.bak",
            "openclaw.json.bak.4",
            "openclaw.json.last-good",
            "openclaw.json~",
            ".openclaw.json.swp",
            "#openclaw.json#",
            "openclaw.json.orig",
        ] {
            assert!(is_copy_of(copy, "openclaw.json"), "{copy}");
        }
        for other in [
            "openclaw.json",
            "openclaw.json5",
            "other.json.bak",
            "openclaw.jsonl",
        ] {
            assert!(!is_copy_of(other, "openclaw.json"), "{other}");
        }
    }
}
