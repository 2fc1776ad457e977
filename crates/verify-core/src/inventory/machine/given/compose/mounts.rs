//! What of the machine's files a service is shown: volumes, those of another service, files of secrets and configs, the engine's socket.

use std::path::PathBuf;

use super::super::container::{Container, Mount, excerpt};
use super::super::interpolate::Filled;
use super::super::yaml::{Node, Yaml};
use super::service::{Service, Wrong};

/// Where the engine's socket lies that `use_api_socket` hands over.
const SOCKET: &str = "/var/run/docker.sock";

impl Service<'_> {
    pub(super) fn mounts(&self, found: &mut Container) -> Result<(), Wrong> {
        for (path, node) in self.list("volumes")? {
            self.volume(path, node, found)?;
        }
        for key in ["secrets", "configs"] {
            for (path, node) in self.list(key)? {
                self.file(key, path, node, found);
            }
        }
        if let Some((on, fact)) = self.switch("use_api_socket", found)
            && on
        {
            found.mounts.push(Mount::new(SOCKET.to_owned(), true, fact));
        }
        self.env_files(found);
        Ok(())
    }

    /// `SOURCE:TARGET[:MODES]`, or a mapping.
    fn volume(&self, path: String, node: &Node, found: &mut Container) -> Result<(), Wrong> {
        let is_long = matches!(node.value, Yaml::Map(_));
        let written = match is_long {
            true => match node.get("source").or_else(|| node.get("src")) {
                Some(source) => source,
                // An empty folder of memory, or a volume that the engine makes.
                None => return Ok(()),
            },
            false => node,
        };
        let Some(source) = self.reader.fill(written) else {
            return Err((node.line, "a volume is neither text nor mapping".to_owned()));
        };
        let shown = written.text().unwrap_or_default();
        let fact = self.reader.fact(path, node, excerpt(shown));
        let (end, writable) = match is_long {
            true => (source.text.len(), !self.is_on(node, "read_only")),
            false => short(&source),
        };
        // Without a source it is a volume that the engine makes.
        if !is_long && end == 0 && source.is_known(0, 0) {
            return Ok(());
        }
        let text = source.text.get(..end).unwrap_or_default();
        if !source.is_known(0, end) {
            found.unknown.push(fact.clone());
        }
        if is_of_windows(&source.text) {
            found.not_judged.push(fact);
            return Ok(());
        }
        let is_bind = is_long && node.get("type").and_then(Node::text) == Some("bind");
        let place = self.reader.place(text, is_bind);
        found
            .mounts
            .extend(place.map(|place| Mount::new(place, writable, fact)));
        Ok(())
    }

    /// A secret or config of the file that is a file of the machine.
    fn file(&self, key: &str, path: String, node: &Node, found: &mut Container) {
        let Some(name) = node.get("source").unwrap_or(node).text() else {
            return;
        };
        let entry = self.reader.root.get(key).and_then(|all| all.get(name));
        let Some(written) = entry.and_then(|entry| entry.get("file")) else {
            return;
        };
        let Some(filled) = self.reader.fill(written) else {
            return;
        };
        let shown = format!("the file {}", written.text().unwrap_or_default());
        let fact = self.reader.fact(path, written, excerpt(&shown));
        if !filled.is_all_known() {
            found.unknown.push(fact.clone());
        }
        let place = self.reader.place(&filled.text, true);
        found
            .mounts
            .extend(place.map(|place| Mount::new(place, false, fact)));
    }

    /// Files with its variables: they are files of the machine that hold secrets.
    fn env_files(&self, found: &mut Container) {
        let nodes = self
            .layers
            .iter()
            .filter_map(|layer| layer.get("env_file"))
            .flat_map(|node| match &node.value {
                Yaml::List(items) => items.iter().collect(),
                _ => vec![node],
            });
        for node in nodes {
            let written = node.get("path").unwrap_or(node);
            let filled = self.reader.fill(written).filter(Filled::is_all_known);
            let place = filled.and_then(|filled| self.reader.place(&filled.text, true));
            found.env_files.extend(place.map(PathBuf::from));
        }
    }

    /// Services whose volumes it has too, by name. What a container has that is not of this file is not known.
    pub(super) fn volumes_from(&self, found: &mut Container) -> Result<Vec<String>, Wrong> {
        let mut services = Vec::new();
        for (path, node) in self.list("volumes_from")? {
            let Some(filled) = self.reader.fill(node) else {
                return Err((
                    node.line,
                    "an element of `volumes_from` is no text".to_owned(),
                ));
            };
            let name = filled.text.split(':').next().unwrap_or_default().to_owned();
            let fact = self.reader.fact(path, node, excerpt(&filled.text));
            if !filled.is_all_known() {
                found.unknown.push(fact);
            } else if name == "container" {
                found.not_judged.push(fact);
            } else {
                services.push(name);
            }
        }
        Ok(services)
    }
}

/// Where the source of a short form ends, and whether what it shows can be changed.
fn short(source: &Filled) -> (usize, bool) {
    let mut parts = source.text.splitn(3, ':');
    let end = source.text.find(':').unwrap_or(0);
    let modes = parts.nth(2).unwrap_or_default();
    (end, !modes.split(',').any(|mode| mode == "ro"))
}

/// A place of another system: a letter of a drive, or a pipe.
fn is_of_windows(source: &str) -> bool {
    let bytes = source.as_bytes();
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.get(1) == Some(&b':')
        && matches!(bytes.get(2), Some(b'\\' | b'/'));
    // `a:/data` is a volume called `a`, which compose refuses: names have two letters or more.
    drive || source.starts_with("\\\\")
}
