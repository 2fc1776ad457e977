//! Places of the machine that lead out of a container or a sandbox which sees them. Data, and how it is asked.

use std::path::{Path, PathBuf};

use crate::finding::Level;
use crate::inventory::machine::given::Mount;
use crate::rules::machine::{is_engine_socket, named_home};
use crate::text;

/// Never shown, not even to be read: they are the machine, or hold what opens it.
const WHOLE: [&str; 21] = [
    "/",
    "/etc",
    "/root",
    "/home",
    "/var/home",
    "/Users",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/var",
    "/var/lib",
    "/run",
    "/run/user",
    "/run/systemd",
    "/run/systemd/private",
    "/private",
    "/private/etc",
    "/private/var",
    "/var/lib/docker",
    "/var/lib/docker/volumes",
];
/// The same for what lies in them: memory of all processes, keys of the machine, and what container engines keep.
const BELOW: [&str; 20] = [
    "/proc",
    "/boot",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/kubernetes",
    "/etc/rancher",
    "/run/docker",
    "/run/containerd",
    "/run/podman",
    "/run/crio",
    "/run/dbus",
    "/run/libvirt",
    "/run/k3s",
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/lxd",
    "/var/lib/incus",
];
/// What the machine runs and obeys: anyone who can change it is root. To be read it is harmless.
const OBEYED: [&str; 37] = [
    "/sys",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/etc/passwd",
    "/etc/group",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/systemd",
    "/etc/init.d",
    "/etc/rc.local",
    "/etc/pam.d",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf.d",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/udev",
    "/etc/docker",
    "/etc/apt",
    "/etc/modprobe.d",
    "/etc/openclaw-verify",
    "/var/spool/cron",
    "/Library/LaunchDaemons",
    "/Library/LaunchAgents",
];
/// What the shell, the session or a tool of a user obeys: these, and what lies in them.
const OBEYED_IN_HOME: [&str; 38] = [
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".pam_environment",
    ".xprofile",
    ".xsession",
    ".xsessionrc",
    ".xinitrc",
    ".gitconfig",
    ".vimrc",
    ".vim",
    ".npmrc",
    ".cargo/bin",
    ".cargo/config.toml",
    ".bun/bin",
    ".deno/bin",
    ".nvm",
    ".volta/bin",
    ".pyenv/shims",
    ".asdf/shims",
    ".config/autostart",
    ".config/environment.d",
    ".config/fish",
    ".config/git",
    ".config/nvim",
    ".config/systemd",
    ".local/bin",
    ".local/share/systemd",
    "Library/LaunchAgents",
];
/// Folders that hold such things beside others.
const ABOVE_OBEYED_IN_HOME: [&str; 9] = [
    ".ssh",
    ".cargo",
    ".bun",
    ".deno",
    ".volta",
    ".config",
    ".local",
    ".local/share",
    "Library",
];
/// Keys of a user for other machines.
const KEYS_IN_HOME: [&str; 13] = [
    ".ssh",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".gnupg",
    ".netrc",
    ".git-credentials",
    ".password-store",
    ".mozilla",
    ".config",
    ".local/share/keyrings",
    "Library/Keychains",
];
/// Beginnings of names of devices below `/dev` that are disks, memory, or what a person types.
const DEVICES: [&str; 21] = [
    "mem", "kmem", "port", "kcore", "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "dm-", "md", "zd",
    "nbd", "rbd", "bsg", "mapper", "disk", "vfio", "input", "uinput",
];

/// What a mount opens, with the level and the code of that; none where it opens nothing.
pub(in crate::rules) fn opened(mount: &Mount, home: Option<&Path>) -> Option<(Level, String)> {
    let written = match mount.place.strip_prefix('~') {
        // Whose home it is does not matter for what is in it.
        Some(rest) => home
            .unwrap_or(Path::new("/home/~"))
            .join(rest.trim_start_matches('/')),
        None => PathBuf::from(&mount.place),
    };
    [Some(&written), mount.leads.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|place| at(&plain(place), mount.writable, home))
}

