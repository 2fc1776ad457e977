//! `insecure-url`: an address that anyone on the network path, or the owner of a short link, can answer for.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "insecure-url",
    group: Group::Pinning,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "Code or data is fetched from http, a bare IP address or a link shortener",
    help: "Use an https address of the real host.",
    check: Check::Subject(check),
};

/// Hosts whose links lead wherever their owner says today.
const SHORTENERS: [&str; 12] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "buff.ly",
    "rebrand.ly",
    "cutt.ly",
    "shorturl.at",
    "rb.gy",
    "t.ly",
];

fn check(view: &View<'_>) -> Vec<Draft> {
    let steps = view
        .subject
        .install_steps
        .iter()
        .map(|step| step.target.as_str());
    let mcp = view
        .subject
        .mcp
        .iter()
        .filter_map(|mcp| mcp.raw.get("url").and_then(serde_json::Value::as_str));
    let record = view
        .subject
        .record
        .iter()
        .flat_map(|record| [record.git_url.as_deref(), record.registry.as_deref()])
        .flatten();
    let found: Vec<String> = steps
        .chain(mcp)
        .chain(record)
        .filter_map(|url| {
            Some(format!(
                "{}: {}",
                text::excerpt(without_secrets(url), 120),
                insecure(url)?
            ))
        })
        .collect();
    if found.is_empty() {
        return Vec::new();
    }
    let mut draft =
        view.draft("something it fetches or calls has an address that others can answer for");
    draft.evidence = found;
    vec![draft]
}

/// What is wrong with an address; none when it is no address or a sound one. An address on this machine is sound.
fn insecure(url: &str) -> Option<&'static str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = host(rest);
    if is_loopback(&host) {
        return None;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "git" | "ftp" | "ws" | "git+http" => {
            Some("not encrypted: anyone on the network path can change it")
        }
        "file" => None,
        _ if is_ip(&host) => Some("a bare IP address: no certificate says who answers there"),
        _ if SHORTENERS.contains(&host.as_str()) => {
            Some("a link shortener, it can lead elsewhere tomorrow")
        }
        _ => None,
    }
}

/// The host of what follows `scheme://`, lower case, without brackets, user info, port and trailing dot.
fn host(rest: &str) -> String {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Addresses in every spelling that URL parsers take for one: a last label of digits, or hex with `0x`, makes the whole host IPv4.
fn is_ip(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    digits(last) || hex || host.parse::<std::net::IpAddr>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// The address without user info and query, which may hold secrets.
fn without_secrets(url: &str) -> &str {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    match url.split_once("://") {
        Some((_, rest)) => rest.rsplit_once('@').map_or(url, |(_, host)| host),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure_addresses_are_named() {
        for bad in [
            "http://example.org/x",
            "HTTP://EXAMPLE.org",
            "https://93.184.216.34/x",
            "https://[2001:db8::1]:8443/",
            "https://bit.ly/x",
            "https://user@BIT.LY./x",
            "git://example.org/x.git",
            "https://1572395042/x",
            "https://0x5db8d822/",
            "http://localhost.example.org/",
        ] {
            assert!(insecure(bad).is_some(), "{bad}");
        }
        for good in [
            "https://example.org/x",
            "http://127.0.0.1:9/x",
            "http://[::1]/",
            "http://localhost:3000",
            "left-pad",
            "file:///x",
            "https://example.org/http://",
        ] {
            assert!(insecure(good).is_none(), "{good}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(
            without_secrets("http://user:pass@example.org/x?token=1"),
            "example.org/x"
        );
    }
}
