//! What the rules about the machine have in common.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Stage, Stages};
use crate::fact::Outcome;
use crate::finding::{Declared, Draft, Level, Observed, Remedy};
use crate::inventory::machine::given::{Container, Served};
use crate::inventory::machine::ranges::Range;
use crate::inventory::machine::units::Said;
use crate::inventory::machine::{At, Bind, Machine};
use crate::subject::SubjectId;
use crate::text;

/// They speak only where the question is how the machine is set up.
pub(super) const STAGES: Stages = Stages::of(Stage::Host, &[]);

/// Ends of the names of sockets by which a container engine or the machine itself is steered.
const SOCKETS: [&str; 10] = [
    "docker.sock",
    "podman.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "crio.sock",
    "buildkitd.sock",
    "dockerd.sock",
    "docker_engine",
    "system_bus_socket",
    "libvirt-sock",
];

/// Whether a place is a socket by which a container engine or the machine itself is steered.
pub(super) fn is_engine_socket(place: &Path) -> bool {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let within = |folder: &str| place.components().any(|part| part.as_os_str() == folder);
    SOCKETS.iter().any(|socket| name.ends_with(socket))
        // Of a proxy, or renamed.
        || (name.contains("docker") && (name.contains(".sock") || name.contains("-sock")))
        || (name == "unix.socket" && (within("lxd") || within("incus")))
        || (name == "bus" && place.starts_with("/run/user"))
}

/// A violation about the machine.
pub(super) fn draft(message: impl Into<String>) -> Draft {
    Draft::new(message).subject(&SubjectId::machine())
}

/// Agents by name, as far as there is room, and what fits of a verb.
pub(super) fn named(ids: &[&str], one: &'static str, many: &'static str) -> (String, &'static str) {
    const SHOWN: usize = 5;
    let shown: Vec<String> = ids
        .iter()
        .take(SHOWN)
        .map(|id| text::excerpt(id, 60))
        .collect();
    match ids.len() {
        1 => (format!("the agent {}", shown.concat()), one),
        count if count > SHOWN => (
            format!("the agents {} and {} more", shown.join(", "), count - SHOWN),
            many,
        ),
        _ => (format!("the agents {}", shown.join(", ")), many),
    }
}

/// A key of OpenClaw's config gets a value.
pub(super) fn set(path: impl Into<String>, value: impl Into<Value>) -> Remedy {
    Remedy::Configure {
        path: path.into(),
        value: Some(value.into().to_string()),
    }
}

/// OpenClaw writes its unit anew.
pub(super) fn write_unit() -> Remedy {
    let arguments = ["gateway", "install", "--force"];
    Remedy::OpenClaw {
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

/// The gateway starts anew, as the files say.
pub(super) fn restart() -> Remedy {
    let arguments = ["gateway", "restart"];
    Remedy::OpenClaw {
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

/// Whether an address is one of Tailscale's private network.
pub(super) fn is_of_tailscale(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]),
        IpAddr::V6(v6) => v6.segments().starts_with(&[0xfd7a, 0x115c, 0xa1e0]),
    }
}

/// The home folder that a path lies in by the usual places.
pub(super) fn named_home(source: &Path) -> Option<PathBuf> {
    ["/home", "/Users", "/var/home"].iter().find_map(|homes| {
        let rest = source.strip_prefix(homes).ok()?;
        let user = rest.components().next()?;
        Some(Path::new(homes).join(user))
    })
}

/// That a compose file takes parts of itself from other files, which were not given.
pub(super) fn of_other_files(machine: &Machine, unknown: &str) -> Option<Draft> {
    let parts = &machine.given().elsewhere;
    let names: Vec<&str> = parts.iter().map(|(what, _)| what.as_str()).collect();
    let found = draft(format!(
        "parts of the compose file are in other files ({}), and {unknown}",
        names.join(", ")
    ))
    .code("elsewhere")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Give what `docker compose config` prints: it has them filled in.");
    (!parts.is_empty()).then(|| parts.iter().fold(found, |found, (_, fact)| fact.on(found)))
}

/// An option of a unit's command line, as it is to be shown. What is no plain word may be anything, also a secret that lost its line.
pub(super) fn option(name: &str, said: &Said) -> Declared {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_');
    let value = match said.value.len() <= 60 && said.value.chars().all(is_plain) {
        true => said.value.as_str(),
        false => "(no word that OpenClaw knows)",
    };
    Declared {
        path: "ExecStart".to_owned(),
        value: format!("{name} {value}"),
        file: said.file.clone(),
        line: Some(said.line),
    }
}

/// What Tailscale said that it serves, and where that leads.
pub(super) fn handler(served: &Served, target: &str) -> Observed {
    let to = match served.public {
        true => "open to the internet",
        false => "open to the private network of Tailscale",
    };
    Observed::new(
        served.name.clone(),
        format!("{to}, leads to {target}"),
        format!("{}, as Tailscale said when it was written", served.file),
    )
}

/// All that lets others reach the gateway, on a finding for which that counts: an exception is bound to it, so the gateway that is opened
/// further is another finding. Nothing where only this machine reaches it.
pub(super) fn exposed_by(machine: &Machine, found: Draft) -> Draft {
    const BIND: &str = "gateway.bind";
    const TAILSCALE: &str = "gateway.tailscale.mode";
    let mut found = match machine.bound() {
        (Bind::Loopback, _) => found,
        (_, Some(said)) => found.declared(option("--bind", said)),
        (_, None) => found.declared(machine.declare_or(BIND, "loopback")),
    };
    if let Some(host) = machine.at("gateway.customBindHost")
        && machine.text(BIND).as_deref() == Some("custom")
    {
        found = found.declared(machine.declare(&host));
    }
    for mode in machine.tailscale_modes() {
        found = match (mode.value.as_deref(), mode.by) {
            (Some("off"), _) | (None, None) => found,
            (_, Some(said)) => found.declared(option("--tailscale", said)),
            (Some(_), None) => found.declared(machine.declare_or(TAILSCALE, "off")),
        };
    }
    let listens = machine.gateways().iter().flat_map(|one| &one.listens);
    let mut wide: Vec<String> = listens
        .filter(|(address, _)| !address.is_loopback())
        .map(|(address, port)| SocketAddr::new(*address, *port).to_string())
        .collect();
    wide.sort();
    wide.dedup();
    if !wide.is_empty() {
        found = found.observed(Observed::new(
            "the running gateway",
            format!("listens on {}", wide.join(", ")),
            "the kernel's table of sockets",
        ));
    }
    let served = machine.served().into_iter();
    served.fold(found, |found, (served, target)| {
        found.observed(handler(served, target))
    })
}

/// That a list holds ranges of addresses which cannot be read, so that their width is not known. `what`: what such a range is for.
pub(super) fn unknown_range(machine: &Machine, list: &At<'_>, what: &str) -> Option<Draft> {
    let is_unknown = |item: &At<'_>| {
        let written = item.value.as_str().and_then(|text| machine.meant(text));
        written.is_some_and(|range| range.contains('/') && Range::of(&range).is_none())
    };
    let unknown: Vec<At<'_>> = list.items().filter(is_unknown).collect();
    let found = draft(format!(
        "how many hosts {what} is not known: a range cannot be read"
    ))
    .code("range")
    .outcome(Outcome::NotEstablished)
    .level(Level::Warn)
    .help("Write the range as its first address and the number of bits, such as 10.0.0.0/24.");
    (!unknown.is_empty()).then(|| {
        let all = unknown.iter();
        all.fold(found, |found, item| found.declared(machine.declare(item)))
    })
}

