//! The output of `tailscale serve status --json`: what this machine serves in its private network, and what to the whole internet.
//! Format: `ipn.ServeConfig` of Tailscale.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::File;
use crate::error::{Error, Malformed, Result};
use crate::text;

const WAY_OUT: &str = "give what `tailscale serve status` prints as JSON";
/// What can stand in it.
const KEYS: [&str; 6] = [
    "TCP",
    "Web",
    "Services",
    "AllowFunnel",
    "Foreground",
    "ETag",
];
/// What can stand in one of its services.
const KEYS_OF_SERVICE: [&str; 3] = ["TCP", "Web", "Tun"];

/// A name and port at which others reach something on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// The name and port, such as `box.tail.ts.net:443`, safe to show.
    pub(crate) name: String,
    /// Whether anyone on the internet can, and not the private network alone.
    pub(crate) public: bool,
    /// Ports of this machine that it leads to, with the target as it is written.
    pub(crate) targets: Vec<(Option<u16>, String)>,
    /// The file, as it is shown.
    pub(crate) file: String,
}

impl Served {
    /// What of it leads to one of these ports. A target without a port that is understood may be any of them.
    pub(crate) fn leading_to(&self, ports: &[u16]) -> Option<&str> {
        let mut targets = self.targets.iter();
        let found = targets.find(|(port, _)| port.is_none_or(|port| ports.contains(&port)));
        found.map(|(_, target)| target.as_str())
    }
}

/// Reads it. Nothing served is `null` or an empty object.
///
/// # Errors
/// When it is something else.
pub(super) fn read(file: &File) -> Result<Vec<Served>> {
    let value = file.json("status of tailscale serve", WAY_OUT)?;
    let wrong = |why: Malformed| {
        let what = format!(
            "{} {why}, so it is no status of tailscale serve",
            file.shown
        );
        Error::environment(what, WAY_OUT)
    };
    let root = match &value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(root) => root,
        _ => return Err(wrong("is no mapping".into())),
    };
    let mut found = Vec::new();
    served(root, file, &mut found, 0).map_err(wrong)?;
    Ok(found)
}

fn served(
    root: &Map<String, Value>,
    file: &File,
    found: &mut Vec<Served>,
    depth: usize,
) -> Result<(), Malformed> {
    only(root, &KEYS)?;
    let mut public = BTreeSet::new();
    for (name, value) in part(root, "AllowFunnel")? {
        match value {
            Value::Bool(false) => {}
            Value::Bool(true) => {
                public.insert(name.as_str());
                found.push(Served {
                    name: text::excerpt(name, 200),
                    public: true,
                    targets: targets(root, name)?,
                    file: file.shown.clone(),
                });
            }
            _ => return Err("has an AllowFunnel that is no truth value".into()),
        }
    }
    private(root, None, &public, file, found)?;
    for (name, service) in part(root, "Services")? {
        match service {
            Value::Object(inner) => {
                only(inner, &KEYS_OF_SERVICE)?;
                private(inner, Some(name), &BTreeSet::new(), file, found)?;
            }
            Value::Null => {}
            _ => return Err("has a service that is no mapping".into()),
        }
    }
    // What is served only as long as a command runs has the same form once more.
    for (_, value) in part(root, "Foreground")? {
        match value {
            Value::Object(inner) if depth == 0 => served(inner, file, found, depth + 1)?,
            Value::Null => {}
            _ => return Err("has a Foreground that is no mapping".into()),
        }
    }
    Ok(())
}

/// A key that is not known could serve something in a way that is not known either.
fn only(of: &Map<String, Value>, keys: &[&str]) -> Result<(), Malformed> {
    match of.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("has the key `{}`", text::excerpt(key, 60)).into()),
        None => Ok(()),
    }
}

/// What is served in the private network alone, by this machine or by a `service` of the network.
fn private(
    root: &Map<String, Value>,
    service: Option<&str>,
    public: &BTreeSet<&str>,
    file: &File,
    found: &mut Vec<Served>,
) -> Result<(), Malformed> {
    let names = part(root, "Web")?.map(|(name, _)| name.as_str());
    let ports = part(root, "TCP")?.map(|(port, _)| port.as_str());
    let names: BTreeSet<&str> = names.chain(ports).collect();
    // A port of its own is the one that a public name has with it.
    let is_public = |name: &str| {
        let mut public = public.iter();
        public.any(|known| *known == name || known.rsplit(':').next() == Some(name))
    };
    for name in names.into_iter().filter(|name| !is_public(name)) {
        let targets = targets(root, name)?;
        if targets.is_empty() {
            continue;
        }
        let shown = match service {
            Some(service) => format!("{service} {name}"),
            None if name.contains(':') => name.to_owned(),
            None => format!("port {name}"),
        };
        found.push(Served {
            name: text::excerpt(&shown, 200),
            public: false,
            targets,
            file: file.shown.clone(),
        });
    }
    Ok(())
}

