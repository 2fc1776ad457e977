//! The running gateway: whose it is, what confines it, and where it listens. Only what the kernel's tables show to the user who looks.
//!
//! OpenClaw rewrites its command line, so its options are not there; `comm` is cut to 15 bytes. Processes vanish while they are read, which
//! is no error. [M 2026.9.6]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::super::other_host::{state_of, zero_separated};
use super::mounts::table;
use crate::text;

/// Most processes that are looked at.
const MAX_PROCESSES: usize = 50_000;
/// Most lines of a table of sockets.
const MAX_SOCKETS: usize = 100_000;
/// Most open files of one process.
const MAX_FILES: usize = 100_000;
/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// What was seen of one gateway, or of a socket that must be its.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// Number of the user it runs as; none where only a socket was seen.
    pub(crate) uid: Option<u32>,
    /// It runs as another user and can become root again: its real, saved or file-system number is that of root.
    pub(crate) was_root: bool,
    /// Rights of root that it has, one bit each; none where only a socket was seen. [capabilities(7)]
    pub(crate) capabilities: u64,
    /// What confines it, as the kernel names it; none where there is no such module, or it is not shown.
    pub(crate) confined: Option<String>,
    /// Where it listens, sorted.
    pub(crate) listens: Vec<(IpAddr, u16)>,
    /// How the sockets were told to be its.
    pub(crate) by: &'static str,
}

/// What was seen to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// Gateways of this state, as far as they are shown.
    pub(crate) gateways: Vec<Gateway>,
    /// Where none of them was seen: who else listens on its ports beyond this machine, by address, port and number of the user. A
    /// container engine that publishes a gateway does.
    pub(crate) others: Vec<(IpAddr, u16, u32)>,
    /// Whether interfaces and processes were seen, and nothing of Tailscale.
    pub(crate) without_tailscale: bool,
}

/// Looks for gateways of this state. `ports`: those on which it may listen.
pub(super) fn read(proc: &Path, state: &Path, owner: u32, ports: &[u16]) -> Running {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let mut numbers: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
        })
        .map(|entry| entry.path())
        .take(MAX_PROCESSES)
        .collect();
    numbers.sort();
    let mut found: Vec<Gateway> = numbers
        .iter()
        .filter(|folder| is_gateway(folder))
        .filter_map(|folder| gateway(folder, state, owner, ports))
        .collect();
    let mut others = Vec::new();
    if found.is_empty() {
        let tables = ["net/tcp", "net/tcp6"].iter();
        let on_ports = tables
            .flat_map(|file| sockets(&proc.join(file)))
            .filter(|socket| ports.contains(&socket.port));
        // No table shows the process; a socket of the state's owner on its port is its.
        let (own, foreign): (Vec<Socket>, Vec<Socket>) =
            on_ports.partition(|socket| socket.uid == owner);
        let mut listens: Vec<(IpAddr, u16)> = own
            .into_iter()
            .map(|socket| (socket.address, socket.port))
            .collect();
        if !listens.is_empty() {
            listens.sort();
            found.push(Gateway {
                uid: None,
                was_root: false,
                capabilities: 0,
                confined: None,
                listens,
                by: "user and port",
            });
        }
        let wide = foreign
            .into_iter()
            .filter(|socket| !socket.address.is_loopback());
        others = wide
            .map(|socket| (socket.address, socket.port, socket.uid))
            .collect();
        others.sort();
        others.dedup();
    }
    Running {
        gateways: found,
        others,
        without_tailscale: is_without_tailscale(proc, &numbers),
    }
}

/// Whether interfaces and processes are shown, and none is Tailscale's, nor is there a folder of it. It can run without an interface, but not
/// without a process and a folder.
fn is_without_tailscale(proc: &Path, processes: &[PathBuf]) -> bool {
    let root = proc.parent().unwrap_or(Path::new("/"));
    let Ok(interfaces) = std::fs::read_dir(root.join("sys/class/net")) else {
        return false;
    };
    let names: Vec<String> = interfaces
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let is_its = |name: &str| name.starts_with("tailscale");
    let has_folder = ["run/tailscale", "var/run/tailscale", "var/lib/tailscale"]
        .iter()
        .any(|folder| root.join(folder).exists());
    let comm = |folder: &PathBuf| table(&folder.join("comm"));
    // The first process belongs to root: where it is hidden, others of root are too.
    let shown = comm(&proc.join("1")).is_some() && processes.len() < MAX_PROCESSES;
    let runs = || {
        processes
            .iter()
            .any(|one| comm(one).is_some_and(|comm| is_its(&comm)))
    };
    let no_interface = !names.is_empty() && !names.iter().any(|name| is_its(name));
    no_interface && !has_folder && shown && !runs()
}

/// Whether a process is a gateway of OpenClaw.
fn is_gateway(folder: &Path) -> bool {
    let comm = table(&folder.join("comm")).unwrap_or_default();
    if comm.trim_end().starts_with("openclaw-gatewa") {
        return true;
    }
    let Some(words) = zero_separated(&folder.join("cmdline")) else {
        return false;
    };
    let named = words.iter().any(|word| word == "openclaw-gateway");
    // One that has not renamed itself yet.
    let started = words.iter().any(|word| word == "gateway")
        && words.iter().any(|word| word.contains("openclaw"))
        && words.first().is_some_and(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            name.starts_with("node") || matches!(name, "openclaw" | "bun" | "deno")
        });
    named || started
}

