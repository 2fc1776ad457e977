//! Findings: what a rule says about a subject. Plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// What clears a finding. Data: the library names no command, and an embedder words it as it likes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Remedy {
    /// Take what is there into the lock, after reading it.
    Lock {
        /// Which subject; all of them where none is named.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        /// The change is one that has to be accepted by name, because an attack looks like it.
        accept: bool,
        /// A registry has to be asked in the same run.
        online: bool,
        /// OpenClaw itself installed another version: what changed can be taken over and reviewed in one go.
        update: bool,
    },
    /// Pin a release tag of a repository.
    Pin {
        /// The repository, such as `github.com/acme/notes`; none where only the caller knows it.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
        /// The change is one that has to be accepted by name.
        accept: bool,
    },
    /// Read it and record that.
    Review {
        /// Which subject; none where it is trust in a publisher that has to be renewed.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        /// Its dependencies have to be read, not its own files.
        dependencies: bool,
        /// The version or digest that was reviewed before and from which the least has to be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<String>,
    },
    /// Allow the network for one run: only a registry knows.
    Online,
    /// Install it anew through OpenClaw; what is not installed yet must not be installed.
    Reinstall {
        /// Which subject.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        /// What to ask OpenClaw for, so that the same release is installed again; none where no record says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        spec: Option<String>,
    },
    /// Move it to where OpenClaw does not look. Nothing that OpenClaw itself installed needs it.
    SetAside {
        /// The file, folder or link: relative to the state directory, or absolute.
        path: String,
    },
    /// Set `OPENCLAW_STATE_DIR` for OpenClaw and for the verifier.
    SetStateDir {
        /// The state directory, whole.
        folder: String,
    },
    /// Pack the project that it is loaded from, and install that in place of the project: then everything that it loads lies in it.
    Pack {
        /// The project's folder: relative to the state directory, or absolute.
        folder: String,
        /// What OpenClaw is asked for to load the project no longer.
        unload: Unload,
    },
    /// Take it out with OpenClaw's own command, which forgets it too.
    Uninstall {
        /// Which plugin.
        subject: SubjectId,
        /// The name that OpenClaw knows it by.
        name: String,
    },
    /// Take a key out of OpenClaw's config.
    Unset {
        /// The key's path, such as `env.vars.NODE_OPTIONS`.
        path: String,
    },
    /// Take a variable out of a file of the environment.
    UnsetVariable {
        /// The variable.
        variable: String,
        /// The file: relative to the state directory, or absolute.
        file: String,
        /// It is one of systemd's, where the variable is one of several words behind `Environment=` or `DefaultEnvironment=`.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        #[schemars(default)]
        unit: bool,
    },
    /// Take an entry out of OpenClaw's store of secrets and variables.
    UnsetStored {
        /// Its name.
        name: String,
    },
    /// Drop an object from a database of OpenClaw's.
    Drop {
        /// The file, relative to the state directory.
        file: String,
        /// `trigger` or `view`.
        object: String,
        /// Its name.
        name: String,
    },
    /// Change a key of OpenClaw's config.
    Configure {
        /// The key's path, such as `mcp.servers.files`.
        path: String,
        /// The value that it should have, where one is known, as JSON.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Let OpenClaw change its own config or secrets by its own command.
    OpenClaw {
        /// The words behind the program's name.
        arguments: Vec<String>,
    },
    /// Take rights away from others.
    Permissions {
        /// The file or folder, whole.
        path: String,
        /// What becomes of its mode, such as `600` or `go-w`.
        mode: String,
        /// Also everything below it.
        recursive: bool,
    },
    /// Give a file or folder, with everything below it, to a user; only root can.
    Owner {
        /// The file or folder, whole.
        path: String,
        /// Number of the user.
        user: u32,
    },
    /// List a place that code may come from in the policy.
    Source {
        /// The registry's address, or the repository as policy writes it.
        address: String,
    },
    /// Let OpenClaw ask the gate before it installs.
    Gate,
    /// Take the exceptions out of the policy that are expired or cover nothing.
    Prune,
    /// Decide anew on the exceptions that end soon: give them another last day.
    Renew,
    /// Something that only the operator can do: change their own file, move something on the machine, or give the verifier more.
    Operator {
        /// What the verifier was not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<Input>,
    },
    /// Nothing: it must not be used.
    Never,
}

