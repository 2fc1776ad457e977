//! The output of `docker inspect` of containers, or of `podman inspect`, which has the same form.

use serde_json::Value;

use super::super::secrets::{is_secret, is_secret_variable};
use super::super::units::{GATEWAY, Hidden};
use super::File;
use super::container::{
    Address, Container, Fact, Mount, Published, address, capability, excerpt, image as shown_image,
    option, range,
};
use crate::error::{Error, Malformed, Result};
use crate::text;

/// Most containers that are looked at.
const MAX_CONTAINERS: usize = 1000;
const WAY_OUT: &str = "give what `docker inspect NAME` prints about containers";

/// Reads it: a list of containers, or one.
///
/// # Errors
/// When it is something else: which element, and what is missing.
pub(super) fn read(file: &File) -> Result<Vec<Container>> {
    let value = file.json("output of docker inspect", WAY_OUT)?;
    let all = match &value {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut found = Vec::new();
    for (at, value) in all.iter().take(MAX_CONTAINERS).enumerate() {
        let wrong = |why: Malformed| {
            let what = format!(
                "{} [{at}] {why}, so it is no output of docker inspect about a container",
                file.shown
            );
            Error::environment(what, WAY_OUT)
        };
        let one = One { file, at, value };
        found.push(one.read().map_err(wrong)?);
    }
    if found.is_empty() {
        let what = format!("{} names no container", file.shown);
        return Err(Error::environment(what, WAY_OUT));
    }
    Ok(found)
}

struct One<'a> {
    file: &'a File,
    at: usize,
    value: &'a Value,
}

