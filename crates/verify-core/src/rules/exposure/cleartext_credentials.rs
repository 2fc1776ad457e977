//! `cleartext-credentials`: a credential goes over an unencrypted connection.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::secrets::holds;
use crate::inventory::machine::{At, Machine, Reach, host_of, reach};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "cleartext-credentials",
    group: Group::Exposure,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "A credential is sent over a connection that others can read",
    help: "Use https or wss; for a gateway with its own certificate also set `gateway.remote.tlsFingerprint`.",
    check: Check::Whole(check),
};

/// Keys of addresses that are called.
const ADDRESSES: [&str; 8] = [
    "url",
    "baseUrl",
    "apiUrl",
    "serverUrl",
    "wsUrl",
    "endpoint",
    "homeserver",
    "homeserverUrl",
];
/// Keys beside an address that are sent to it.
const SENT: [&str; 4] = ["headers", "auth", "apiKey", "request"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut open = vec![machine.root()];
    while let Some(at) = open.pop() {
        let sent = at
            .members()
            .any(|(key, at)| !at.value.is_null() && (SENT.contains(&key) || holds(&at.path)));
        for (key, child) in at.members() {
            // Anyone who can read this connection has the browser with all its sessions.
            if ADDRESSES.contains(&key) || key == "cdpUrl" {
                found.extend(judged(machine, &child, sent || key == "cdpUrl"));
            }
            open.push(child);
        }
        open.extend(at.items());
    }
    found.sort_by(|a, b| a.message.cmp(&b.message));
    found
}

/// What is wrong with an address to which a credential goes.
fn judged(machine: &Machine, at: &At<'_>, has_credential: bool) -> Option<Draft> {
    let url = machine.meant(at.value.as_str()?)?;
    let lower = url.to_ascii_lowercase();
    let clear = lower.starts_with("http://") || lower.starts_with("ws://");
    let authority = url.split("://").nth(1)?.split(['/', '?']).next()?;
    if !clear || !(has_credential || authority.contains('@')) {
        return None;
    }
    let key = at.written();
    let found = match reach(host_of(&url)?) {
        Reach::Loopback | Reach::Private => return None,
        Reach::Public => draft(format!("{key} sends a credential unencrypted to a public address")),
        Reach::Name => draft(format!(
            "{key} sends a credential unencrypted to a host by name; whether that is public is not known"
        ))
        .code("name")
        .outcome(Outcome::NotEstablished)
        .level(Level::Note),
    };
    Some(found.declared(machine.declare(at)))
}
