//! A compose file: what each service is given of the machine. Format: the compose specification.
//!
//! Variables are filled in where the caller gives them; a default counts where nothing does, and what even that does not say is kept as
//! unknown. Services that extend another one of the same file have what that has; what stands in other files is named, not followed.

use std::path::{Component, Path, PathBuf};

use super::super::secrets::{is_secret, is_secret_variable};
use super::File;
use super::container::{Address, Container, Fact, Published, address, excerpt, range};
use super::interpolate::{Filled, fill};
use super::yaml::{self, Node, Yaml};
use crate::error::{Error, Result};
use crate::text;

/// Most services that are looked at.
const MAX_SERVICES: usize = 1000;
/// Longest chain of services that extend one another.
const MAX_CHAIN: usize = 16;
/// What may stand at the top of a compose file, beside `x-…`.
const TOP: [&str; 9] = [
    "version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models",
];
/// The way out where a file does not say enough.
const WAY_OUT: &str =
    "give what `docker compose config` prints: it has variables, includes and extensions filled in";

/// What a compose file says.
#[derive(Default)]
pub(super) struct Compose {
    pub(super) containers: Vec<Container>,
    pub(super) elsewhere: Vec<(String, Fact)>,
}

/// Reads it. `folder`: where it lies, for relative paths.
///
/// # Errors
/// When it is no compose file: the line and what is wrong.
pub(super) fn read(
    file: &File,
    folder: Option<&Path>,
    variables: &[(String, String)],
) -> Result<Compose> {
    let wrong = |line: usize, why: String| {
        let place = if line > 0 {
            format!(" line {line}:")
        } else {
            String::new()
        };
        Error::environment(
            format!(
                "{}{place} {why}, so it is not read as a compose file",
                file.shown
            ),
            WAY_OUT,
        )
    };
    let root = yaml::read(&file.text).map_err(|why| wrong(0, why.to_string()))?;
    let Yaml::Map(members) = &root.value else {
        return Err(wrong(root.line, "it is no mapping".to_owned()));
    };
    if let Some((key, node)) = members
        .iter()
        .find(|(key, _)| !TOP.contains(&key.as_str()) && !key.starts_with("x-"))
    {
        let key = text::excerpt(key, 60);
        return Err(wrong(
            node.line,
            format!("it has the key `{key}` at the top"),
        ));
    }
    let Some(Yaml::Map(services)) = root.get("services").map(|node| &node.value) else {
        return Err(wrong(root.line, "it has no services".to_owned()));
    };
    let reader = Reader {
        file,
        folder,
        variables,
        root: &root,
    };
    let mut found = Compose::default();
    for (at, item) in reader.included().enumerate() {
        let fact = reader.fact(format!("include[{at}]"), item, "another file");
        found.elsewhere.push(("include".to_owned(), fact));
    }
    if let Some((line, tag)) = merged(&file.text) {
        let node = Node {
            line,
            value: Yaml::Null,
        };
        let fact = reader.fact("services".to_owned(), &node, "merged with another file");
        found.elsewhere.push((tag.to_owned(), fact));
    }
    for (name, node) in services.iter().take(MAX_SERVICES) {
        if !matches!(node.value, Yaml::Map(_) | Yaml::Null) {
            return Err(wrong(node.line, "a service is no mapping".to_owned()));
        }
        let layers = reader.layers(services, name, &mut found.elsewhere);
        let service = Service {
            reader: &reader,
            name,
            layers,
        };
        let read = service.read().map_err(|(line, why)| wrong(line, why))?;
        found.containers.push(read);
    }
    Ok(found)
}

/// The first line with a tag that says how the file is merged with another one, which it was written to be.
fn merged(text: &str) -> Option<(usize, &'static str)> {
    text.lines().enumerate().find_map(|(at, line)| {
        let code = line.split(" #").next().unwrap_or_default();
        let tag = ["!override", "!reset"]
            .into_iter()
            .find(|tag| code.split_whitespace().any(|word| word == *tag))?;
        Some((at + 1, tag))
    })
}

struct Reader<'a> {
    file: &'a File,
    folder: Option<&'a Path>,
    variables: &'a [(String, String)],
    root: &'a Node,
}