/// How OpenClaw stops loading a plugin from the project in which it is developed. The project stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unload {
    /// Uninstalling the linked plugin of this name.
    Link(String),
    /// Taking this key out of the config, such as `plugins.load.paths[0]`.
    Key(String),
}

impl Remedy {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> RemedyKind {
        match self {
            Self::Lock { .. } => RemedyKind::Lock,
            Self::Review { .. } => RemedyKind::Review,
            Self::Online => RemedyKind::Online,
            Self::Reinstall { .. } | Self::Pack { .. } => RemedyKind::Reinstall,
            Self::Configure { .. } | Self::OpenClaw { .. } | Self::Unset { .. } => {
                RemedyKind::Configure
            }
            // A pin is made from a clone of the operator's own.
            Self::Operator { .. }
            | Self::Pin { .. }
            | Self::Prune
            | Self::Renew
            | Self::Permissions { .. }
            | Self::Owner { .. }
            | Self::Gate
            | Self::Source { .. }
            | Self::SetAside { .. }
            | Self::SetStateDir { .. }
            | Self::UnsetVariable { .. }
            | Self::UnsetStored { .. }
            | Self::Drop { .. } => RemedyKind::Operator,
            Self::Never | Self::Uninstall { .. } => RemedyKind::Never,
        }
    }
}

/// The kinds of [`Remedy`]: what a rule says of itself. The finding carries the remedy with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemedyKind {
    /// [`Remedy::Lock`].
    Lock,
    /// [`Remedy::Review`].
    Review,
    /// [`Remedy::Online`].
    Online,
    /// [`Remedy::Reinstall`] or [`Remedy::Pack`].
    Reinstall,
    /// [`Remedy::Configure`], [`Remedy::OpenClaw`] or [`Remedy::Unset`].
    Configure,
    /// [`Remedy::Operator`], [`Remedy::Pin`], [`Remedy::Prune`], [`Remedy::Renew`], [`Remedy::Permissions`], [`Remedy::Owner`],
    /// [`Remedy::Gate`],
    /// [`Remedy::Source`], [`Remedy::SetAside`], [`Remedy::SetStateDir`], [`Remedy::UnsetVariable`], [`Remedy::UnsetStored`] or
    /// [`Remedy::Drop`].
    Operator,
    /// [`Remedy::Never`] or [`Remedy::Uninstall`].
    Never,
}

impl RemedyKind {
    /// Whether reading, locking or asking clears it: then a copy of what is refused is worth keeping.
    #[must_use]
    pub fn is_decision(self) -> bool {
        matches!(self, Self::Lock | Self::Review | Self::Online)
    }

    /// Whether what is about to be installed must not be.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Reinstall | Self::Never)
    }

    /// The remedy where the rule knows no more than its subject.
    pub(crate) fn about(self, subject: Option<&SubjectId>) -> Remedy {
        let subject = subject.cloned();
        match self {
            Self::Lock => Remedy::Lock {
                subject,
                accept: false,
                online: false,
                update: false,
            },
            Self::Review => Remedy::Review {
                subject,
                dependencies: false,
                since: None,
            },
            Self::Online => Remedy::Online,
            Self::Reinstall => Remedy::Reinstall {
                subject,
                spec: None,
            },
            // Without a path there is nothing that could be set.
            Self::Configure | Self::Operator => Remedy::Operator { input: None },
            Self::Never => Remedy::Never,
        }
    }
}

/// The release that the lock holds, to be installed again in place of files that are not the locked ones. It comes from the lock alone:
/// of changed files and of the record beside them nothing is believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Restore {
    /// What to ask OpenClaw for.
    pub spec: String,
    /// The folder of which a copy is worth keeping before, relative to the state directory or absolute: it shows what was done.
    pub folder: String,
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
