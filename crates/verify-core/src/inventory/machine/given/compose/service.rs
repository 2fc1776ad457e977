//! One service: what it is, what it may do, and what it is told.

use std::net::IpAddr;

use super::super::super::secrets::{is_secret, is_secret_variable};
use super::super::super::units::{GATEWAY, Hidden};
use super::super::container::{Container, Fact, capability, excerpt, image as shown_image, option};
use super::super::daemon::BINDING;
use super::super::interpolate::{Filled, fill};
use super::super::yaml::{Node, Yaml};
use super::{Reader, Shares};
use crate::text;

/// The line, and what is wrong there.
pub(super) type Wrong = (usize, String);

/// Namespaces of the machine that a service can share: the key, and what is shared.
const NAMESPACES: [(&str, &str); 6] = [
    ("network_mode", "network"),
    ("pid", "pid"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
    ("userns_mode", "user"),
];
/// Drivers that put a container into the network of the machine as a machine of its own.
const OF_THE_NETWORK: [&str; 2] = ["macvlan", "ipvlan"];

pub(super) struct Service<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) name: &'a str,
    /// The service, and those that it extends, nearest first.
    pub(super) layers: Vec<&'a Node>,
}

impl<'a> Service<'a> {
    pub(super) fn read(&self) -> Result<(Container, Shares), Wrong> {
        let mut found = Container {
            name: text::excerpt(self.name, 80),
            not_judged: self.not_judged(),
            ..Container::default()
        };
        self.ports(&mut found)?;
        self.rights(&mut found)?;
        let network = self.namespaces(&mut found);
        self.networks(&mut found);
        let mode = self.scalar("network_mode").and_then(Node::text);
        found.in_bridge = matches!(mode, Some("bridge" | "default"));
        self.mounts(&mut found)?;
        let volumes = self.volumes_from(&mut found)?;
        if let Some((filled, fact)) = self.filled("user", &mut found) {
            found.user = Some((filled.text, fact));
        }
        if self.scalar("build").is_none()
            && let Some((filled, fact)) = self.filled("image", &mut found)
        {
            let value = shown_image(&fact.value);
            found.image = Some((filled.text, Fact { value, ..fact }));
        }
        found.runtime = self
            .filled("runtime", &mut found)
            .map(|(filled, _)| filled.text);
        let variables = self.environment(&mut found);
        let words = self.words();
        found.own_ports = self.own_ports(&variables, &words);
        found.auth = self.auth(&words);
        found.is_openclaw = self.is_openclaw(&found, &variables, &words);
        found.is_sandbox = self.name.starts_with("openclaw-sbx-");
        Ok((found, Shares { network, volumes }))
    }

    /// Whether it is OpenClaw's, by its names, image, command, variables, mounts and ports.
    fn is_openclaw(
        &self,
        found: &Container,
        variables: &[(String, String)],
        words: &[String],
    ) -> bool {
        let names = ["container_name", "hostname", "image"];
        let shown: Vec<&str> = [self.name]
            .into_iter()
            .chain(
                names
                    .into_iter()
                    .filter_map(|key| self.scalar(key).and_then(Node::text)),
            )
            .chain(words.iter().map(String::as_str))
            .chain(found.mounts.iter().map(|mount| mount.place.as_str()))
            .collect();
        let by_variable = variables
            .iter()
            .any(|(name, _)| name.starts_with("OPENCLAW_"));
        let usual = |ports: &(u16, u16)| (ports.0..=ports.1).contains(&18789);
        let by_port = found
            .published
            .iter()
            .filter_map(|port| port.ports.as_ref())
            .any(usual)
            || found.exposed.contains(&18789);
        Container::is_named_so(&shown) || by_variable || by_port
    }

    /// The value that counts of a key: the nearest one.
    pub(super) fn scalar(&self, key: &str) -> Option<&'a Node> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    /// The elements of a list, of all layers.
    pub(super) fn list(&self, key: &str) -> Result<Vec<(String, &'a Node)>, Wrong> {
        let mut found = Vec::new();
        for node in self.layers.iter().filter_map(|layer| layer.get(key)) {
            let Yaml::List(items) = &node.value else {
                return Err((node.line, format!("`{key}` of a service is no list")));
            };
            let path = |at: usize| format!("services.{}.{key}[{at}]", self.name);
            found.extend(items.iter().enumerate().map(|(at, item)| (path(at), item)));
        }
        Ok(found)
    }

    /// The text of a key. What nothing is known of is kept as that.
    fn filled(&self, key: &str, found: &mut Container) -> Option<(Filled, Fact)> {
        let node = self.scalar(key)?;
        let filled = self.reader.fill(node)?;
        let path = format!("services.{}.{key}", self.name);
        let fact = self.reader.fact(path, node, excerpt(node.text()?));
        if filled.has_gap() {
            found.unknown.push(fact);
            return None;
        }
        Some((filled, fact))
    }

