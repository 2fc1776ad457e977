//! MCP servers as services, without anything that could be a secret.

use cyclonedx_bom::external_models::uri::Uri;
use cyclonedx_bom::models::service::Service;

use super::verdicts::Verdict;
use super::{component, values};
use crate::fact::Outcome;
use crate::inventory::Subject;
use crate::report::Outcomes;

/// An MCP server: what it is called and where it is, never what it is told.
pub(super) fn service(subject: &Subject, reference: &str, verdict: Option<&Verdict>) -> Service {
    let mut service = Service::new("", Some(reference.to_owned()));
    service.name = values::normalized(Some(&subject.name));
    let mut properties = vec![
        ("openclaw:id".to_owned(), values::shown(subject.id.as_str())),
        ("openclaw:kind".to_owned(), subject.kind.as_str().to_owned()),
        ("openclaw:source".to_owned(), subject.source.as_str().to_owned()),
        ("openclaw:enabled".to_owned(), subject.enabled.to_string()),
    ];
    if let Some(mcp) = &subject.mcp {
        let remote = mcp.spec.contains("://") && !mcp.spec.contains(char::is_whitespace);
        service.x_trust_boundary = Some(remote);
        if remote {
            let address = values::bare_address(&mcp.spec).map(|address| without_tokens(&address));
            service.endpoints = address.map(|address| vec![Uri::new(&address)]);
        } else {
            properties.push(("openclaw:mcp:command".to_owned(), values::shown(&without_folders(&mcp.spec))));
        }
        properties.push(("openclaw:mcp:transport".to_owned(), transport(&mcp.raw, remote).to_owned()));
        properties.push(("openclaw:mcp:definition".to_owned(), mcp.digest.to_string()));
    }
    if let Some(verdict) = verdict {
        properties.extend(outcomes(&verdict.outcomes).map(|(name, outcome)| (name, outcome.to_owned())));
    }
    service.properties = component::properties(properties);
    service
}

/// The questions that arise for a subject, as properties.
pub(super) fn outcomes(outcomes: &Outcomes) -> impl Iterator<Item = (String, &'static str)> + use<> {
    let asked = outcomes.all().into_iter().filter(|(_, outcome)| *outcome != Outcome::NotApplicable);
    asked.map(|(group, outcome)| (format!("openclaw:verify:{group}"), outcome.as_str()))
}

/// The transport as configured, when it is one that OpenClaw knows.
fn transport(raw: &serde_json::Value, remote: bool) -> &'static str {
    match raw.get("transport").and_then(serde_json::Value::as_str) {
        Some("stdio") => "stdio",
        Some("sse") => "sse",
        Some("streamable-http") => "streamable-http",
        _ if remote => "http",
        _ => "stdio",
    }
}

/// The command with every absolute path cut to its last part, and every address without user info, query and tokens: where things
/// lie on this machine, and with what rights, is nobody's business.
fn without_folders(command: &str) -> String {
    let word = |word: &str| {
        if let Some(at) = word.find("http://").or_else(|| word.find("https://")) {
            let (before, address) = word.split_at(at);
            let address = values::bare_address(address.trim_end_matches(['"', '\'']));
            return format!("{before}{}", address.map_or("***".to_owned(), |address| without_tokens(&address)));
        }
        match word.find(['/', '\\', '~']) {
            Some(at) if at == 0 || word[..at].ends_with(['=', ':', ',', '"', '\'']) => {
                let (before, path) = word.split_at(at);
                format!("{before}***/{}", path.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default())
            }
            _ => word.to_owned(),
        }
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The address with every part of its path masked that looks like a token.
fn without_tokens(address: &str) -> String {
    let token = |part: &str| {
        part.len() >= 20 && part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    let path: String = parts.map(|part| format!("/{}", if token(part) { "***" } else { part })).collect();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_lose_folders_and_addresses_lose_tokens() {
        let command = "/usr/bin/node --file=/home/ada/x/server.js ~/y @acme/files@1.2.3 file:///home/ada/z";
        assert_eq!(without_folders(command), "***/node --file=***/server.js ***/y @acme/files@1.2.3 file:***/z");
        let command = "npx mcp-remote --url=https://u:p@example.org/x?token=y \"https://[::1]/\"";
        assert_eq!(without_folders(command), "npx mcp-remote --url=https://example.org/x \"***");
        assert_eq!(without_tokens("https://example.org/mcp/abcdefghij0123456789/x"), "https://example.org/mcp/***/x");
    }
}