impl One<'_> {
    fn read(&self) -> Result<Container, Malformed> {
        for key in ["Config", "HostConfig"] {
            if !self.value.get(key).is_some_and(Value::is_object) {
                return Err(format!("has no {key}").into());
            }
        }
        let name = self.text("Name").unwrap_or_default();
        let name = name.trim_start_matches('/');
        let mut found = Container {
            name: text::excerpt(name, 80),
            seen: true,
            is_sandbox: name.starts_with("openclaw-sbx-"),
            in_bridge: matches!(
                self.text("HostConfig.NetworkMode"),
                Some("bridge" | "default")
            ),
            ..Container::default()
        };
        self.ports(&mut found)?;
        self.rights(&mut found)?;
        self.mounts(&mut found)?;
        let user = self.text("Config.User").unwrap_or_default();
        let shown = if user.is_empty() {
            "not set (root)".to_owned()
        } else {
            excerpt(user)
        };
        found.user = Some((user.to_owned(), self.fact("Config.User", shown)));
        if let Some(image) = self.text("Config.Image") {
            let fact = self.fact("Config.Image", shown_image(image));
            found.image = Some((image.to_owned(), fact));
        }
        found.runtime = self
            .text("HostConfig.Runtime")
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        found.is_openclaw = self.is_openclaw(name, &mut found)?;
        Ok(found)
    }

    /// Whether it is OpenClaw's, by its variables, command, image and ports. Notes secrets and ports among its variables.
    fn is_openclaw(&self, name: &str, found: &mut Container) -> Result<bool, Malformed> {
        let mut by_variable = false;
        for pair in self.texts("Config.Env")? {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            by_variable |= name.starts_with("OPENCLAW_");
            if name == "OPENCLAW_GATEWAY_PORT" {
                found.own_ports.extend(value.trim().parse::<u16>().ok());
            }
            if GATEWAY.contains(&name) {
                let fact = self.fact(
                    &format!("Config.Env {name}"),
                    "set in plain text".to_owned(),
                );
                let value = Hidden(value.to_owned());
                found.credentials.push((name.to_owned(), value, fact));
            }
            if is_secret_variable(name) && is_secret(value) {
                let path = format!("Config.Env {}", text::excerpt(name, 80));
                found
                    .secrets
                    .push(self.fact(&path, "set in plain text".to_owned()));
            }
        }
        let mut words = self.texts("Config.Cmd")?;
        words.extend(self.texts("Config.Entrypoint")?);
        let mut auth = words.iter().enumerate().filter_map(|(at, word)| {
            let behind = word.strip_prefix("--auth")?;
            behind
                .strip_prefix('=')
                .or_else(|| words.get(at + 1).copied().filter(|_| behind.is_empty()))
        });
        found.auth = auth.next_back().map(|mode| {
            let value = format!("--auth {}", excerpt(mode));
            (mode.to_owned(), self.fact("Config.Cmd", value))
        });
        words.extend([name, self.text("Config.Image").unwrap_or_default()]);
        found
            .own_ports
            .extend(words.iter().enumerate().filter_map(|(at, word)| {
                (*word == "--port")
                    .then(|| words.get(at + 1)?.parse::<u16>().ok())
                    .flatten()
            }));
        let usual = |port: &Published| port.ports.is_some_and(|(a, b)| (a..=b).contains(&18789));
        Ok(Container::is_named_so(&words)
            || by_variable
            || found.published.iter().any(usual)
            || found.exposed.contains(&18789))
    }

    /// Ports as they were asked for, and as they are published.
    fn ports(&self, found: &mut Container) -> Result<(), Malformed> {
        for place in ["HostConfig.PortBindings", "NetworkSettings.Ports"] {
            let ports = match self.at(place) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(ports)) => ports,
                Some(_) => return Err(format!("has a {place} that is no mapping").into()),
            };
            for (port, bindings) in ports {
                let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
                if protocol != "tcp" {
                    continue;
                }
                let Some(ports) = range(number) else {
                    return Err(format!("has {place} of no port").into());
                };
                let bindings = bindings.as_array().map(Vec::as_slice).unwrap_or_default();
                if bindings.is_empty() {
                    found.exposed.push(ports.0);
                }
                for binding in bindings {
                    let host = binding
                        .get("HostIp")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let address = match address(host) {
                        Some(address) => Address::At(address),
                        None if host.is_empty() => Address::Default,
                        None => Address::Variable,
                    };
                    let outside = binding
                        .get("HostPort")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let value = match host.is_empty() {
                        true => format!("port {} on no address of its own", excerpt(outside)),
                        false => format!("port {} on {}", excerpt(outside), excerpt(host)),
                    };
                    let fact = self.fact(&format!("{place} {port}"), value);
                    found.published.push(Published {
                        address,
                        ports: Some(ports),
                        fact,
                    });
                }
            }
        }
        if self.at("HostConfig.PublishAllPorts") == Some(&Value::Bool(true)) {
            let exposed = self.at("Config.ExposedPorts").and_then(Value::as_object);
            let named = exposed
                .into_iter()
                .flatten()
                .filter_map(|(port, _)| range(port.strip_suffix("/tcp")?));
            let fact = self.fact("HostConfig.PublishAllPorts", "true".to_owned());
            found.published.extend(named.map(|ports| Published {
                address: Address::Default,
                ports: Some(ports),
                fact: fact.clone(),
            }));
        }
        Ok(())
    }

    fn rights(&self, found: &mut Container) -> Result<(), Malformed> {
        match self.at("HostConfig.Privileged") {
            Some(Value::Bool(true)) => {
                found
                    .privileged
                    .push(self.fact("HostConfig.Privileged", "true".to_owned()));
            }
            None | Some(Value::Bool(false) | Value::Null) => {}
            Some(_) => return Err("has a HostConfig.Privileged that is no truth value".into()),
        }
        // The name space of control groups is the machine's by default on older kernels, so nothing is said of it.
        for (key, what) in [
            ("HostConfig.NetworkMode", "network"),
            ("HostConfig.PidMode", "pid"),
            ("HostConfig.IpcMode", "ipc"),
            ("HostConfig.UTSMode", "uts"),
            ("HostConfig.UsernsMode", "user"),
        ] {
            if self.text(key) == Some("host") {
                found.shared.push((what, self.fact(key, "host".to_owned())));
            }
        }
        if let Some(mode) = self.text("HostConfig.NetworkMode")
            && mode.starts_with("container:")
        {
            let fact = self.fact("HostConfig.NetworkMode", excerpt(mode));
            found.not_judged.push(fact);
        }
        // A list of nothing: everything of `/proc` that an engine hides is shown.
        let masked = self.at("HostConfig.MaskedPaths").and_then(Value::as_array);
        if masked.is_some_and(Vec::is_empty) {
            let fact = self.fact("HostConfig.MaskedPaths", "none".to_owned());
            let option = "systempaths=unconfined".to_owned();
            found.confinement.push((option, fact));
        }
        self.devices(found)?;
        for name in self.texts("HostConfig.CapAdd")? {
            let fact = self.fact("HostConfig.CapAdd", excerpt(name));
            found.capabilities.push((capability(name), fact));
        }
        for written in self.texts("HostConfig.SecurityOpt")? {
            let fact = self.fact("HostConfig.SecurityOpt", excerpt(written));
            found.confinement.push((option(written), fact));
        }
        if self.text("AppArmorProfile") == Some("unconfined") {
            let fact = self.fact("AppArmorProfile", "unconfined".to_owned());
            found
                .confinement
                .push(("apparmor=unconfined".to_owned(), fact));
        }
        Ok(())
    }

    fn devices(&self, found: &mut Container) -> Result<(), Malformed> {
        let devices = self.at("HostConfig.Devices").and_then(Value::as_array);
        for device in devices.into_iter().flatten() {
            if let Some(path) = device.get("PathOnHost").and_then(Value::as_str) {
                let fact = self.fact("HostConfig.Devices", excerpt(path));
                found.devices.push((path.to_owned(), fact));
            }
        }
        for rule in self.texts("HostConfig.DeviceCgroupRules")? {
            let fact = self.fact("HostConfig.DeviceCgroupRules", excerpt(rule));
            found.devices.push((rule.to_owned(), fact));
        }
        Ok(())
    }

    fn mounts(&self, found: &mut Container) -> Result<(), Malformed> {
        for bind in self.texts("HostConfig.Binds")? {
            let mut parts = bind.splitn(3, ':');
            let source = parts.next().unwrap_or_default();
            let modes = parts.nth(1).unwrap_or_default();
            if source.starts_with('/') {
                let writable = !modes.split(',').any(|mode| mode == "ro");
                let fact = self.fact("HostConfig.Binds", excerpt(bind));
                found
                    .mounts
                    .push(Mount::new(source.to_owned(), writable, fact));
            }
        }
        let mounts = self.at("Mounts").and_then(Value::as_array);
        for mount in mounts.into_iter().flatten() {
            let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
            let source = text("Source");
            let known = found.mounts.iter().any(|known| known.place == source);
            if text("Type") == "bind" && source.starts_with('/') && !known {
                let value = format!("{} at {}", source, text("Destination"));
                let writable = mount.get("RW") != Some(&Value::Bool(false));
                let fact = self.fact("Mounts", excerpt(&value));
                found
                    .mounts
                    .push(Mount::new(source.to_owned(), writable, fact));
            }
        }
        Ok(())
    }

    fn fact(&self, path: &str, value: String) -> Fact {
        Fact {
            path: format!("[{}].{}", self.at, text::excerpt(path, 160)),
            value,
            file: self.file.shown.clone(),
            line: None,
            seen: true,
        }
    }

    fn at(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(self.value, |value, key| value.get(key))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// The texts of a list, which may be absent or null. A command may be one text.
    fn texts(&self, path: &str) -> Result<Vec<&str>, Malformed> {
        match self.at(path) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(all)) => all
                .iter()
                .map(|item| {
                    item.as_str()
                        .ok_or_else(|| format!("has a {path} that holds no texts").into())
                })
                .collect(),
            Some(_) => Err(format!("has a {path} that is no list").into()),
        }
    }
}