    /// The texts of a list. What nothing is known of is kept as that.
    fn texts(&self, key: &str, found: &mut Container) -> Result<Vec<(String, Fact)>, Wrong> {
        let mut all = Vec::new();
        for (path, node) in self.list(key)? {
            let Some(filled) = self.reader.fill(node) else {
                return Err((node.line, format!("an element of `{key}` is no text")));
            };
            let fact = self
                .reader
                .fact(path, node, excerpt(node.text().unwrap_or_default()));
            if !filled.is_all_known() {
                found.unknown.push(fact.clone());
            }
            if !filled.has_gap() {
                all.push((filled.text, fact));
            }
        }
        Ok(all)
    }

    /// What a key of the service switches. A default counts, and that a variable decides is kept.
    pub(super) fn switch(&self, key: &str, found: &mut Container) -> Option<(bool, Fact)> {
        let (filled, fact) = self.filled(key, found)?;
        if !filled.is_all_known() {
            found.unknown.push(fact.clone());
        }
        Some((is_yes(&filled.text), fact))
    }

    /// Whether a key below a node is switched on.
    pub(super) fn is_on(&self, node: &Node, key: &str) -> bool {
        let filled = node.get(key).and_then(|node| self.reader.fill(node));
        filled.is_some_and(|filled| is_yes(&filled.text))
    }

    fn rights(&self, found: &mut Container) -> Result<(), Wrong> {
        if let Some((true, fact)) = self.switch("privileged", found) {
            found.privileged.push(fact);
        }
        self.privileged_steps(found);
        let added = self.texts("cap_add", found)?;
        found.capabilities = added
            .into_iter()
            .map(|(name, fact)| (capability(&name), fact))
            .collect();
        let options = self.texts("security_opt", found)?;
        found.confinement = options
            .into_iter()
            .map(|(text, fact)| (option(&text), fact))
            .collect();
        for (path, node) in self.list("devices")? {
            let written = node.get("source").unwrap_or(node);
            let Some(filled) = self.reader.fill(written) else {
                return Err((node.line, "a device is neither text nor mapping".to_owned()));
            };
            let fact = self
                .reader
                .fact(path, node, excerpt(written.text().unwrap_or_default()));
            if !filled.is_all_known() {
                found.unknown.push(fact.clone());
            }
            let device = filled.text.split(':').next().unwrap_or_default();
            found.devices.push((device.to_owned(), fact));
        }
        let rules = self.texts("device_cgroup_rules", found)?;
        found.devices.extend(rules);
        Ok(())
    }

    /// Steps beside the service itself that have all rights: commands of the engine in it, and the build of its image.
    fn privileged_steps(&self, found: &mut Container) {
        for key in ["post_start", "pre_stop"] {
            let nodes = self.layers.iter().filter_map(|layer| layer.get(key));
            let steps = nodes.flat_map(|node| node.items().iter().enumerate());
            for (at, step) in steps.filter(|(_, step)| self.is_on(step, "privileged")) {
                let key = format!("{key}[{at}].privileged");
                found.privileged.push(self.unknown(&key, step, "true"));
            }
        }
        let Some(build) = self.scalar("build") else {
            return;
        };
        if self.is_on(build, "privileged") {
            found
                .privileged
                .push(self.unknown("build.privileged", build, "true"));
        }
        let asked = build.get("entitlements").map(Node::items);
        for item in asked.into_iter().flatten() {
            if item.text() == Some("security.insecure") {
                let fact = self.unknown("build.entitlements", item, "security.insecure");
                found.privileged.push(fact);
            }
        }
    }

    /// Namespaces of the machine that it shares. Returns the service whose network is its own.
    fn namespaces(&self, found: &mut Container) -> Option<String> {
        let mut of_service = None;
        for (key, what) in NAMESPACES {
            let Some((filled, fact)) = self.filled(key, found) else {
                continue;
            };
            if !filled.is_all_known() {
                found.unknown.push(fact.clone());
            }
            match filled.text.trim().split_once(':') {
                None if filled.text.trim() == "host" => found.shared.push((what, fact)),
                Some(("service", name)) if what == "network" => of_service = Some(name.to_owned()),
                // What that container shares or publishes stands in no file that is here.
                Some(("container", _)) if what == "network" => found.not_judged.push(fact),
                _ => {}
            }
        }
        of_service
    }

    /// Networks that are the machine's own, or in which the container is a machine of its own.
    fn networks(&self, found: &mut Container) {
        let mut names: Vec<(&str, &Node)> = Vec::new();
        for node in self.layers.iter().filter_map(|layer| layer.get("networks")) {
            match &node.value {
                Yaml::Map(members) => {
                    names.extend(members.iter().map(|(name, node)| (name.as_str(), node)));
                }
                _ => names.extend(
                    node.items()
                        .iter()
                        .filter_map(|item| Some((item.text()?, item))),
                ),
            }
        }
        found.default_address = self.published_by_default(&names);
        for (name, node) in names {
            let network = self
                .reader
                .root
                .get("networks")
                .and_then(|all| all.get(name));
            let text = |key: &str| {
                let filled = network?.get(key).and_then(|node| self.reader.fill(node))?;
                Some(filled.text)
            };
            let (driver, called) = (text("driver"), text("name"));
            let is_host = |name: &Option<String>| name.as_deref() == Some("host");
            let line = Node {
                line: node.line.max(1),
                value: Yaml::Null,
            };
            if is_host(&driver) || is_host(&called) {
                let fact = self.unknown(&format!("networks.{name}"), &line, "host");
                found.shared.push(("network", fact));
            }
            if let Some(driver) = driver.filter(|driver| OF_THE_NETWORK.contains(&driver.as_str()))
            {
                let fact = self.unknown(&format!("networks.{name}"), &line, &driver);
                found.on_network.push(fact);
            }
        }
    }

