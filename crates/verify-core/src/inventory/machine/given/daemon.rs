//! Settings of the Docker daemon: which program runs containers, and on which address ports are published that name none.

use std::net::IpAddr;

use serde_json::Value;

use super::File;
use crate::error::{Error, Result};
use crate::text;

const WAY_OUT: &str = "give the daemon's settings, such as /etc/docker/daemon.json";
/// Programs that give a container a kernel of its own. [D gVisor, Kata Containers, crun with libkrun, Firecracker]
const OWN_KERNEL: [&str; 6] = ["runsc", "gvisor", "kata", "krun", "firecracker", "urunc"];

/// The option of a network that says where its ports are published. [D Docker, bridge networks]
pub(super) const BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";

/// What they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Daemon {
    /// The program that runs a container which names none; `runc` where the file does not say.
    pub(crate) runtime: String,
    /// Whether that gives the container a kernel of its own.
    pub(crate) own_kernel: bool,
    /// The address on which ports of the network `bridge` are published that name none.
    pub(crate) address: Option<IpAddr>,
    /// The same of networks that are made for containers, as compose does. The one above does not count for them.
    pub(crate) network_address: Option<IpAddr>,
    /// Addresses on which anyone may steer it without a certificate, as they are to be shown.
    pub(crate) steered: Vec<String>,
    /// Containers that name no profile of seccomp have none.
    pub(crate) unconfined: bool,
    /// Names of the runtimes of the file, and whether each gives a kernel of its own.
    runtimes: Vec<(String, bool)>,
}

impl Daemon {
    /// Whether a runtime of this name gives a container a kernel of its own.
    pub(crate) fn isolates(&self, name: &str) -> bool {
        // What the file says of the program counts, not what it is called.
        match self.runtimes.iter().find(|(known, _)| known == name) {
            Some((_, own)) => *own,
            None => is_own_kernel(name),
        }
    }
}

/// Whether a program of this name gives a container a kernel of its own.
pub(super) fn is_own_kernel(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OWN_KERNEL.iter().any(|known| name.contains(known))
}

/// Reads them.
///
/// # Errors
/// When the file is no such thing, or a key that is needed has another type.
pub(super) fn read(file: &File) -> Result<Daemon> {
    let value = file.json("settings of the Docker daemon", WAY_OUT)?;
    let wrong = |why: String| {
        let what = format!(
            "{} {why}, so it holds no settings of the Docker daemon",
            file.shown
        );
        Error::environment(what, WAY_OUT)
    };
    let Value::Object(root) = &value else {
        return Err(wrong("is no mapping".to_owned()));
    };
    let text = |key: &str| match root.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(wrong(format!("has a `{key}` that is no text"))),
    };
    let runtime = text("default-runtime")?.unwrap_or("runc");
    let address = match text("ip")? {
        None => None,
        Some(written) => match written.parse() {
            Ok(address) => Some(address),
            Err(_) => return Err(wrong("has an `ip` that is no address".to_owned())),
        },
    };
    let network_address = binding(root.get("default-network-opts"))
        .map_err(|()| wrong(format!("has a `{BINDING}` that is no address")))?;
    let mut runtimes = Vec::new();
    match root.get("runtimes") {
        None => {}
        Some(Value::Object(all)) => {
            for (name, runtime) in all {
                let program = ["path", "runtimeType"]
                    .into_iter()
                    .filter_map(|key| runtime.get(key)?.as_str())
                    .any(|program| is_own_kernel(program.rsplit('/').next().unwrap_or_default()));
                runtimes.push((name.clone(), program));
            }
        }
        Some(_) => return Err(wrong("has a `runtimes` that is no mapping".to_owned())),
    }
    let mut daemon = Daemon {
        runtime: text::excerpt(runtime, 80),
        own_kernel: false,
        address,
        network_address,
        steered: steered(root).map_err(wrong)?,
        unconfined: text("seccomp-profile")? == Some("unconfined"),
        runtimes,
    };
    daemon.own_kernel = daemon.isolates(runtime);
    Ok(daemon)
}

/// The address by default of networks of the kind `bridge`.
fn binding(options: Option<&Value>) -> Result<Option<IpAddr>, ()> {
    let written = options.and_then(|options| options.get("bridge")?.get(BINDING));
    match written {
        None => Ok(None),
        Some(written) => written
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(()),
    }
}

/// Addresses of the network on which it listens without asking for a certificate.
fn steered(root: &serde_json::Map<String, Value>) -> Result<Vec<String>, String> {
    let asks = root.get("tlsverify") == Some(&Value::Bool(true));
    let hosts = match root.get("hosts") {
        None => return Ok(Vec::new()),
        Some(Value::Array(hosts)) => hosts.iter().filter_map(Value::as_str),
        Some(_) => return Err("has `hosts` that are no list".to_owned()),
    };
    let open = hosts.filter(|host| !asks && host.starts_with("tcp://"));
    Ok(open.map(|host| text::excerpt(host, 80)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_counts_and_not_its_name() {
        let of = |text: &str| {
            let file = File {
                shown: "daemon.json".to_owned(),
                text: text.to_owned(),
            };
            read(&file)
        };
        for (text, own) in [
            ("{}", false),
            (
                r#"{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}"#,
                true,
            ),
            (
                r#"{"default-runtime":"runsc","runtimes":{"runsc":{"path":"/usr/bin/runc"}}}"#,
                false,
            ),
            (
                r#"{"default-runtime":"k","runtimes":{"k":{"runtimeType":"io.containerd.kata.v2"}}}"#,
                true,
            ),
            (r#"{"default-runtime":"io.containerd.runsc.v1"}"#, true),
            (r#"{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}"#, false),
        ] {
            assert_eq!(of(text).expect("daemon").own_kernel, own, "{text}");
        }
        assert_eq!(
            of(r#"{"ip":"127.0.0.1"}"#).expect("daemon").address,
            "127.0.0.1".parse().ok()
        );
        for broken in [
            "",
            "[]",
            r#"{"ip":"x"}"#,
            r#"{"ip":1}"#,
            r#"{"runtimes":[]}"#,
        ] {
            assert!(of(broken).is_err(), "{broken}");
        }
    }
}
