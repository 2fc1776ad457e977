//! What was decided about a request.

use super::reason::WayOut;
use crate::finding::{Finding, Level};
use crate::subject::SubjectId;

/// What was decided about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// What it would become; none when that cannot be determined.
    pub subject: Option<SubjectId>,
    /// What to do next and why, safe to show; empty when it may go on.
    pub reason: String,
    /// What leads to an install that may go on, where reading and locking do.
    pub way_out: Option<WayOut>,
    /// What was found, the most severe first. Excepted findings are not among them.
    pub findings: Vec<Finding>,
}

/// Whether an install may go on. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing stands against it.
    Allow,
    /// The operator should look at it first.
    Warn,
    /// It must not be installed.
    Block,
}

impl Verdict {
    /// The word of the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

impl From<Level> for Verdict {
    fn from(level: Level) -> Self {
        match level {
            Level::Deny => Self::Block,
            Level::Warn => Self::Warn,
            Level::Note | Level::Allow => Self::Allow,
        }
    }
}

impl Decision {
    pub(super) fn block(subject: Option<SubjectId>, reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Block,
            subject,
            reason: reason.into(),
            way_out: None,
            findings: Vec::new(),
        }
    }

    pub(super) fn allow(subject: Option<SubjectId>) -> Self {
        Self {
            verdict: Verdict::Allow,
            subject,
            reason: String::new(),
            way_out: None,
            findings: Vec::new(),
        }
    }
}
