//! Every name that OpenClaw's environment files set: one that appears or goes is a change of what guards.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_FILE, OF_HOME, USUAL, assignments, redirects, unquoted};
use crate::inventory::mcp_spec::{looks_secret, names_a_secret};
use crate::inventory::paths::Paths;
use crate::inventory::settings::formed;
use crate::read::{self, ReadError};

/// Endings of names whose value says who may speak to OpenClaw, or to which server it speaks, and is no secret. [S `dotenv`]
const STEERING: [&str; 5] = [
    "_ALLOWED_USERS",
    "_ALLOWED_USER_IDS",
    "_ALLOW_FROM",
    "_HOST",
    "_SERVER",
];

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
            let is_public = steers && !names_a_secret(name) && !looks_secret(value);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_values_only_where_they_steer() {
        let dir = tempfile::tempdir().expect("temp dir");
        let text = "OPENAI_API_KEY=sk-1\nSMS_ALLOWED_USERS=+1\nOPENCLAW_GATEWAY_TOKEN=t\nOPENCLAW_GATEWAY_PORT=1\n";
        std::fs::write(dir.path().join(".env"), text).expect("file");
        let found = names(&Paths::plain(dir.path()));
        let expected = [
            (".env OPENAI_API_KEY", Value::Null),
            (".env OPENCLAW_GATEWAY_PORT", Value::from("1")),
            (".env OPENCLAW_GATEWAY_TOKEN", Value::Null),
            (".env SMS_ALLOWED_USERS", Value::from("+1")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(found, BTreeMap::from(expected));
    }
}