impl<'a> Reader<'a> {
    fn included(&self) -> impl Iterator<Item = &'a Node> {
        let include = self.root.get("include");
        include.into_iter().flat_map(|node| match &node.value {
            Yaml::List(items) => items.iter().collect(),
            _ => vec![node],
        })
    }

    fn fact(&self, path: String, node: &Node, value: impl Into<String>) -> Fact {
        Fact {
            path: text::excerpt(&path, 200),
            value: value.into(),
            file: self.file.shown.clone(),
            line: Some(node.line).filter(|line| *line > 0),
            seen: false,
        }
    }

    fn fill(&self, node: &Node) -> Option<Filled> {
        Some(fill(node.text()?, self.variables))
    }

    /// A service and those of this file that it extends, nearest first.
    fn layers(
        &self,
        services: &'a [(String, Node)],
        name: &str,
        elsewhere: &mut Vec<(String, Fact)>,
    ) -> Vec<&'a Node> {
        let of = |name: &str| services.iter().find(|(known, _)| known == name);
        let mut layers: Vec<&Node> = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some((own, node)) = next.as_deref().and_then(of) {
            if layers.len() >= MAX_CHAIN || layers.iter().any(|known| std::ptr::eq(*known, node)) {
                break;
            }
            layers.push(node);
            let extends = node.get("extends");
            if let Some(extends) = extends.filter(|node| node.get("file").is_some()) {
                let fact = self.fact(format!("services.{own}.extends"), extends, "another file");
                elsewhere.push((format!("services.{name}"), fact));
                break;
            }
            next = extends
                .and_then(|node| node.get("service").unwrap_or(node).text())
                .map(str::to_owned);
        }
        layers
    }

    /// The place of the machine that a mount shows, absolute; none where it is a volume of the engine's own.
    fn place(&self, source: &str) -> Option<String> {
        let source = match self.bind_of_volume(source) {
            Some(device) => device,
            None => source.to_owned(),
        };
        if source.starts_with('~') {
            return Some(source);
        }
        let relative = source.starts_with('.');
        if !relative && !source.starts_with('/') {
            return None;
        }
        let path = match self.folder {
            Some(folder) if relative => folder.join(&source),
            _ => PathBuf::from(&source),
        };
        Some(normal(&path).to_string_lossy().into_owned())
    }

    /// The folder that a named volume is, where its options say so.
    fn bind_of_volume(&self, name: &str) -> Option<String> {
        let options = self.root.get("volumes")?.get(name)?.get("driver_opts")?;
        let is_bind = options.get("o").and_then(Node::text).is_some_and(|all| {
            all.split(',')
                .any(|option| matches!(option.trim(), "bind" | "rbind"))
        });
        let device = self.fill(options.get("device")?)?;
        is_bind.then_some(device.text)
    }
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

struct Service<'a> {
    reader: &'a Reader<'a>,
    name: &'a str,
    layers: Vec<&'a Node>,
}

type Wrong = (usize, String);

impl<'a> Service<'a> {
    fn read(&self) -> Result<Container, Wrong> {
        let mut found = Container {
            name: text::excerpt(self.name, 80),
            ..Container::default()
        };
        self.ports(&mut found)?;
        self.rights(&mut found)?;
        self.volumes(&mut found)?;
        if let Some((filled, fact)) = self.filled("user", &mut found) {
            found.user = Some((filled.text, fact));
        }
        if self.scalar("build").is_none()
            && let Some((filled, fact)) = self.filled("image", &mut found)
        {
            found.image = Some((filled.text, fact));
        }
        found.runtime = self
            .filled("runtime", &mut found)
            .map(|(filled, _)| filled.text);
        let variables = self.environment(&mut found);
        let words = self.words();
        found.own_ports = self.own_ports(&variables, &words);
        let shown: Vec<&str> = [self.name]
            .into_iter()
            .chain(
                ["container_name", "hostname", "image"]
                    .into_iter()
                    .filter_map(|key| self.scalar(key).and_then(Node::text)),
            )
            .chain(words.iter().map(String::as_str))
            .chain(found.mounts.iter().map(|(place, _)| place.as_str()))
            .collect();
        let named = Container::is_named_so(&shown);
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
        found.is_openclaw = named || by_variable || by_port;
        found.is_sandbox = self.name.starts_with("openclaw-sbx-");
        Ok(found)
    }

