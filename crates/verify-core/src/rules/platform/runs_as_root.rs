//! `runs-as-root`: the gateway has all rights on the machine.

use crate::fact::Outcome;
use crate::finding::{Declared, Draft, Level, Observed, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::processes::Gateway;
use crate::inventory::machine::units::{RunsAs, Service};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "runs-as-root",
    group: Group::Platform,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The gateway runs as root, and so does what the agent runs",
    help: "Let it run as a user of its own; the printed unit names one.",
    check: Check::Whole(check),
};

/// Rights that make a user root: the number of each, and its name. [capabilities(7)]
const CAPABILITIES: [(u32, &str); 17] = [
    (0, "CAP_CHOWN"),
    (1, "CAP_DAC_OVERRIDE"),
    (2, "CAP_DAC_READ_SEARCH"),
    (3, "CAP_FOWNER"),
    (6, "CAP_SETGID"),
    (7, "CAP_SETUID"),
    (8, "CAP_SETPCAP"),
    (12, "CAP_NET_ADMIN"),
    (16, "CAP_SYS_MODULE"),
    (17, "CAP_SYS_RAWIO"),
    (19, "CAP_SYS_PTRACE"),
    (21, "CAP_SYS_ADMIN"),
    (27, "CAP_MKNOD"),
    (31, "CAP_SETFCAP"),
    (32, "CAP_MAC_OVERRIDE"),
    (33, "CAP_MAC_ADMIN"),
    (39, "CAP_BPF"),
];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found: Vec<Draft> = machine
        .gateways()
        .iter()
        .filter_map(|gateway| running(machine, gateway))
        .collect();
    // One of several processes is enough.
    found.dedup();
    let of_system = machine
        .services()
        .iter()
        .filter(|service| service.of_system);
    found.extend(of_system.flat_map(of_unit));
    found
}

/// A gateway that was seen.
fn running(machine: &Machine, gateway: &Gateway) -> Option<Draft> {
    let uid = gateway.uid?;
    let rights: Vec<&str> = CAPABILITIES
        .iter()
        .filter(|(bit, _)| gateway.capabilities & (1 << bit) != 0)
        .map(|(_, name)| *name)
        .collect();
    let (found, value) = match (uid, rights.is_empty()) {
        (0, _) => (draft("the gateway runs as root"), "uid 0".to_owned()),
        (uid, true) if gateway.was_root => {
            let found = draft("the gateway can become root again")
                .code("saved")
                .help("Let the service manager start it as its user, and not a program that keeps a way back.");
            (found, format!("uid {uid}, with 0 as its real or saved one"))
        }
        (_, true) => return None,
        (uid, false) => {
            let rights = rights.join(", ");
            let found = draft(format!("the gateway has rights of root: {rights}"))
                .code("capabilities")
                .help("Take them away from its unit (AmbientCapabilities), or from the program that runs it: `setcap -r`.");
            (found, format!("uid {uid} with {rights}"))
        }
    };
    let found = found.observed(Observed::new(
        "the running gateway",
        value,
        "the kernel's table of processes",
    ));
    Some(match machine.in_container() {
        true => found
            .code("container")
            .level(Level::Warn)
            .evidence("this is the inside of a container, where root has less"),
        false => found,
    })
}

/// A unit of the system.
fn of_unit(service: &Service) -> Vec<Draft> {
    let said = |path: &str, value: String| Declared {
        path: path.to_owned(),
        value,
        file: service.shown.clone(),
        line: None,
    };
    let as_root = || draft(format!("{} starts the gateway as root", service.shown)).code("unit");
    let mut found = Vec::new();
    match &service.runs_as {
        RunsAs::Unsaid => {
            found.push(as_root().declared(said("User", "not set (root)".to_owned())));
        }
        RunsAs::User(user) if user == "root" || user.parse() == Ok(0_u32) => {
            found.push(as_root().declared(said("User", user.clone())));
        }
        RunsAs::Filled(user) => found.push(
            draft(format!(
                "who {} starts the gateway as is not known",
                service.shown
            ))
            .code("unit-user")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .declared(said("User", user.clone()))
            .help("Look with `systemctl show -p User` at the unit as it is started."),
        ),
        RunsAs::User(_) | RunsAs::Dynamic => {}
    }
    if let (Some(mark), true) = (&service.elevated, found.is_empty()) {
        let value = format!("begins with {mark}");
        found.push(
            as_root()
                .declared(said("ExecStart", value))
                .help("Take the mark away from the command: it starts it with all rights, whatever user the unit runs as"),
        );
    }
    if let Some(added) = &service.capabilities {
        found.push(
            draft(format!(
                "{} gives the gateway rights of root: {added}",
                service.shown
            ))
            .code("capabilities")
            .declared(said("AmbientCapabilities", added.clone()))
            .help("Take the line out of the unit."),
        );
    }
    found
}
