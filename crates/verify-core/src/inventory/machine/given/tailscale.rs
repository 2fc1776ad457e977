//! The output of `tailscale serve status --json`: what this machine serves in its private network, and what to the whole internet.
//! Format: `ipn.ServeConfig` of Tailscale.

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

/// A name and port that anyone on the internet can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Funnel {
    /// The name and port, such as `box.tail.ts.net:443`, safe to show.
    pub(crate) name: String,
    /// Ports of this machine that it leads to, with the target as it is written.
    pub(crate) targets: Vec<(Option<u16>, String)>,
    /// The file, as it is shown.
    pub(crate) file: String,
}

/// Reads it. Nothing served is `null` or an empty object.
///
/// # Errors
/// When it is something else.
pub(super) fn read(file: &File) -> Result<Vec<Funnel>> {
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
    funnels(root, file, &mut found, 0).map_err(wrong)?;
    Ok(found)
}

fn funnels(
    root: &Map<String, Value>,
    file: &File,
    found: &mut Vec<Funnel>,
    depth: usize,
) -> Result<(), Malformed> {
    if let Some(key) = root.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("has the key `{}`", text::excerpt(key, 60)).into());
    }
    for (name, value) in part(root, "AllowFunnel")? {
        match value {
            Value::Bool(false) => {}
            Value::Bool(true) => found.push(Funnel {
                name: text::excerpt(name, 200),
                targets: targets(root, name)?,
                file: file.shown.clone(),
            }),
            _ => return Err("has an AllowFunnel that is no truth value".into()),
        }
    }
    // What is served only as long as a command runs has the same form once more.
    for (_, value) in part(root, "Foreground")? {
        match value {
            Value::Object(inner) if depth == 0 => funnels(inner, file, found, depth + 1)?,
            Value::Null => {}
            _ => return Err("has a Foreground that is no mapping".into()),
        }
    }
    Ok(())
}

/// What a name and port leads to.
fn targets(root: &Map<String, Value>, name: &str) -> Result<Vec<(Option<u16>, String)>, Malformed> {
    let mut found = Vec::new();
    let web = part(root, "Web")?.find(|(known, _)| *known == name);
    let handlers = web
        .and_then(|(_, web)| web.get("Handlers"))
        .and_then(Value::as_object);
    for (_, handler) in handlers.into_iter().flatten() {
        if let Some(proxy) = handler.get("Proxy").and_then(Value::as_str) {
            found.push((port_of(proxy), text::excerpt(proxy, 120)));
        }
    }
    let port = name.rsplit(':').next().unwrap_or_default();
    let tcp = part(root, "TCP")?.find(|(known, _)| *known == port);
    if let Some(forward) = tcp
        .and_then(|(_, tcp)| tcp.get("TCPForward"))
        .and_then(Value::as_str)
        .filter(|forward| !forward.is_empty())
    {
        found.push((port_of(forward), text::excerpt(forward, 120)));
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

/// The port of `http://127.0.0.1:18789/x`, `localhost:18789` or `3000`.
fn port_of(target: &str) -> Option<u16> {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let port = authority.rsplit(':').next()?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Funnel>> {
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
    fn another_output_is_not_taken_for_a_status() {
        for other in [
            r#"{"Version":"1.80","BackendState":"Running","Self":{}}"#,
            "[]",
            "",
            r#"{"AllowFunnel":{"a:443":"yes"}}"#,
            r#"{"AllowFunnel":true}"#,
            r#"{"AllowFunnel":{},"AllowFunnel":{}}"#,
        ] {
            assert!(of(other).is_err(), "{other}");
        }
    }
}
