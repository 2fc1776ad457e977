//! What the rules about the machine have in common.

use serde_json::Value;

use super::{Stage, Stages};
use crate::finding::{Draft, Remedy};
use crate::subject::SubjectId;

/// They speak only where the question is how the machine is set up.
pub(super) const STAGES: Stages = Stages::of(Stage::Host, &[]);

/// A violation about the machine.
pub(super) fn draft(message: impl Into<String>) -> Draft {
    Draft::new(message).subject(&SubjectId::machine())
}

/// A key of OpenClaw's config gets a value.
pub(super) fn set(path: impl Into<String>, value: impl Into<Value>) -> Remedy {
    Remedy::Configure {
        path: path.into(),
        value: Some(value.into().to_string()),
    }
}