    /// The value that counts of a key: the nearest one.
    fn scalar(&self, key: &str) -> Option<&'a Node> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    /// The elements of a list, of all layers.
    fn list(&self, key: &str) -> Result<Vec<(String, &'a Node)>, Wrong> {
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
            match filled.has_gap() {
                true => found.unknown.push(fact),
                false => all.push((filled.text, fact)),
            }
        }
        Ok(all)
    }

    fn ports(&self, found: &mut Container) -> Result<(), Wrong> {
        for (path, node) in self.list("ports")? {
            let published = match &node.value {
                Yaml::Map(_) => self.long(path, node),
                _ => self.short(path, node),
            };
            found.published.extend(published?);
        }
        for (_, node) in self.list("expose")? {
            let filled = self.reader.fill(node).map(|filled| filled.text);
            let port = filled
                .as_deref()
                .and_then(|text| range(text.split('/').next()?));
            found.exposed.extend(port.map(|(first, _)| first));
        }
        Ok(())
    }

    /// `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`, where a port may be a range.
    fn short(&self, path: String, node: &Node) -> Result<Option<Published>, Wrong> {
        let Some(filled) = self.reader.fill(node) else {
            return Err((node.line, "a port is neither text nor mapping".to_owned()));
        };
        let (all, protocol) = match filled.text.rsplit_once('/') {
            Some((all, protocol)) => (all, protocol),
            None => (filled.text.as_str(), "tcp"),
        };
        if !protocol.eq_ignore_ascii_case("tcp") && filled.is_known(all.len(), filled.text.len()) {
            return Ok(None);
        }
        let (host, container) = match all.rsplit_once(':') {
            Some((host, container)) => (Some(host), container),
            None => (None, all),
        };
        let ports = range(container);
        let from = all.len() - container.len();
        if ports.is_none() && filled.is_known(from, all.len()) {
            let why = format!("`{}` is no port", text::excerpt(container, 40));
            return Err((node.line, why));
        }
        let address = match host.and_then(|host| host.rsplit_once(':')) {
            None => Address::Default,
            Some((written, _)) if !filled.is_known(0, written.len()) => Address::Variable,
            Some((written, _)) => of_host(written),
        };
        let fact = self
            .reader
            .fact(path, node, excerpt(node.text().unwrap_or_default()));
        Ok(Some(Published {
            address,
            ports,
            fact,
        }))
    }

    fn long(&self, path: String, node: &Node) -> Result<Option<Published>, Wrong> {
        let part = |key: &str| node.get(key).and_then(|node| self.reader.fill(node));
        let Some(target) = part("target") else {
            return Err((node.line, "a port has no target".to_owned()));
        };
        if part("protocol").is_some_and(|p| p.is_all_known() && !p.text.eq_ignore_ascii_case("tcp"))
        {
            return Ok(None);
        }
        let address = match part("host_ip") {
            None => Address::Default,
            Some(written) if !written.is_all_known() => Address::Variable,
            Some(written) => of_host(&written.text),
        };
        let written = |key: &str| node.get(key).and_then(Node::text).unwrap_or("-").to_owned();
        let value = format!(
            "target {}, published {}, host_ip {}",
            written("target"),
            written("published"),
            written("host_ip")
        );
        let fact = self.reader.fact(path, node, excerpt(&value));
        Ok(Some(Published {
            address,
            ports: range(&target.text),
            fact,
        }))
    }

    fn rights(&self, found: &mut Container) -> Result<(), Wrong> {
        if let Some((filled, fact)) = self.filled("privileged", found) {
            let on = ["true", "yes", "y", "on", "1"];
            found.privileged = on
                .contains(&filled.text.to_ascii_lowercase().as_str())
                .then_some(fact);
        }
        for (key, what) in [("network_mode", "network"), ("pid", "pid")] {
            if let Some((filled, fact)) = self.filled(key, found)
                && filled.text == "host"
            {
                found.shared.push((what, fact));
            }
        }
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
        Ok(())
    }

    fn volumes(&self, found: &mut Container) -> Result<(), Wrong> {
        for (path, node) in self.list("volumes")? {
            let (source, value) = match &node.value {
                Yaml::Map(_) => {
                    let source = node.get("source").or_else(|| node.get("src"));
                    let Some(source) = source else { continue };
                    (self.reader.fill(source), source.text().unwrap_or_default())
                }
                _ => (self.reader.fill(node), node.text().unwrap_or_default()),
            };
            let Some(source) = source else {
                return Err((node.line, "a volume is neither text nor mapping".to_owned()));
            };
            let is_long = matches!(node.value, Yaml::Map(_));
            let fact = self.reader.fact(path, node, excerpt(value));
            let end = match is_long {
                true => source.text.len(),
                false => source.text.find(':').unwrap_or(0),
            };
            // Without a source it is a volume that the engine makes.
            if !is_long && end == 0 && source.is_known(0, 0) {
                continue;
            }
            let written = source.text.get(..end).unwrap_or_default();
            match self.reader.place(written) {
                Some(place) => found.mounts.push((place, fact)),
                None if !source.is_known(0, end) => found.unknown.push(fact),
                None => {}
            }
        }
        Ok(())
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

fn of_host(written: &str) -> Address {
    match address(written) {
        Some(address) => Address::At(address),
        None if written.trim().is_empty() => Address::Default,
        None => Address::Variable,
    }
}

/// A capability without its prefix.
pub(super) fn capability(written: &str) -> String {
    let name = written.trim().to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// An option of the confinement, as `name=value`.
pub(super) fn option(written: &str) -> String {
    let lower = written.trim().to_ascii_lowercase();
    match lower.split_once([':', '=']) {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => lower,
    }
}
