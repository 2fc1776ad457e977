//! `gateway-no-auth`: the gateway asks for no credential.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "gateway-no-auth",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Others can reach the gateway, and it asks for no credential",
    help: "Let the gateway ask for a token, then let OpenClaw make one with `openclaw doctor --fix --generate-gateway-token`.",
    check: Check::Whole(check),
};

const AUTH: &str = "gateway.auth.mode";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let exposed = machine.is_exposed();
    let token = || set(AUTH, "token");
    match machine.text(AUTH).as_deref() {
        Some("none") if exposed => vec![
            draft("the gateway can be reached by others and asks for no credential")
                .declared(machine.declare_or(AUTH, "none"))
                .declared(machine.declare_or("gateway.bind", "loopback"))
                .declared(machine.declare_or("gateway.tailscale.mode", "off"))
                .remedy(token()),
        ],
        Some("none") => vec![
            draft("every process of this machine can use the gateway as its owner")
                .code("loopback")
                .level(Level::Warn)
                .declared(machine.declare_or(AUTH, "none"))
                .remedy(token()),
        ],
        None if machine.at(AUTH).is_some() => vec![
            draft("whether the gateway asks for a credential is not known: no file gives the variable that its mode names")
                .code("unset")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(machine.declare_or(AUTH, "a token, where one is found"))
                .remedy(token()),
        ],
        // With a mode that needs a credential OpenClaw does not start without one.
        Some(_) => Vec::new(),
        None if has_credential(machine) => Vec::new(),
        None if exposed => vec![
            draft("the gateway can be reached by others, and no file names a credential")
                .declared(machine.absent(AUTH, "a token, where one is found"))
                .declared(machine.declare_or("gateway.bind", "loopback"))
                .declared(machine.declare_or("gateway.tailscale.mode", "off"))
                .remedy(token()),
        ],
        // OpenClaw refuses connections then, unless its environment brings a token.
        None => vec![
            draft("no file names a credential of the gateway")
                .code("unset")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(machine.absent(AUTH, "a token, where one is found"))
                .remedy(token()),
        ],
    }
}

/// Whether a file names a token or password, whatever it is.
fn has_credential(machine: &Machine) -> bool {
    let keys = ["gateway.auth.token", "gateway.auth.password"];
    let variables = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];
    keys.iter().any(|key| machine.at(key).is_some())
        || variables
            .iter()
            .any(|name| machine.variable(name).is_some())
}
