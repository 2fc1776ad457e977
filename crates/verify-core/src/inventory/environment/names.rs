//! Every name that OpenClaw's environment files set: one that appears or goes is a change of what guards.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{MAX_FILE, OF_HOME, USUAL, assignments, redirects, unquoted};
use crate::inventory::mcp_spec::{looks_secret, names_a_secret};
use crate::inventory::paths::Paths;
use crate::inventory::settings::formed;
use crate::read::{self, ReadError};

/// Endings of names whose value says who may speak to OpenClaw, or which server or program is used, and is no secret. [S `dotenv`]
const STEERING: [&str; 21] = [
    "_ALLOWED_USERS",
    "_ALLOWED_USER_IDS",
    "_ALLOW_FROM",
    "_HOST",
    "_SERVER",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_PROXY",
    "_HOMESERVER",
    "_ADDR",
    "_DOMAIN",
    "_API_BASE",
    "_REGISTRY",
    "_REGION",
    "_RESOURCE_NAME",
    "_EXECUTABLE_PATH",
    "_BINARY",
    "_COMMAND",
    "_APPLICATION_CREDENTIALS",
    "_PROJECT_ID",
];
/// The one of these whose name sounds like a secret, and whose value is the place of a file.
const PLACE_OF_SECRET: &str = "_APPLICATION_CREDENTIALS";

/// Every variable that the environment files of the state directory and of OpenClaw's own folder set, as the file and the name, with the
/// value where it steers and can be no secret.
pub(in crate::inventory) fn names(paths: &Paths) -> BTreeMap<String, Value> {
    let of_state = USUAL.iter().map(|name| paths.state.join(name));
    let of_home = paths.home.iter().filter(|_| !paths.relocated());
    let of_home = of_home.map(|home| home.join(OF_HOME));
    let mut found = BTreeMap::new();
    let of_manager = paths
        .home
        .iter()
        .filter(|_| paths.not_here().is_none())
        .flat_map(|home| {
            paths
                .list(&home.join(".config/environment.d"))
                .unwrap_or_default()
        })
        .map(|entry| entry.path)
        .filter(|file| file.extension().is_some_and(|end| end == "conf"));
    for file in of_state.chain(of_home).chain(of_manager) {
        let Ok(bytes) = paths
            .real(&file)
            .map_err(ReadError::Io)
            .and_then(|real| read::bytes(&real, MAX_FILE))
        else {
            // What cannot be read is said where its variables are judged.
            continue;
        };
        for (name, value) in assignments(&String::from_utf8_lossy(&bytes)) {
            let upper = name.to_ascii_uppercase();
            let steers = upper == "PATH"
                || upper.starts_with("OPENCLAW_")
                || STEERING.iter().any(|ending| upper.ends_with(ending));
            let value = unquoted(value);
            let named = names_a_secret(name) && !upper.ends_with(PLACE_OF_SECRET);
            let is_public = steers && !named && !looks_secret(value);
            let value = match is_public {
                // What may be excepted is bound to where it leads.
                _ if redirects(name) => formed(&Value::from(value), names_a_secret(name)),
                true => formed(&Value::from(value), false),
                false => Value::Null,
            };
            found.insert(format!("{} {name}", paths.shown(&file)), value);
        }
    }
    found
}

/// Every variable that a file sets, as the file and the name, with its value, and of what is secret with its form.
pub(in crate::inventory) fn listed(paths: &Paths, file: &Path) -> BTreeMap<String, Value> {
    let text = paths.lossy(file, MAX_FILE).unwrap_or_default();
    let line = |(name, value): (&str, &str)| {
        let value = formed(&Value::from(unquoted(value)), names_a_secret(name));
        (format!("{} {name}", paths.shown(file)), value)
    };
    assignments(&text).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_values_only_where_they_steer() {
        let dir = tempfile::tempdir().expect("temp dir");
        let text = "OPENAI_API_KEY=sk-1\nSMS_ALLOWED_USERS=+1\nOPENCLAW_GATEWAY_TOKEN=t\nOPENCLAW_GATEWAY_PORT=1\n\
            AZURE_OPENAI_RESOURCE_NAME=mine\nSELENIUM_REMOTE_URL=http://u:p@h.example/wd\nGOOGLE_APPLICATION_CREDENTIALS=/k.json\n\
            PLAYWRIGHT_MCP_EXECUTABLE_PATH=/usr/bin/chromium\nAWS_REGION=eu-1\nDATABASE_PASSWORD_URL=https://h.example/secret\n";
        std::fs::write(dir.path().join(".env"), text).expect("file");
        let found = names(&Paths::plain(dir.path()));
        let expected = [
            (".env AWS_REGION", Value::from("eu-1")),
            (".env AZURE_OPENAI_RESOURCE_NAME", Value::from("mine")),
            (".env DATABASE_PASSWORD_URL", Value::Null),
            (
                ".env GOOGLE_APPLICATION_CREDENTIALS",
                Value::from("/k.json"),
            ),
            (
                ".env PLAYWRIGHT_MCP_EXECUTABLE_PATH",
                Value::from("/usr/bin/chromium"),
            ),
            (
                ".env SELENIUM_REMOTE_URL",
                Value::from("http://h.example/wd"),
            ),
            (".env OPENAI_API_KEY", Value::Null),
            (".env OPENCLAW_GATEWAY_PORT", Value::from("1")),
            (".env OPENCLAW_GATEWAY_TOKEN", Value::Null),
            (".env SMS_ALLOWED_USERS", Value::from("+1")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(found, BTreeMap::from(expected));
    }
}
