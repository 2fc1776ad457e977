//! What guards and steers an MCP server beside what starts it: filters of its tools, approvals, sign-in, certificates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::listing::{Class, Listing, ListingBuilder};
use super::mcp_spec::address;
use super::settings::{formed, is_secret_place};

/// Keys that are in the definition of a server, or only shown.
const ELSEWHERE: [&str; 15] = [
    "command",
    "args",
    "cwd",
    "workingDirectory",
    "url",
    "transport",
    "type",
    "enabled",
    "sslVerify",
    "ssl_verify",
    "env",
    "headers",
    "name",
    "title",
    "description",
];
/// Most values of one server, and levels of objects in it.
const MAX_KEYS: usize = 10_000;
const MAX_DEPTH: usize = 24;

/// The settings of a server; none where it has no such key. `values`: those of files that decide what it runs, without secrets.
pub(super) fn of(server: &Map<String, Value>, values: &BTreeMap<String, Value>) -> Option<Listing> {
    let mut listing = ListingBuilder::default();
    let mut left = MAX_KEYS;
    for (key, value) in server {
        if !ELSEWHERE.contains(&key.as_str()) {
            walk(&mut vec![key.clone()], value, &mut left, &mut listing);
        }
    }
    for (name, value) in values.iter().take(MAX_KEYS) {
        listing.add(name.clone(), Class::Guard, value);
    }
    listing.finish_unless_empty()
}

fn walk(path: &mut Vec<String>, value: &Value, left: &mut usize, listing: &mut ListingBuilder) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| (format!("[{at}]"), item)).collect()
        }
        _ => Vec::new(),
    };
    // What is deeper, or more than is listed, counts as one value.
    if inner.is_empty() || path.len() >= MAX_DEPTH || *left < inner.len() {
        let text = value.as_str().unwrap_or_default();
        let secret = is_secret_place(path);
        let (class, value) = match text.contains("://") && !secret {
            true => (Class::Endpoint, json!(address(text))),
            false => (Class::Guard, formed(value, secret)),
        };
        listing.add(path.join("."), class, &value);
        return;
    }
    *left -= inner.len();
    for (key, value) in inner {
        path.push(key);
        walk(path, value, left, listing);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guards_a_server_is_listed_and_no_secret_is() {
        let listed = |server: Value| of(server.as_object().expect("object"), &BTreeMap::new());
        let server = json!({ "command": "x", "args": ["y"], "env": { "A": "b" }, "name": "n" });
        assert!(listed(server).is_none());
        let with = |secret: &str, tool: &str| {
            listed(json!({
                "toolFilter": { "include": ["read", tool], "exclude": [] },
                "codex": { "defaultToolsApprovalMode": "ask" },
                "oauth": { "clientSecret": secret, "clientMetadataUrl": "https://u:p@h.example/x" },
            }))
            .expect("settings")
        };
        let listing = with("one", "write");
        let paths: Vec<&str> = listing.paths().collect();
        assert_eq!(
            paths,
            [
                "codex.defaultToolsApprovalMode",
                "oauth.clientMetadataUrl",
                "oauth.clientSecret",
                "toolFilter.exclude",
                "toolFilter.include.[0]",
                "toolFilter.include.[1]",
            ]
        );
        assert_eq!(with("two", "write").digest(), listing.digest());
        assert_ne!(with("one", "delete").digest(), listing.digest());
    }
}
