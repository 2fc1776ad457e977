//! `proxy-trust-too-wide`: headers of a reverse proxy are believed from too many hosts.

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::ranges::{Range, together};
use crate::inventory::machine::{At, Machine};
use crate::rules::machine::{STAGES, draft, set, unknown_range};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "proxy-trust-too-wide",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The gateway believes the headers of more proxies than there can be",
    help: "Name the exact address of the reverse proxy, and which users may come through it.",
    check: Check::Whole(check),
};

const PROXIES: &str = "gateway.trustedProxies";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let proxies = machine.at(PROXIES);
    found.extend(
        proxies
            .iter()
            .flat_map(|proxies| of_proxies(machine, proxies)),
    );
    found.extend(
        proxies
            .iter()
            .filter_map(|proxies| unknown_range(machine, proxies, "the gateway believes")),
    );
    let any = proxies.is_some_and(|at| !at.texts().is_empty());
    if any && machine.is_on("gateway.allowRealIpFallback") {
        found.push(
            draft("a proxy that sends only X-Real-IP is believed, which any client can set")
                .declared(machine.declare_or("gateway.allowRealIpFallback", "false"))
                .declared(machine.declare_or(PROXIES, "no proxy"))
                .remedy(set("gateway.allowRealIpFallback", false)),
        );
    }
    let modes = machine.auth_modes();
    if modes
        .iter()
        .any(|mode| mode.value.as_deref() == Some("trusted-proxy"))
    {
        let key = "gateway.auth.trustedProxy";
        if machine.text(&format!("{key}.userHeader")).is_none() {
            found.push(
                draft("no header names the user whom the proxy has let in")
                    .declared(machine.absent(&format!("{key}.userHeader"), "any user")),
            );
        }
        let users = machine.at(&format!("{key}.allowUsers"));
        if users.is_none_or(|at| at.texts().is_empty()) {
            found.push(
                draft("every user whom the proxy lets in owns the gateway")
                    .declared(machine.absent(&format!("{key}.allowUsers"), "any user")),
            );
        }
        let scopes = machine
            .at(key)
            .map(|at| at.all("scopes"))
            .unwrap_or_default();
        for scopes in scopes {
            let approved = scopes.path.iter().any(|part| part == "deviceAutoApprove");
            if approved && scopes.texts().contains(&"operator.admin") {
                found.push(
                    draft("a device of any user of the proxy becomes an administrator by itself")
                        .declared(machine.declare(&scopes))
                        .remedy(set(scopes.written(), json!([]))),
                );
            }
        }
    }
    found
}

/// Ranges that hold more hosts than there can be proxies, each by itself, or else those that do so side by side.
fn of_proxies(machine: &Machine, proxies: &At<'_>) -> Vec<Draft> {
    let written: Vec<(At<'_>, Range)> = proxies
        .items()
        .filter_map(|item| {
            let range = Range::of(&machine.meant(item.value.as_str()?)?)?;
            Some((item, range))
        })
        .collect();
    let alone = written.iter().filter(|(_, range)| is_too_wide(*range));
    let mut found: Vec<Draft> = alone
        .map(|(item, range)| believed(*range).declared(machine.declare(item)))
        .collect();
    let wide = together(written.iter().map(|(_, range)| *range));
    for wide in wide.into_iter().filter(|range| is_too_wide(*range)) {
        let of = || written.iter().filter(|(_, range)| wide.holds(*range));
        if !of().any(|(_, range)| is_too_wide(*range)) {
            found.push(of().fold(believed(wide), |found, (item, _)| {
                found.declared(machine.declare(item))
            }));
        }
    }
    found
}

fn believed(range: Range) -> Draft {
    let hosts = match range.bits() {
        0 => "every host".to_owned(),
        bits => format!("every host of a /{bits}"),
    };
    draft(format!(
        "the gateway believes {hosts} about where a request comes from"
    ))
    .remedy(set(PROXIES, json!(["127.0.0.1"])))
    .help("Name the exact address of the reverse proxy; 127.0.0.1 where it runs on this machine")
}

/// Whether no set of proxies is that large: more than a /24 or a /64.
fn is_too_wide(range: Range) -> bool {
    range.bits() < if range.is_v6() { 64 } else { 24 }
}
