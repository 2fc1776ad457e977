//! `funnel-exposed`: Tailscale Funnel publishes the gateway.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "funnel-exposed",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Tailscale publishes the gateway to the whole internet",
    help: "Serve it inside the private network only.",
    check: Check::Whole(check),
};

const MODE: &str = "gateway.tailscale.mode";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    if machine.text(MODE).as_deref() != Some("funnel") {
        return Vec::new();
    }
    vec![
        draft("the gateway is published to the whole internet by Tailscale Funnel")
            .declared(machine.declare_or(MODE, "off"))
            .remedy(set(MODE, "serve")),
    ]
}
