//! Findings: what a rule says about a subject. Plain data.

mod remedy;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::remedy::{Remedy, RemedyKind, Restore, Unload};
use crate::digest::Sha256Digest;
pub use crate::error::Input;
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
    /// What the machine's own files say, where it is about how the machine is set up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub declared: Vec<Declared>,
    /// What was seen of the machine itself, where it is about that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub observed: Vec<Observed>,
    /// Digest of rule, key paths and values, where it is about how the machine is set up: an exception names it as `definition`, so
    /// that it covers these values and no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub definition: Option<Sha256Digest>,
    /// Paths of a skill that policy can declare as state of the skill's own: then this finding is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub mutable: Vec<String>,
    /// What brings back what the lock holds, where the lock itself says enough for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// What to do next, in words.
    pub help: String,
    /// What clears it, as data: a program words it as its own commands or buttons.
    pub remedy: Remedy,
    /// Which part of the subject it is about.
    #[serde(skip)]
    pub about: About,
    /// The rule beside whose finding it is shown to people, because both say one thing in two ways.
    #[serde(skip)]
    pub beside: Option<&'static str>,
    /// The exception that keeps this finding from counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

/// A value that a file of the machine says, or that counts because it says nothing. Never the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Declared {
    /// The key's path, such as `gateway.bind`.
    pub path: String,
    /// The value as it is to be shown: JSON, the form of a secret, or words for a default.
    pub value: String,
    /// The file, as it is to be shown.
    pub file: String,
    /// Its line, from 1; none where the key is not written there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// What was seen of the machine: a mode, an owner, a listener, a process. Never the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Observed {
    /// What was looked at: a place, or what it is in words.
    pub path: String,
    /// What was seen.
    pub value: String,
    /// Where it was seen, such as `mode bits` or `/proc/net/tcp`.
    pub source: String,
    /// Number of the user who looked: others may see more, or less.
    pub seen_by: u32,
}

impl Observed {
    /// What the user who runs this saw.
    pub(crate) fn new(
        path: impl Into<String>,
        value: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            value: value.into(),
            source: source.into(),
            seen_by: rustix::process::geteuid().as_raw(),
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum About {
    /// The subject itself, or the installation as a whole.
    #[default]
    Subject,
    /// Its dependencies.
    Dependencies,
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
    /// A rule of the policy requires what is missing, so `[levels]` cannot lower it.
    pub demanded: bool,
    /// The rule whose question it leaves open: where that rule would deny, this does too.
    pub graded_as: Option<&'static str>,
    /// The level that it cannot exceed at this stage, whatever policy says.
    pub at_most: Option<Level>,
    /// Which part of the subject it is about; an exception has to name that part's digest.
    pub about: About,
    /// The rule beside whose finding it is shown to people.
    pub beside: Option<&'static str>,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// The ids of the advisories that it stands on.
    pub advisories: Vec<String>,
    /// The release tag that it is about, safe to show.
    pub tag: Option<String>,
    /// One sentence; untrusted parts already passed through [`crate::text::visible`].
    pub message: String,
    /// What the message stands on.
    pub evidence: Vec<String>,
    /// Where to look.
    pub locations: Vec<Location>,
    /// What files of the machine say.
    pub declared: Vec<Declared>,
    /// What was seen of the machine itself.
    pub observed: Vec<Observed>,
    /// Paths of a skill that policy can declare as state of its own.
    pub mutable: Vec<String>,
    /// What brings back what the lock holds.
    pub restore: Option<Restore>,
    /// What to do next; the rule's own help when empty.
    pub help: String,
    /// What clears it; what the rule says where none is named.
    pub remedy: Option<Remedy>,
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
            graded_as: None,
            at_most: None,
            about: About::Subject,
            beside: None,
            subject: None,
            tag: None,
            message: message.into(),
            advisories: Vec::new(),
            evidence: Vec::new(),
            locations: Vec::new(),
            declared: Vec::new(),
            observed: Vec::new(),
            mutable: Vec::new(),
            restore: None,
            help: String::new(),
            remedy: None,
        }
    }

    /// It leaves the question of this rule open.
    #[must_use]
    pub fn graded_as(mut self, id: &'static str) -> Self {
        self.graded_as = Some(id);
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

    /// At `deny`, whatever `[levels]` say: a rule of the policy requires it.
    #[must_use]
    pub fn demanded(mut self) -> Self {
        self.demanded = true;
        self
    }

    /// Standing on the subject's dependencies.
    #[must_use]
    pub fn about_dependencies(mut self) -> Self {
        self.about = About::Dependencies;
        self
    }

    /// At this level or below it, whatever policy says: at this stage it cannot weigh more.
    #[must_use]
    pub fn at_most(mut self, level: Level) -> Self {
        self.at_most = Some(level);
        self
    }

    /// Shown to people together with the finding of another rule.
    #[must_use]
    pub fn beside(mut self, id: &'static str) -> Self {
        self.beside = Some(id);
        self
    }

    /// With paths that policy can declare as state of the skill.
    #[must_use]
    pub fn mutable(mut self, paths: Vec<String>) -> Self {
        self.mutable = paths;
        self
    }

    /// With what clears it.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
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

    /// Standing on what a file of the machine says, which is also the place to look.
    #[must_use]
    pub fn declared(mut self, declared: Declared) -> Self {
        let line = declared.line.map(|line| format!(":{line}"));
        self.evidence.push(format!(
            "{} is {} ({}{})",
            declared.path,
            declared.value,
            declared.file,
            line.unwrap_or_default()
        ));
        if self.locations.is_empty() {
            self.locations.push(Location {
                file: declared.file.clone(),
                line: declared.line.unwrap_or(1),
            });
        }
        self.declared.push(declared);
        self
    }

    /// Standing on what was seen of the machine itself.
    #[must_use]
    pub fn observed(mut self, observed: Observed) -> Self {
        self.evidence.push(format!(
            "{}: {} (seen by {} as uid {})",
            observed.path, observed.value, observed.source, observed.seen_by
        ));
        if self.locations.is_empty() && observed.path.contains(['/', '.']) {
            self.locations.push(Location {
                file: observed.path.clone(),
                line: 1,
            });
        }
        self.observed.push(observed);
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
