//! `funnel-exposed`: Tailscale Funnel publishes the gateway.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, handler, hidden, option, set, write_unit};
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
    let mut found = Vec::new();
    for mode in machine.tailscale_modes() {
        let published = draft("the gateway is published to the whole internet by Tailscale Funnel");
        match (mode.value.as_deref(), mode.by) {
            (Some("funnel"), None) => found.push(
                published
                    .declared(machine.declare_or(MODE, "off"))
                    .remedy(set(MODE, "serve")),
            ),
            (Some("funnel"), Some(said)) => found.push(
                published
                    .code("option")
                    .declared(option("--tailscale", said))
                    .help("Take the option out of the unit; for a unit of the user OpenClaw writes it anew")
                    .remedy(write_unit()),
            ),
            (None, Some(said)) => found.push(
                draft("whether Tailscale publishes the gateway is not known: a variable decides")
                    .code("variable")
                    .outcome(Outcome::NotEstablished)
                    .level(Level::Note)
                    .declared(option("--tailscale", said)),
            ),
            _ => {}
        }
    }
    let funnels = machine.served().into_iter();
    for (funnel, target) in funnels.filter(|(served, _)| served.public) {
        let name = &funnel.name;
        found.push(
            draft(format!("Tailscale publishes {name} to the whole internet, and it leads to the gateway"))
                .code("observed")
                .observed(handler(funnel, target))
                .help("Take it back with `tailscale funnel reset`, and serve it inside the private network: `tailscale serve --bg 18789`"),
        );
    }
    if found.is_empty() && machine.given().served.is_none() {
        found.extend(hidden(machine, "whether Tailscale publishes the gateway"));
    }
    found
}