/// What a name and port leads to, or a port alone.
fn targets(root: &Map<String, Value>, name: &str) -> Result<Vec<(Option<u16>, String)>, Malformed> {
    let mut found = Vec::new();
    let mut add = |target: &str| {
        if let Some(port) = port_of(target) {
            found.push((port, text::excerpt(target, 120)));
        }
    };
    let web = part(root, "Web")?.find(|(known, _)| *known == name);
    let handlers = web
        .and_then(|(_, web)| web.get("Handlers"))
        .and_then(Value::as_object);
    for (_, handler) in handlers.into_iter().flatten() {
        if let Some(proxy) = handler.get("Proxy").and_then(Value::as_str) {
            add(proxy);
        }
    }
    let port = name.rsplit(':').next().unwrap_or_default();
    let tcp = part(root, "TCP")?.find(|(known, _)| *known == port);
    if let Some(forward) = tcp
        .and_then(|(_, tcp)| tcp.get("TCPForward"))
        .and_then(Value::as_str)
        .filter(|forward| !forward.is_empty())
    {
        add(forward);
    }
    Ok(found)
}

fn part<'a>(
    root: &'a Map<String, Value>,
    key: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)> + use<'a>, Malformed> {
    match root.get(key) {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(part)) => Ok(Some(part).into_iter().flatten()),
        Some(_) => Err(format!("has a {key} that is no mapping").into()),
    }
}

/// The port of `http://127.0.0.1:18789/x`, `localhost:18789` or `3000`; none for a socket in the file system, which no gateway has, and
/// none inside where it is not understood.
fn port_of(target: &str) -> Option<Option<u16>> {
    if target.starts_with("unix:") {
        return None;
    }
    let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let last = authority.rsplit(':').next().unwrap_or_default();
    let usual = match scheme {
        "http" => Some(80),
        "https" | "https+insecure" => Some(443),
        _ => None,
    };
    // An address of IPv6 without a port ends in its bracket.
    let has_port = authority.contains(':') && !last.ends_with(']');
    Some(match has_port || usual.is_none() {
        true => last.parse().ok(),
        false => usual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Served>> {
        let file = File {
            shown: "status.json".to_owned(),
            text: text.to_owned(),
        };
        read(&file)
    }

    #[test]
    fn funnels_are_told_with_what_they_lead_to() {
        let text = r#"{"TCP":{"443":{"HTTPS":true},"8443":{"TCPForward":"localhost:18789"}},
            "Web":{"a.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:18789"},"/t":{"Text":"x"}}}},
            "AllowFunnel":{"a.ts.net:443":true,"a.ts.net:8443":true,"a.ts.net:10000":false}}"#;
        let found = of(text).expect("status");
        let ports: Vec<Option<u16>> = found
            .iter()
            .flat_map(|f| f.targets.iter().map(|t| t.0))
            .collect();
        assert_eq!((found.len(), ports), (2, vec![Some(18789), Some(18789)]));
        for empty in ["null", "{}", r#"{"TCP":{"443":{"HTTPS":true}}}"#] {
            assert!(of(empty).expect("status").is_empty(), "{empty}");
        }
    }

    #[test]
    fn what_is_served_in_the_private_network_is_told_from_funnels() {
        let text = r#"{"TCP":{"443":{"HTTPS":true},"8443":{"TCPForward":"127.0.0.1:18789"}},
            "Web":{"a.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:3000"}}}},
            "Services":{"svc:b":{"Web":{"b.ts.net:443":{"Handlers":{"/":{"Proxy":"http://localhost:18789"}}}}}},
            "AllowFunnel":{"a.ts.net:443":true}}"#;
        let found = of(text).expect("status");
        let of_gateway = found
            .iter()
            .filter(|one| one.leading_to(&[18789]).is_some());
        let of_gateway: Vec<(&str, bool)> = of_gateway
            .map(|one| (one.name.as_str(), one.public))
            .collect();
        assert_eq!(
            of_gateway,
            [("port 8443", false), ("svc:b b.ts.net:443", false)]
        );
    }

    #[test]
    fn ports_of_targets() {
        for (target, port) in [
            ("http://127.0.0.1:18789/x", Some(Some(18789))),
            ("https+insecure://[::1]:18789", Some(Some(18789))),
            ("http://[::1]", Some(Some(80))),
            ("http://localhost/", Some(Some(80))),
            ("localhost:18789", Some(Some(18789))),
            ("3000", Some(Some(3000))),
            ("tcp://x", Some(None)),
            ("unix:/run/x.sock", None),
        ] {
            assert_eq!(port_of(target), port, "{target}");
        }
    }

    #[test]
    fn another_output_is_not_taken_for_a_status() {
        for other in [
            r#"{"Version":"1.80","BackendState":"Running","Self":{}}"#,
            "[]",
            "",
            r#"{"AllowFunnel":{"a:443":"yes"}}"#,
            r#"{"AllowFunnel":true}"#,
            r#"{"Services":{"svc:a":{"AllowFunnel":{}}}}"#,
            r#"{"Services":{"svc:a":[]}}"#,
            r#"{"AllowFunnel":{},"AllowFunnel":{}}"#,
        ] {
            assert!(of(other).is_err(), "{other}");
        }
    }
}
