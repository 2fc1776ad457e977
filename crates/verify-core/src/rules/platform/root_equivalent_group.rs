//! `root-equivalent-group`: the user who runs OpenClaw is in a group that gives root.

use crate::finding::{Draft, Level, Observed, RemedyKind};
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
    let Some(files) = whole.machine().and_then(|machine| machine.files()) else {
        return Vec::new();
    };
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
