//! `shared-filesystem`: the state lies on a file system that other machines share.

use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "shared-filesystem",
    group: Group::Secrets,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "OpenClaw's state, with its secrets, lies where other machines read it",
    help: "Move the state directory to a disk of this machine.",
    check: Check::Whole(check),
};

/// File systems of the network.
const NETWORK: [&str; 17] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "glusterfs",
    "afs",
    "davfs",
    "ncpfs",
    "lustre",
    "smb2",
    "beegfs",
    "gpfs",
    "ocfs2",
    "gfs2",
    "coda",
];
/// File systems of a program that keeps what it shows on this machine: encrypted, joined, or for containers without root.
const OF_PROGRAMS: [&str; 9] = [
    "fuse.gocryptfs",
    "fuse.encfs",
    "fuse.cryfs",
    "fuse.securefs",
    "fuse.mergerfs",
    "fuse.bindfs",
    "fuse.fuse-overlayfs",
    "fuse.ntfs-3g",
    "fuse.exfat",
];
/// File systems by which a virtual machine sees its host's folders.
const OF_HOST: [&str; 5] = ["9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"];

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(mount) = whole.machine().and_then(|machine| machine.mount()) else {
        return Vec::new();
    };
    let kind = mount.kind.as_str();
    let seen = || Observed::new(mount.at.clone(), kind, "the table of mounts");
    let network = NETWORK.contains(&kind)
        || (kind.starts_with("fuse.")
            && kind != "fuse.vmhgfs-fuse"
            && !OF_PROGRAMS.contains(&kind))
        || kind == "fuse";
    let host = OF_HOST.contains(&kind) || kind == "fuse.vmhgfs-fuse";
    let mut found = Vec::new();
    if network {
        found.push(
            draft(format!(
                "the state directory lies on {kind}, which others may read or change"
            ))
            .observed(seen()),
        );
    } else if host {
        found.push(
            draft(format!(
                "the state directory lies on {kind}, a folder of the machine around this one"
            ))
            .code("host")
            .level(Level::Note)
            .observed(seen()),
        );
    }
    if let Some(name) = &mount.synced {
        found.push(
            draft(format!(
                "the state directory lies in {name}, which is copied to other machines"
            ))
            .code("synced")
            .observed(Observed::new(
                name.clone(),
                "a part of its path",
                "the path",
            )),
        );
    }
    found
}
