//! `gateway-exposed`: the gateway listens beyond this machine.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Bind;
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "gateway-exposed",
    group: Group::Exposure,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "The gateway listens where others than this machine can reach it",
    help: "Let it listen on loopback, and reach it through Tailscale or an SSH tunnel. Where others have to reach it, except this for a time.",
    check: Check::Whole(check),
};

const BIND: &str = "gateway.bind";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let found = match machine.bind() {
        Bind::Loopback => return Vec::new(),
        Bind::Tailnet => draft("the gateway listens in the private network of Tailscale")
            .code("tailnet")
            .level(Level::Note),
        Bind::Exposed(address) => draft(format!("the gateway listens on {address}")),
        Bind::Unknown(why) => draft(format!("where the gateway listens is not known: {why}"))
            .code("unknown")
            .outcome(Outcome::NotEstablished),
    };
    let mut found = found
        .declared(machine.declare_or(BIND, "loopback"))
        .remedy(set(BIND, "loopback"));
    if machine.text(BIND).as_deref() == Some("custom") {
        found = found.declared(machine.declare_or("gateway.customBindHost", "all addresses"));
    }
    vec![found]
}
