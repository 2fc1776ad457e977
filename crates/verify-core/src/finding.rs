//! Findings: what a rule says about a subject. Plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fact::Outcome;
use crate::subject::SubjectId;

/// How much a finding matters to the operator. Ordered from least to most.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Switched off: the finding is dropped.
    Allow,
    /// Worth knowing.
    Note,
    /// Should be looked at.
    Warn,
    /// Must not pass.
    Deny,
}

impl Level {
    /// The name in policy, report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's id, such as `tree-mismatch`.
    pub id: &'static str,
    /// The code, where one id covers several failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// How much it matters, after policy.
    pub level: Level,
    /// What was found out.
    pub outcome: Outcome,
    /// Whom it is about; none for findings about the operator's files or the installation as a whole.
    pub subject: Option<SubjectId>,
    /// The release tag that it is about, safe to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// One sentence, safe to show.
    pub message: String,
    /// What the message stands on, one line each, safe to show.
    pub evidence: Vec<String>,
    /// Where to look; paths relative to the working folder.
    pub locations: Vec<Location>,
    /// What to do next, with the command where there is one.
    pub help: String,
    /// The exception that keeps this finding from counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

/// A place in a file of the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Location {
    /// Path as it is to be shown.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

/// The exception that covers a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Suppression {
    /// The operator's reason.
    pub reason: String,
    /// The last day on which it counts.
    #[schemars(with = "String")]
    pub until: jiff::civil::Date,
}

/// A finding before policy has given it a level: what a rule returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What was found out; [`Outcome::Violated`] unless said otherwise.
    pub outcome: Outcome,
    /// The code, where the rule's id covers several failures.
    pub code: Option<&'static str>,
    /// A level other than the rule's default, before policy's `[levels]` apply.
    pub level: Option<Level>,
    /// A rule of the policy asks for what is missing, so `[levels]` cannot lower it.
    pub demanded: bool,
    /// The rule whose question it leaves open: where that rule would deny, this does too.
    pub stands_for: Option<&'static str>,
    /// It stands on the subject's dependencies, so an exception has to name their digest.
    pub about_dependencies: bool,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// The release tag that it is about, safe to show.
    pub tag: Option<String>,
    /// One sentence; untrusted parts already passed through [`crate::text::visible`].
    pub message: String,
    /// What the message stands on.
    pub evidence: Vec<String>,
    /// Where to look.
    pub locations: Vec<Location>,
    /// What to do next; the rule's own help when empty.
    pub help: String,
}

impl Draft {
    /// A violation with this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Violated,
            code: None,
            level: None,
            demanded: false,
            stands_for: None,
            about_dependencies: false,
            subject: None,
            tag: None,
            message: message.into(),
            evidence: Vec::new(),
            locations: Vec::new(),
            help: String::new(),
        }
    }

    /// It leaves the question of this rule open.
    #[must_use]
    pub fn stands_for(mut self, id: &'static str) -> Self {
        self.stands_for = Some(id);
        self
    }

    /// With a code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// With another outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// With another default level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// At `deny`, whatever `[levels]` say: a rule of the policy asks for it.
    #[must_use]
    pub fn demanded(mut self) -> Self {
        self.demanded = true;
        self
    }

    /// Standing on the subject's dependencies.
    #[must_use]
    pub fn about_dependencies(mut self) -> Self {
        self.about_dependencies = true;
        self
    }

    /// About this subject.
    #[must_use]
    pub fn subject(mut self, id: &SubjectId) -> Self {
        self.subject = Some(id.clone());
        self
    }

    /// With a line of evidence.
    #[must_use]
    pub fn evidence(mut self, line: impl Into<String>) -> Self {
        self.evidence.push(line.into());
        self
    }

    /// With a place to look.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.locations.extend(location);
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}
