//! `gateway-no-auth`: the gateway asks for no credential.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::given::{Address, Container, Published};
use crate::inventory::machine::units::Said;
use crate::rules::machine::{
    STAGES, draft, exposed_by, hidden, option, other_config, set, write_unit,
};
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
    let mut found = Vec::new();
    for mode in machine.auth_modes() {
        match mode.by {
            None => found.extend(by_config(machine)),
            Some(said) => found.extend(by_option(machine, mode.value.as_deref(), said)),
        }
    }
    found.extend(machine.given().openclaws().filter_map(by_container));
    found.extend(other_config(
        machine,
        "whether the gateway asks for a credential",
    ));
    if found.is_empty() {
        found.extend(hidden(machine, "whether the gateway asks for a credential"));
    }
    found
}

/// What an option of a unit says, which wins over the config. [S `authOverride`]
fn by_option(machine: &Machine, mode: Option<&str>, said: &Said) -> Option<Draft> {
    let found = match mode {
        None => draft("whether the gateway asks for a credential is not known: a variable decides")
            .code("variable")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note),
        Some("none") if machine.is_exposed() => {
            let message = "the gateway can be reached by others and asks for no credential";
            exposed_by(machine, draft(message).code("option"))
        }
        Some("none") => draft("every process of this machine can use the gateway as its owner")
            .code("loopback")
            .level(Level::Warn),
        // OpenClaw does not start without a credential then.
        Some(_) => return None,
    };
    let found = found
        .declared(option("--auth", said))
        .help("Take the option out of the unit, so that the config decides; for a unit of the user OpenClaw writes it anew");
    Some(found.remedy(write_unit()))
}

/// What the command of a container says, which wins over the config too.
fn by_container(container: &Container) -> Option<Draft> {
    let (mode, fact) = container.auth.as_ref()?;
    let published = container.published.iter();
    let wide: Vec<&Published> = published
        .filter(|port| match port.address {
            Address::At(address) => !address.to_canonical().is_loopback(),
            Address::Default | Address::Variable => true,
        })
        .collect();
    let found = draft(format!(
        "the gateway in the container {} asks for no credential",
        container.name
    ))
    .code("container")
    .level(if wide.is_empty() {
        Level::Warn
    } else {
        Level::Deny
    })
    .help("Take `--auth none` out of its command, and start the container again.");
    // Where it is published decides the level, and so belongs to what is accepted.
    let found = wide.iter().fold(found, |found, port| port.fact.on(found));
    (mode == "none").then(|| fact.on(found))
}

/// What the config says.
fn by_config(machine: &Machine) -> Vec<Draft> {
    let exposed = machine.is_exposed();
    let token = || set(AUTH, "token");
    let by_others = |message: &str, mode| exposed_by(machine, draft(message).declared(mode));
    match machine.text(AUTH).as_deref() {
        Some("none") if exposed => vec![
            by_others(
                "the gateway can be reached by others and asks for no credential",
                machine.declare_or(AUTH, "none"),
            )
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
            by_others(
                "the gateway can be reached by others, and no file names a credential",
                machine.absent(AUTH, "a token, where one is found"),
            )
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
    let mut units = machine.gateway_services();
    keys.iter().any(|key| machine.at(key).is_some())
        || variables
            .iter()
            .any(|name| machine.variable(name).is_some())
        || units.any(|unit| !unit.credentials.is_empty() || unit.has_password_file)
}