fn gateway(folder: &Path, state: &Path, owner: u32, ports: &[u16]) -> Option<Gateway> {
    let status = table(&folder.join("status"))?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // Real, effective, saved, and that of the file system. [proc_pid_status(5)]
    let numbers: Vec<u32> = numbers
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let uid = *numbers.get(1)?;
    let capabilities = status.lines().find_map(|line| {
        let written = line.strip_prefix("CapEff:")?;
        u64::from_str_radix(written.trim(), 16).ok()
    });
    let capabilities = capabilities.unwrap_or_default();
    // Whose state it works on stands in its environment, which only its user and root can read.
    let environment = zero_separated(&folder.join("environ")).filter(|all| !all.is_empty());
    match environment {
        Some(environment) => {
            let words = zero_separated(&folder.join("cmdline")).unwrap_or_default();
            let its = state_of(&words, &environment).and_then(|its| its.canonicalize().ok());
            if its.is_some_and(|its| its != state) {
                return None;
            }
        }
        None if uid != owner => return None,
        None => {}
    }
    let confined = table(&folder.join("attr/current"))
        .map(|text| text.trim_end_matches(['\0', '\n']).to_owned())
        .filter(|text| !text.is_empty())
        .map(|label| as_enforced(folder, label));
    let own = inodes(&folder.join("fd"));
    let mut all = Vec::new();
    for file in ["net/tcp", "net/tcp6"] {
        all.extend(sockets(&folder.join(file)));
    }
    let (mine, by): (Vec<Socket>, _) = match own {
        Some(own) => {
            let mine: Vec<Socket> = all
                .into_iter()
                .filter(|socket| own.contains(&socket.inode))
                .collect();
            let on_port: Vec<Socket> = mine
                .iter()
                .filter(|socket| ports.contains(&socket.port))
                .cloned()
                .collect();
            // With another port on its command line, which is lost, whatever it opens counts.
            (
                if on_port.is_empty() { mine } else { on_port },
                "its open sockets",
            )
        }
        None => (
            all.into_iter()
                .filter(|socket| socket.uid == uid && ports.contains(&socket.port))
                .collect(),
            "user and port",
        ),
    };
    let mut listens: Vec<(IpAddr, u16)> = mine
        .into_iter()
        .map(|socket| (socket.address, socket.port))
        .collect();
    listens.sort();
    listens.dedup();
    Some(Gateway {
        uid: Some(uid),
        was_root: uid != 0 && numbers.contains(&0),
        capabilities,
        confined: confined.map(|text| text::excerpt(&text, 100)),
        listens,
        by,
    })
}

/// A label of SELinux with what the kernel does about it: one that is not enforced forbids nothing.
fn as_enforced(process: &Path, label: String) -> String {
    let root = process.ancestors().nth(2).unwrap_or(Path::new("/"));
    let enforce = table(&root.join("sys/fs/selinux/enforce"));
    let permissive = label.contains(':') && enforce.is_some_and(|on| on.trim() == "0");
    match permissive {
        true => format!("{label} (permissive)"),
        false => label,
    }
}

#[derive(Clone)]
struct Socket {
    address: IpAddr,
    port: u16,
    uid: u32,
    inode: u64,
}

/// Sockets of a table that listen.
fn sockets(file: &Path) -> Vec<Socket> {
    let text = table(file).unwrap_or_default();
    text.lines()
        .skip(1)
        .take(MAX_SOCKETS)
        .filter_map(socket)
        .collect()
}

fn socket(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTENS {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    Some(Socket {
        address: address_of(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// An address as the kernel writes it: words in the machine's own order of bytes, which is little-endian wherever OpenClaw runs.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at..at + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.swap_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bits = words
                .iter()
                .fold(0_u128, |bits, word| (bits << 32) | u128::from(*word));
            let address = Ipv6Addr::from(bits);
            Some(
                address
                    .to_ipv4_mapped()
                    .map_or(IpAddr::V6(address), IpAddr::V4),
            )
        }
        _ => None,
    }
}

/// Numbers of the sockets that a process has open; none where that is not shown.
fn inodes(folder: &Path) -> Option<BTreeSet<u64>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let links = entries
        .flatten()
        .take(MAX_FILES)
        .filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let numbers = links.filter_map(|link| {
        let link = link
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .to_owned();
        link.parse().ok()
    });
    Some(numbers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        for (hex, expected) in [
            ("0100007F", "127.0.0.1"),
            ("00000000", "0.0.0.0"),
            ("00000000000000000000000001000000", "::1"),
            ("00000000000000000000000000000000", "::"),
            ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ] {
            assert_eq!(
                address_of(hex).map(|a| a.to_string()).as_deref(),
                Some(expected),
                "{hex}"
            );
        }
        for broken in ["", "0", "0100007", "é00000F", "ZZZZZZZZ"] {
            assert_eq!(address_of(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_listeners_count() {
        let line =
            |state: &str| format!("  0: 0100007F:4965 00000000:0000 {state} 0:0 0:0 0 1000 0 42 1");
        assert!(
            socket(&line("0A")).is_some_and(|s| s.port == 18789 && s.uid == 1000 && s.inode == 42)
        );
        assert!(socket(&line("01")).is_none());
        assert!(socket("x").is_none());
    }
}
