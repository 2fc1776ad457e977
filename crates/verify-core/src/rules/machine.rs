//! What the rules about the machine have in common.

use serde_json::Value;

use super::{Stage, Stages};
use crate::finding::{Draft, Remedy};
use crate::subject::SubjectId;
use crate::text;

/// They speak only where the question is how the machine is set up.
pub(super) const STAGES: Stages = Stages::of(Stage::Host, &[]);

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
