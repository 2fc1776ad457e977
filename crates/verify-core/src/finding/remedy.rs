//! What clears a finding, as data.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Input;
use crate::subject::SubjectId;

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
