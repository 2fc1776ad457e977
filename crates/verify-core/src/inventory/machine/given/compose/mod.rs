//! A compose file: what each service is given of the machine. Format: the compose specification.
//!
//! Variables are filled in where the caller gives them; a default counts where nothing does, and what even that does not say is kept as
//! unknown. Services that extend another one of the same file have what that has; what stands in other files is named, not followed.

mod keys;
mod mounts;
mod ports;
mod service;

use std::path::{Component, Path, PathBuf};

use self::service::Service;
use super::File;
use super::container::{Container, Fact};
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

/// Reads it. `path`: its real place, for relative paths and for what lies beside it.
///
/// # Errors
/// When it is no compose file: the line and what is wrong.
pub(super) fn read(
    file: &File,
    path: Option<&Path>,
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
        folder: path.and_then(Path::parent),
        variables,
        root: &root,
    };
    let mut found = Compose {
        elsewhere: elsewhere(&reader, path),
        ..Compose::default()
    };
    if services.len() > MAX_SERVICES {
        let why = format!("it has more than {MAX_SERVICES} services");
        return Err(wrong(root.line, why));
    }
    let mut shares = Vec::new();
    for (name, node) in services {
        if !matches!(node.value, Yaml::Map(_) | Yaml::Null) {
            return Err(wrong(node.line, "a service is no mapping".to_owned()));
        }
        let layers = reader.layers(services, name, &mut found.elsewhere);
        let service = Service {
            reader: &reader,
            name,
            layers,
        };
        let (read, shared) = service.read().map_err(|(line, why)| wrong(line, why))?;
        found.containers.push(read);
        shares.push(shared);
    }
    let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
    share(&names, &shares, &mut found.containers);
    Ok(found)
}

/// What of the configuration stands in other files: how it is named, and where.
fn elsewhere(reader: &Reader<'_>, path: Option<&Path>) -> Vec<(String, Fact)> {
    let mut found = Vec::new();
    for (at, item) in reader.included().enumerate() {
        let fact = reader.fact(format!("include[{at}]"), item, "another file");
        found.push(("include".to_owned(), fact));
    }
    for name in path.map(beside).unwrap_or_default() {
        let fact = reader.fact(name.clone(), &Node::nowhere(), "lies beside it");
        found.push((name, fact));
    }
    if let Some((line, tag)) = merged(&reader.file.text) {
        let node = Node {
            line,
            value: Yaml::Null,
        };
        let fact = reader.fact("services".to_owned(), &node, "merged with another file");
        found.push((tag.to_owned(), fact));
    }
    found
}

/// What a service has of other services of the file, by name.
#[derive(Default)]
struct Shares {
    /// Its network is that of this one, which then publishes its ports.
    network: Option<String>,
    /// It has the volumes of these.
    volumes: Vec<String>,
}

/// Gives each service what it has of others, also of those that have it from others again.
fn share(names: &[&str], shares: &[Shares], containers: &mut [Container]) {
    let place = |name: &String| names.iter().position(|known| known == name);
    for (own, shared) in shares.iter().enumerate() {
        if let Some(other) = shared.network.as_ref().and_then(place) {
            let ports = containers.get(own).map(|found| found.own_ports.clone());
            if let Some(other) = containers.get_mut(other) {
                other.own_ports.extend(ports.unwrap_or_default());
            }
        }
    }
    for _ in 0..MAX_CHAIN {
        for (own, shared) in shares.iter().enumerate() {
            for other in shared.volumes.iter().filter_map(place) {
                let theirs = containers.get(other).map(|found| found.mounts.clone());
                let Some(found) = containers.get_mut(own) else {
                    continue;
                };
                for mount in theirs.unwrap_or_default() {
                    if !found.mounts.contains(&mount) {
                        found.mounts.push(mount);
                    }
                }
            }
        }
    }
}

/// Files that `docker compose` merges with this one by itself, by name: it does so for a file of a usual name.
fn beside(path: &Path) -> Vec<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let stem = match name.and_then(|name| name.split_once('.')) {
        Some((stem @ ("compose" | "docker-compose"), "yml" | "yaml")) => stem,
        _ => return Vec::new(),
    };
    ["yml", "yaml"]
        .into_iter()
        .map(|ending| format!("{stem}.override.{ending}"))
        .filter(|name| std::fs::symlink_metadata(path.with_file_name(name)).is_ok())
        .collect()
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
            if layers.iter().any(|known| std::ptr::eq(*known, node)) {
                break;
            }
            if layers.len() >= MAX_CHAIN {
                let fact = self.fact(format!("services.{own}.extends"), node, "a long chain");
                elsewhere.push((format!("services.{name}"), fact));
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

    /// The place of the machine that a mount shows, absolute; none where it is a volume of the engine's own. `is_path`: it can be none.
    fn place(&self, source: &str, is_path: bool) -> Option<String> {
        let source = match self.bind_of_volume(source).filter(|_| !is_path) {
            Some(device) => device,
            None => source.to_owned(),
        };
        if source.starts_with('~') {
            return Some(source);
        }
        let relative = source.starts_with('.') || (is_path && !source.starts_with('/'));
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
