//! `gateway-exposed`: the gateway listens beyond this machine.

use std::net::IpAddr;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::inventory::machine::{Bind, Machine};
use crate::rules::machine::{
    STAGES, draft, hidden, is_of_tailscale, option, other_config, restart, set,
};
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
    let mut found = of_gateway(machine);
    let seen = machine.gateways().iter();
    if seen.clone().all(|gateway| gateway.listens.is_empty()) {
        found.extend(other_config(machine, "where the gateway listens"));
    }
    found.extend(of_others(machine));
    found
}

/// That someone else listens on its port, which may lead to it.
fn of_others(machine: &Machine) -> Option<Draft> {
    let others = machine.other_listeners();
    let (address, port, uid) = others.first()?;
    let socket = std::net::SocketAddr::new(*address, *port);
    let found = draft(format!(
        "uid {uid} listens on {socket}, and whether that leads to the gateway is not known"
    ))
    .code("listener")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Look what it is, such as a container engine that publishes the gateway: give its `docker inspect` output");
    Some(others.iter().fold(found, |found, (address, port, uid)| {
        let socket = std::net::SocketAddr::new(*address, *port);
        let value = format!("listened on by uid {uid}");
        found.observed(Observed::new(
            socket.to_string(),
            value,
            "the kernel's table of sockets",
        ))
    }))
}

/// What is declared and seen of the gateway itself.
fn of_gateway(machine: &Machine) -> Vec<Draft> {
    let wide = wide(machine);
    let seen = machine
        .gateways()
        .iter()
        .any(|gateway| !gateway.listens.is_empty());
    let (bind, by) = machine.bound();
    let found = match bind {
        // What is seen wins over what is said.
        Bind::Loopback if wide.is_empty() && !seen => {
            return hidden(machine, "where the gateway listens")
                .into_iter()
                .collect();
        }
        Bind::Loopback if wide.is_empty() => return Vec::new(),
        Bind::Unknown(_) if seen && wide.is_empty() => return Vec::new(),
        Bind::Loopback => mismatch(&wide, "on this machine only"),
        Bind::Tailnet if wide.iter().any(|address| !is_of_tailscale(*address)) => {
            mismatch(&wide, "in the private network of Tailscale only")
        }
        // It runs with something else than the files say now.
        Bind::Exposed(address) if seen && wide.is_empty() => draft(format!(
            "the gateway listens on this machine only, and will listen on {address} when it is started again"
        )),
        Bind::Tailnet if seen && wide.is_empty() => draft(
            "the gateway listens on this machine only, and will listen in the private network of Tailscale when it is started again",
        )
        .code("tailnet")
        .level(Level::Note),
        Bind::Tailnet => draft("the gateway listens in the private network of Tailscale")
            .code("tailnet")
            .level(Level::Note),
        Bind::Exposed(_) if seen => draft(format!("the gateway listens on {}", listed(&wide))),
        Bind::Exposed(address) => draft(format!("the gateway listens on {address}")),
        Bind::Unknown(_) if seen => draft(format!("the gateway listens on {}", listed(&wide))),
        Bind::Unknown(why) => draft(format!("where the gateway listens is not known: {why}"))
            .code("unknown")
            .outcome(Outcome::NotEstablished),
    };
    let mut found = match by {
        Some(said) => found
            .declared(option("--bind", said))
            .help("Take the option out of the unit, so that the config decides, and let the config say loopback"),
        None => found.declared(machine.declare_or(BIND, "loopback")),
    };
    if found.remedy.is_none() {
        found = found.remedy(set(BIND, "loopback"));
    }
    if machine.text(BIND).as_deref() == Some("custom") {
        found = found.declared(machine.declare_or("gateway.customBindHost", "all addresses"));
    }
    for gateway in machine.gateways() {
        if !gateway.listens.is_empty() {
            let listens: Vec<String> = gateway
                .listens
                .iter()
                .map(|(address, port)| std::net::SocketAddr::new(*address, *port).to_string())
                .collect();
            let source = format!("the kernel's table of sockets, by {}", gateway.by);
            found = found.observed(Observed::new(
                "the running gateway",
                format!("listens on {}", listens.join(", ")),
                source,
            ));
        }
    }
    vec![found]
}

/// Addresses beyond this machine on which a gateway was seen.
fn wide(machine: &Machine) -> Vec<IpAddr> {
    let listens = machine
        .gateways()
        .iter()
        .flat_map(|gateway| &gateway.listens);
    let mut wide: Vec<IpAddr> = listens
        .map(|(address, _)| *address)
        .filter(|address| !address.is_loopback())
        .collect();
    wide.sort();
    wide.dedup();
    wide
}

fn mismatch(wide: &[IpAddr], declared: &str) -> Draft {
    draft(format!("the gateway listens on {}, and by its files it should listen {declared}", listed(wide)))
        .code("observed-mismatch")
        .level(Level::Deny)
        .help("Something else than the files decides: an option on the command line, or a gateway that was started before the files said so. End the one that runs, where it was started by hand, and start the gateway again")
        .remedy(restart())
}

fn listed(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(5).map(ToString::to_string).collect();
    shown.join(", ")
}
