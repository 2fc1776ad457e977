//! `proxy-trust-too-wide`: headers of a reverse proxy are believed from too many hosts.

use std::net::IpAddr;

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
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
    for item in proxies.iter().flat_map(|at| at.items().collect::<Vec<_>>()) {
        let written = item.value.as_str().and_then(|text| machine.meant(text));
        let Some(hosts) = written.as_deref().and_then(too_wide) else {
            continue;
        };
        found.push(
            draft(format!(
                "the gateway believes {hosts} about where a request comes from"
            ))
            .declared(machine.declare(&item))
            .remedy(set(PROXIES, json!(["127.0.0.1"])))
            .help("Name the exact address of the reverse proxy; 127.0.0.1 where it runs on this machine"),
        );
    }
    let any = proxies.is_some_and(|at| !at.texts().is_empty());
    if any && machine.is_on("gateway.allowRealIpFallback") {
        found.push(
            draft("a proxy that sends only X-Real-IP is believed, which any client can set")
                .declared(machine.declare_or("gateway.allowRealIpFallback", "false"))
                .remedy(set("gateway.allowRealIpFallback", false)),
        );
    }
    if machine.text("gateway.auth.mode").as_deref() == Some("trusted-proxy") {
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

/// How many hosts a range holds, where no set of proxies is that large: more than a /24 or a /64.
fn too_wide(written: &str) -> Option<String> {
    let (address, bits) = written.split_once('/')?;
    let bits: u8 = bits.trim().parse().ok()?;
    let (wide, bits) = match address.trim().parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => (bits < 24, bits),
        // An IPv4 range in the form of IPv6: its last 32 bits count.
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() && bits >= 96 => {
            (bits < 120, bits - 96)
        }
        Ok(IpAddr::V6(_)) => (bits < 64, bits),
        Err(_) => return None,
    };
    let hosts = match bits {
        0 => "every host".to_owned(),
        bits => format!("every host of a /{bits}"),
    };
    wide.then_some(hosts)
}