    /// The address on which all of these networks publish ports that name none; without any the one that compose makes.
    fn published_by_default(&self, names: &[(&str, &Node)]) -> Option<IpAddr> {
        let networks = self.reader.root.get("networks")?;
        let of = |name: &str| {
            let options = networks.get(name)?.get("driver_opts")?;
            let written = self.reader.fill(options.get(BINDING)?)?;
            let known = written.is_all_known();
            known.then(|| written.text.trim().parse().ok()).flatten()
        };
        let found: Option<Vec<IpAddr>> = match names {
            [] => of("default").map(|address| vec![address]),
            names => names.iter().map(|(name, _)| of(name)).collect(),
        };
        let found = found?;
        let wide = found.iter().find(|address| !address.is_loopback());
        wide.or(found.first()).copied()
    }

    /// Names of its variables with what they are given in the file, and those that hold a secret.
    fn environment(&self, found: &mut Container) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for node in self
            .layers
            .iter()
            .filter_map(|layer| layer.get("environment"))
        {
            let pairs: Vec<(String, Option<String>, &Node)> = match &node.value {
                Yaml::Map(members) => members
                    .iter()
                    .map(|(name, node)| (name.clone(), node.text().map(str::to_owned), node))
                    .collect(),
                _ => node
                    .items()
                    .iter()
                    .filter_map(|item| {
                        let written = item.text()?;
                        let (name, value) = written.split_once('=').unwrap_or((written, ""));
                        Some((name.to_owned(), Some(value.to_owned()), item))
                    })
                    .collect(),
            };
            for (name, value, node) in pairs {
                if all.iter().any(|(known, _)| *known == name) {
                    continue;
                }
                let value = fill(value.as_deref().unwrap_or_default(), self.reader.variables);
                // What a variable of the caller gives does not stand in the file.
                let literal = fill(node.text().unwrap_or_default(), &[]);
                let given = !literal.has_gap() && !value.text.is_empty();
                if GATEWAY.contains(&name.as_str()) && given {
                    let path = format!("services.{}.environment.{name}", self.name);
                    let fact = self.reader.fact(path, node, "set in plain text");
                    let value = Hidden(value.text.clone());
                    found.credentials.push((name.clone(), value, fact));
                }
                if is_secret_variable(&name) && is_secret(&value.text) && !literal.has_gap() {
                    let path = format!("services.{}.environment.{name}", self.name);
                    found
                        .secrets
                        .push(self.reader.fact(path, node, "set in plain text"));
                }
                all.push((name, value.text));
            }
        }
        all
    }

    /// The words of its command.
    fn words(&self) -> Vec<String> {
        let of = |node: &Node| -> Vec<String> {
            let text = |node: &Node| Some(self.reader.fill(node)?.text);
            match &node.value {
                Yaml::List(items) => items.iter().filter_map(text).collect(),
                _ => text(node)
                    .iter()
                    .flat_map(|text| {
                        text.split_whitespace()
                            .map(str::to_owned)
                            .collect::<Vec<_>>()
                    })
                    .collect(),
            }
        };
        ["entrypoint", "command"]
            .into_iter()
            .filter_map(|key| self.scalar(key))
            .flat_map(of)
            .collect()
    }

    /// `--auth` of its command; of several the last counts.
    fn auth(&self, words: &[String]) -> Option<(String, Fact)> {
        let all = words.iter().enumerate();
        let mut modes = all.filter_map(|(at, word)| match word.strip_prefix("--auth")? {
            "" => words.get(at + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        });
        let mode = modes.next_back()?;
        let node = self.scalar("command").or(self.scalar("entrypoint"))?;
        let value = format!("--auth {}", text::excerpt(mode, 60));
        let path = format!("services.{}.command", self.name);
        Some((mode.to_owned(), self.reader.fact(path, node, value)))
    }

    fn own_ports(&self, variables: &[(String, String)], words: &[String]) -> Vec<u16> {
        let by_variable = variables
            .iter()
            .filter(|(name, _)| name == "OPENCLAW_GATEWAY_PORT")
            .filter_map(|(_, value)| value.trim().parse().ok());
        let by_word =
            words
                .iter()
                .enumerate()
                .filter_map(|(at, word)| match word.strip_prefix("--port") {
                    Some("") => words.get(at + 1)?.parse().ok(),
                    Some(rest) => rest.strip_prefix('=')?.parse().ok(),
                    None => None,
                });
        by_variable.chain(by_word).collect()
    }
}

/// Whether a text switches something on, as YAML of both versions writes it.
fn is_yes(text: &str) -> bool {
    ["true", "yes", "y", "on", "1"].contains(&text.trim().to_ascii_lowercase().as_str())
}
