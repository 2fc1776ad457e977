//! Ports of a service, in the short form and the long one.

use super::super::container::{Address, Container, Published, address, excerpt, range};
use super::super::yaml::{Node, Yaml};
use super::service::{Service, Wrong};
use crate::text;

impl Service<'_> {
    /// Ports that it publishes, and those that it only names.
    pub(super) fn ports(&self, found: &mut Container) -> Result<(), Wrong> {
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
}

fn of_host(written: &str) -> Address {
    match address(written) {
        Some(address) => Address::At(address),
        None if written.trim().is_empty() => Address::Default,
        None => Address::Variable,
    }
}
