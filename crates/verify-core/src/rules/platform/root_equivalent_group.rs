//! `root-equivalent-group`: the user who runs OpenClaw is in a group that gives root.

use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::files::Files;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "root-equivalent-group",
    group: Group::Platform,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The user who runs OpenClaw is in a group whose members can become root",
    help: "Run OpenClaw as a user of its own, and let its sandbox use a rootless container engine.",
    check: Check::Whole(check),
};

/// Groups whose members become root without a question.
const ROOT: [&str; 11] = [
    "docker",
    "lxd",
    "incus",
    "incus-admin",
    "libvirt",
    "libvirtd",
    "disk",
    "shadow",
    "kmem",
    "microk8s",
    "snap_microk8s",
];
/// Groups whose members become root by their password.
const ASKED: [&str; 3] = ["sudo", "wheel", "admin"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = of_units(machine);
    found.extend(machine.files().into_iter().flat_map(of_owner));
    found
}

/// Groups that a unit gives the gateway beside those of its user.
fn of_units(machine: &Machine) -> Vec<Draft> {
    let units = machine.services().iter().filter_map(|unit| {
        let groups = unit.groups.iter();
        let root: Vec<&str> = groups
            .map(String::as_str)
            .filter(|group| ROOT.contains(group))
            .collect();
        let (first, named) = (root.first()?, root.join(", "));
        let key = "SupplementaryGroups";
        let found = draft(format!(
            "{} puts the gateway into {named}, which gives root without a question",
            unit.shown
        ));
        Some(
            found
                .code("unit")
                .declared(machine.beside(key, named.clone(), unit.shown.clone()))
                .help(format!("Take {first} out of the unit.")),
        )
    });
    units.collect()
}

/// Groups of the user to whom the state belongs.
fn of_owner(files: &Files) -> Vec<Draft> {
    let (uid, name) = &files.owner;
    // Of root nothing more can be said.
    if *uid == 0 {
        return Vec::new();
    }
    let of = |names: &[&str]| -> Vec<String> {
        let groups = files.groups.iter();
        groups
            .filter(|group| names.contains(&group.as_str()))
            .cloned()
            .collect()
    };
    let seen = |groups: &[String]| {
        Observed::new(
            format!("groups of {name}"),
            groups.join(", "),
            "the table of groups",
        )
    };
    let mut found = Vec::new();
    let root = of(&ROOT);
    let sockets = &files.sockets;
    let steers = |found: Draft| {
        sockets.iter().fold(found, |found, socket| {
            let value = format!("can be written to by {name}");
            found.observed(Observed::new(socket.clone(), value, "owners and mode bits"))
        })
    };
    if !root.is_empty() {
        let said = draft(format!(
            "{name}, who runs OpenClaw, is in {}, which gives root without a question",
            root.join(", ")
        ));
        found.push(steers(said.observed(seen(&root))));
    } else if !sockets.is_empty() {
        let said = draft(format!(
            "{name}, who runs OpenClaw, may steer {}, which gives root without a question",
            sockets.join(", ")
        ));
        found.push(steers(said.code("socket")));
    }
    let asked = of(&ASKED);
    if !asked.is_empty() {
        found.push(
            draft(format!(
                "{name}, who runs OpenClaw, may become root by {}",
                asked.join(", ")
            ))
            .code("by-password")
            .level(Level::Note)
            .observed(seen(&asked)),
        );
    }
    found
}