/// Without the name by which `/run` was called before.
fn plain(place: &Path) -> PathBuf {
    match place.strip_prefix("/var/run") {
        Ok(rest) => Path::new("/run").join(rest),
        Err(_) => place.to_owned(),
    }
}

/// What a place opens that is seen, with the level of that; none where it opens nothing.
pub(in crate::rules) fn at(
    place: &Path,
    writable: bool,
    home: Option<&Path>,
) -> Option<(Level, String)> {
    let deny = |what: String| Some((Level::Deny, what));
    let shown = text::excerpt(&place.to_string_lossy(), 120);
    if is_engine_socket(place) {
        return deny("a socket by which the machine is steered, which gives root on it".to_owned());
    }
    if place == Path::new("/") {
        return deny("the whole machine".to_owned());
    }
    let below = |places: &[&str]| places.iter().any(|known| place.starts_with(known));
    if WHOLE.iter().any(|known| place == Path::new(known)) || is_folder_of_a_user(place) {
        return deny(format!("{shown} of this machine"));
    }
    if below(&BELOW) || is_engines(place) || is_device(&place.to_string_lossy()) {
        return deny(format!("{shown} of this machine"));
    }
    // A folder above such a place holds it too.
    let above = || {
        OBEYED
            .iter()
            .any(|known| Path::new(known).starts_with(place))
    };
    if writable && (below(&OBEYED) || above()) {
        return deny(format!("{shown}, and can change what this machine obeys"));
    }
    in_home(place, writable, home)
}

/// What is opened of a home folder.
fn in_home(place: &Path, writable: bool, home: Option<&Path>) -> Option<(Level, String)> {
    let root = Path::new("/root");
    let of_root = place.starts_with(root).then(|| root.to_owned());
    let homes = home.map(Path::to_owned).into_iter();
    homes
        .chain(named_home(place))
        .chain(of_root)
        .find_map(|home| {
            let rest = place.strip_prefix(&home).ok()?;
            if rest.as_os_str().is_empty() {
                return Some((Level::Deny, "a whole home folder".to_owned()));
            }
            let shown = text::excerpt(&rest.to_string_lossy(), 120);
            let is = |known: &&str| rest == Path::new(*known);
            // What opens this machine from outside, where it is one file of the folder.
            let login = rest.starts_with(".ssh/authorized_keys");
            let obeyed = OBEYED_IN_HOME.iter().any(|known| rest.starts_with(known));
            if writable && (obeyed || ABOVE_OBEYED_IN_HOME.iter().any(is) || login) {
                let what = format!("{shown} of a home folder, and can change what its user runs");
                return Some((Level::Deny, what));
            }
            let key = rest.starts_with(".ssh")
                && rest.file_name().is_some_and(|name| {
                    let name = name.to_string_lossy();
                    name.starts_with("id_") && !name.ends_with(".pub")
                });
            let keys = KEYS_IN_HOME.iter().any(is) || key;
            keys.then(|| (Level::Warn, format!("{shown} of a home folder")))
        })
}

/// The folder of a session, in which the sockets of an engine without root and of the session lie.
fn is_folder_of_a_user(place: &Path) -> bool {
    let Ok(rest) = place.strip_prefix("/run/user") else {
        return false;
    };
    let rest: Vec<_> = rest.components().collect();
    rest.len() == 1
}

/// What Docker keeps, but for the content of one volume.
fn is_engines(place: &Path) -> bool {
    let Ok(rest) = place.strip_prefix("/var/lib/docker") else {
        return false;
    };
    !(rest.starts_with("volumes") && rest.components().count() > 1)
}

