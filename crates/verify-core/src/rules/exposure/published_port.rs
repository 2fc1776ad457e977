//! `published-port`: a container engine publishes the gateway beyond this machine.

use std::net::IpAddr;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::given::{Address, Container, Published};
use crate::rules::machine::{STAGES, draft, is_of_tailscale, no_gateway, of_other_files};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "published-port",
    group: Group::Exposure,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "A container engine publishes the gateway's port to others than this machine",
    help: "Publish it on loopback, as \"127.0.0.1:18789:18789\", and start the container again. A firewall of the host does not hold back what an engine publishes.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let given = machine.given();
    let mut found: Vec<Draft> = given
        .containers
        .iter()
        .flat_map(|container| of_container(machine, container))
        .collect();
    if let Some(elsewhere) = of_other_files(machine, "what they publish is not known") {
        found.push(elsewhere);
    }
    found.extend(no_gateway(machine, |container| {
        container.is_openclaw || publishes(machine, container)
    }));
    found
}

/// Whether a container publishes a port of the gateway at all.
fn publishes(machine: &Machine, container: &Container) -> bool {
    container
        .published
        .iter()
        .any(|port| is_gateways(machine, container, port) == Some(true))
}

/// Whether a port is the gateway's; none where a variable decides.
fn is_gateways(machine: &Machine, container: &Container, port: &Published) -> Option<bool> {
    let (first, last) = port.ports?;
    let mut ports = machine
        .ports()
        .into_iter()
        .chain(container.own_ports.iter().copied());
    Some(ports.any(|port| (first..=last).contains(&port)))
}

/// Who reaches a published port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// This machine.
    Itself,
    /// The private network of Tailscale.
    Tailnet,
    /// Others.
    Others,
    /// A variable decides.
    Unknown,
}

fn who(machine: &Machine, container: &Container, port: &Published) -> Who {
    let of = |address: IpAddr| match address.to_canonical() {
        address if address.is_loopback() => Who::Itself,
        address if is_of_tailscale(address) => Who::Tailnet,
        _ => Who::Others,
    };
    match port.address {
        Address::At(address) => of(address),
        Address::Variable => Who::Unknown,
        // What its network, or else the daemon's settings, name counts where a port names nothing.
        Address::Default => match by_default(machine, container) {
            Some(address) => of(address),
            None => Who::Others,
        },
    }
}

/// The address on which ports of a container are published that name none.
fn by_default(machine: &Machine, container: &Container) -> Option<IpAddr> {
    container.default_address.or_else(|| {
        let daemon = machine.given().daemon.as_ref()?;
        match container.in_bridge {
            true => daemon.address,
            false => daemon.network_address,
        }
    })
}

fn of_container(machine: &Machine, container: &Container) -> Vec<Draft> {
    let alone = of_network(container);
    // In the network of the machine an engine publishes nothing; that is another finding.
    if container.shared.iter().any(|(what, _)| *what == "network") {
        return alone.into_iter().collect();
    }
    let name = &container.name;
    let with = |draft: Draft, wanted: &dyn Fn(&Published) -> bool| {
        let ports = container.published.iter().filter(|port| wanted(port));
        ports.fold(draft, |draft, port| port.fact.on(draft))
    };
    let is = |port: &Published| is_gateways(machine, container, port) == Some(true);
    let open = |port: &Published| is(port) && who(machine, container, port) == Who::Others;
    let private = |port: &Published| is(port) && who(machine, container, port) == Who::Tailnet;
    let unknown = |port: &Published| {
        let whose = is_gateways(machine, container, port);
        let may_be = whose == Some(true) || whose.is_none() && container.is_openclaw;
        may_be
            && (whose.is_none() && who(machine, container, port) != Who::Itself
                || who(machine, container, port) == Who::Unknown)
    };
    let any = |wanted: &dyn Fn(&Published) -> bool| container.published.iter().any(wanted);
    let mut found: Vec<Draft> = alone.into_iter().collect();
    if any(&open) {
        let draft = draft(format!(
            "the container {name} publishes the gateway to others than this machine"
        ));
        found.push(with(draft, &open));
    }
    if any(&private) {
        let draft = draft(format!(
            "the container {name} publishes the gateway in the private network of Tailscale"
        ));
        found.push(with(draft.code("tailnet").level(Level::Note), &private));
    }
    if any(&unknown) {
        let draft = draft(format!("where the container {name} publishes the gateway is not known: a variable decides"))
            .code("variable")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .help("Give the value of each variable that is named, or give what `docker compose config` prints, which has them filled in.");
        found.push(with(draft, &unknown));
    }
    found
}

/// That it is a machine of its own in the network around this one, where nothing needs to publish its ports.
fn of_network(container: &Container) -> Option<Draft> {
    let facts = &container.on_network;
    let found = draft(format!(
        "the container {} is a machine of its own in the network around this one, with all its ports",
        container.name
    ))
    .code("network")
    .help("Give it a network of the kind bridge, and publish its port on loopback.");
    let found = facts.iter().fold(found, |found, fact| fact.on(found));
    (container.is_openclaw && !facts.is_empty()).then_some(found)
}
