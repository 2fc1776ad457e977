//! What a reader of code vouches for, and what policy requires a review to vouch for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a reader vouches for. Ordered: what is safe to run is safe to load.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Criteria {
    /// Its text may reach the agent.
    SafeToLoad,
    /// Its code may run.
    SafeToRun,
}

impl Criteria {
    /// The name in policy, reviews and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SafeToLoad => "safe-to-load",
            Self::SafeToRun => "safe-to-run",
        }
    }
}

impl fmt::Display for Criteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