/// Whether a device, or a rule about devices, opens the machine: disks, memory, what is typed.
pub(in crate::rules) fn is_device(written: &str) -> bool {
    if let Some(name) = written.strip_prefix("/dev/") {
        let raw = name
            .strip_prefix("sg")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        return raw || DEVICES.iter().any(|known| name.starts_with(known));
    }
    let mut words = written.split_whitespace();
    match (words.next(), words.next()) {
        (Some("/dev"), None) | (Some("a" | "b"), _) => true,
        (Some("c"), Some(numbers)) => matches!(
            numbers.split_once(':'),
            Some(("*", _) | ("1", "*" | "1" | "2" | "4"))
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::machine::given::Fact;

    fn of(place: &str, writable: bool) -> Option<Level> {
        let mount = Mount {
            place: place.to_owned(),
            leads: None,
            writable,
            fact: Fact::default(),
        };
        opened(&mount, None).map(|(level, _)| level)
    }

    #[test]
    fn places_that_lead_out_are_told_from_those_that_do_not() {
        for place in [
            "/var/run/docker.sock",
            "/srv/docker-proxy.sock",
            "/run/user/1000/podman/podman.sock",
            "/var/snap/lxd/common/lxd/unix.socket",
            "/run/dbus/system_bus_socket",
            "/run/user/1000",
            "/run/user/1000/bus",
            "/run/containerd",
            "/proc/1/root",
            "/etc/shadow",
            "/etc/ssh/ssh_host_ed25519_key",
            "/var/lib/docker/overlay2",
            "/dev/sda",
            "/dev/mapper/root",
            "~",
            "~/",
            "/home/ada",
            "/root",
        ] {
            assert_eq!(of(place, false), Some(Level::Deny), "{place}");
        }
        for place in [
            "/usr/local/bin",
            "/etc/cron.d/x",
            "/etc/systemd/system",
            "/lib/modules",
            "/sys/fs/cgroup",
            "~/.ssh",
            "/root/.bashrc",
            "/home/ada/.config/systemd",
            "/home/ada/.config/systemd/user",
            "~/.gitconfig",
            "~/.local/share",
            "/var/spool",
            "/var/spool/cron/crontabs",
            "/usr",
            "/usr/local",
        ] {
            assert_eq!(of(place, true), Some(Level::Deny), "{place}");
            assert_ne!(of(place, false), Some(Level::Deny), "{place}");
        }
        for place in [
            "~/.aws",
            "/home/ada/.ssh",
            "/root/.ssh/id_ed25519",
            "~/.docker",
        ] {
            assert_eq!(of(place, false), Some(Level::Warn), "{place}");
        }
        for place in [
            "/etc/localtime",
            "/etc/ssl/certs",
            "/srv/data",
            "/home/ada/.openclaw",
            "/root/.openclaw",
            "~/.openclaw/workspace",
            "/home/ada/.config/gh",
            "~/.local/share/models",
            "~/.vimwiki",
            "/var/lib/docker/volumes/state/_data",
            "/dev/shm",
            "/dev/dri",
            "/dev/net/tun",
            "/run/user/1000/pulse/native",
            "/opt/models",
            "/var/log/openclaw",
            "/usr/share/zoneinfo",
        ] {
            assert_eq!(of(place, true), None, "{place}");
        }
        assert_eq!(of("~/.ssh/known_hosts", false), None);
    }

    #[test]
    fn devices_that_open_the_machine_are_told_from_shared_ones() {
        for open in [
            "/dev",
            "/dev/sda1",
            "/dev/mem",
            "/dev/nvme0n1",
            "/dev/vfio/1",
            "/dev/input/event0",
            "a *:* rwm",
            "b 8:0 r",
            "c 1:1 rw",
            "c *:* rwm",
        ] {
            assert!(is_device(open), "{open}");
        }
        for shared in [
            "/dev/dri",
            "/dev/kvm",
            "/dev/snd",
            "/dev/ttyUSB0",
            "/dev/fuse",
            "/dev/sgx_enclave",
            "c 189:* rmw",
            "c 1:3 rw",
            "vendor.com/gpu=all",
            "/dev/shm",
        ] {
            assert!(!is_device(shared), "{shared}");
        }
    }
}
