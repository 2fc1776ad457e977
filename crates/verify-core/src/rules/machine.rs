//! What the rules about the machine have in common.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Stage, Stages};
use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy};
use crate::inventory::machine::Machine;
use crate::subject::SubjectId;
use crate::text;

/// They speak only where the question is how the machine is set up.
pub(super) const STAGES: Stages = Stages::of(Stage::Host, &[]);

/// Ends of the names of sockets by which a container engine is steered.
pub(super) const SOCKETS: [&str; 6] = [
    "docker.sock",
    "podman.sock",
    "containerd.sock",
    "crio.sock",
    "buildkitd.sock",
    "dockerd.sock",
];

/// A violation about the machine.
pub(super) fn draft(message: impl Into<String>) -> Draft {
    Draft::new(message).subject(&SubjectId::machine())
}

/// Agents by name, as far as there is room, and what fits of a verb.
pub(super) fn named(ids: &[&str], one: &'static str, many: &'static str) -> (String, &'static str) {
    const SHOWN: usize = 5;
    let shown: Vec<String> = ids
        .iter()
        .take(SHOWN)
        .map(|id| text::excerpt(id, 60))
        .collect();
    match ids.len() {
        1 => (format!("the agent {}", shown.concat()), one),
        count if count > SHOWN => (
            format!("the agents {} and {} more", shown.join(", "), count - SHOWN),
            many,
        ),
        _ => (format!("the agents {}", shown.join(", ")), many),
    }
}

/// A key of OpenClaw's config gets a value.
pub(super) fn set(path: impl Into<String>, value: impl Into<Value>) -> Remedy {
    Remedy::Configure {
        path: path.into(),
        value: Some(value.into().to_string()),
    }
}

/// The home folder that a path lies in by the usual places.
pub(super) fn named_home(source: &Path) -> Option<PathBuf> {
    ["/home", "/Users"].iter().find_map(|homes| {
        let rest = source.strip_prefix(homes).ok()?;
        let user = rest.components().next()?;
        Some(Path::new(homes).join(user))
    })
}

/// That a compose file takes parts of itself from other files, which were not given.
pub(super) fn of_other_files(machine: &Machine, unknown: &str) -> Option<Draft> {
    let parts = &machine.given().elsewhere;
    let names: Vec<&str> = parts.iter().map(|(what, _)| what.as_str()).collect();
    let found = draft(format!(
        "parts of the compose file are in other files ({}), and {unknown}",
        names.join(", ")
    ))
    .code("elsewhere")
    .outcome(Outcome::NotEstablished)
    .level(Level::Note)
    .help("Give what `docker compose config` prints: it has them filled in.");
    (!parts.is_empty()).then(|| parts.iter().fold(found, |found, (_, fact)| fact.on(found)))
}