/// Whether a container's user is root: by name, or by a number that is 0 however it is written, as engines read it. [`strconv.Atoi`]
pub(super) fn is_root_user(user: &str) -> bool {
    let user = user.split(':').next().unwrap_or_default().trim();
    user == "root" || user.parse() == Ok(0_i64)
}

/// That units may start the gateway with options that they do not show. `what`: what is not known for that reason.
pub(super) fn hidden(machine: &Machine, what: &str) -> Option<Draft> {
    let units = machine.hidden_options();
    let found = draft(format!(
        "{what} is not known: {} the gateway with options that no unit shows",
        match units.as_slice() {
            [(unit, _)] => format!("{} may start", unit.shown),
            all => format!("{} units may start", all.len()),
        }
    ))
    .code("command")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Let the unit start `openclaw gateway` itself, with its options on that line.");
    let shown = units.iter().take(20);
    let found = shown.fold(found, |found, (unit, why)| {
        found.observed(Observed::new(unit.shown.clone(), *why, "its command line"))
    });
    (!units.is_empty()).then_some(found)
}

/// That units start the gateway with another config than the one that is judged. `what`: what is not known for that reason.
pub(super) fn other_config(machine: &Machine, what: &str) -> Option<Draft> {
    let units = machine.other_configs();
    let (unit, config) = units.first()?;
    let config = text::visible(&config.to_string_lossy()).into_owned();
    let found = draft(format!(
        "{what} is not known: {} names another config than the one that is judged",
        unit.shown
    ))
    .code("config")
    .outcome(Outcome::NotEstablished)
    .level(Level::Warn)
    .help(format!(
        "Judge that one: set OPENCLAW_CONFIG_PATH={} for this run.",
        text::shell_word(&config)
    ));
    let shown = units.iter().take(20);
    Some(shown.fold(found, |found, (unit, config)| {
        let path = "Environment OPENCLAW_CONFIG_PATH";
        let value = text::excerpt(&config.to_string_lossy(), 160);
        found.declared(machine.beside(path, value, unit.shown.clone()))
    }))
}

/// That it is not known which container of a file is OpenClaw's. `is_one`: whether one is.
pub(super) fn no_gateway(machine: &Machine, is_one: impl Fn(&Container) -> bool) -> Vec<Draft> {
    let given = machine.given();
    let files = [
        ("compose", "service", false),
        ("docker-inspect", "container", true),
    ];
    let unknown = files.into_iter().filter_map(|(what, word, seen)| {
        let file = given.named(what)?;
        let of = given.containers.iter().filter(|one| one.seen == seen);
        if of.clone().any(&is_one) {
            return None;
        }
        let names: Vec<&str> = of.map(|one| one.name.as_str()).take(5).collect();
        let key = format!("{word}s");
        Some(
            draft(format!("which {word} of {file} is OpenClaw is not known"))
                .code("no-gateway")
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .declared(machine.beside(key, names.join(", "), file))
                .help("Give the file that is about the gateway."),
        )
    });
    unknown.collect()
}

/// That units cannot be read. `what`: what is not known of them.
pub(super) fn unread(machine: &Machine, what: &str) -> Option<Draft> {
    const SHOWN: usize = 20;
    let units = machine.unread_units();
    let found = draft(format!(
        "whether {} of the service manager {what} is not known: they cannot be read",
        match units.len() {
            1 => "a unit".to_owned(),
            count => format!("{count} units"),
        }
    ))
    .code("unread")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Run this as a user who may read them: root, for units of the system.");
    let shown = units.iter().take(SHOWN);
    let found = shown.fold(found, |found, (unit, why)| {
        found.observed(Observed::new(unit.clone(), why.clone(), "the file"))
    });
    (!units.is_empty()).then_some(found)
}
