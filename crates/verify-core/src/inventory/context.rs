//! What every source of the inventory is given, and what it gives back.

use std::path::PathBuf;

use serde_json::Value;

use super::paths::Paths;
use super::{InventoryOptions, NotCovered, Observation, Subject};
use crate::subject::{Kind, SubjectId};

/// The state directory's options and config, as every source needs them.
pub(crate) struct Context<'a> {
    /// What to look at.
    pub options: &'a InventoryOptions,
    /// The places that the options name, resolved.
    pub(super) paths: &'a Paths,
    /// The config after `$include`; an empty object when there is none.
    pub config: &'a Value,
    /// The workspaces of all agents, the default one first.
    pub workspaces: &'a [Workspace],
    /// Folders in which units start OpenClaw.
    pub started_in: &'a [PathBuf],
    /// Prefixes of what npm installed globally.
    pub prefixes: &'a [PathBuf],
}

/// One agent's workspace folder.
pub(crate) struct Workspace {
    /// The agent's id; none for the default workspace.
    pub agent: Option<String>,
    /// The folder, which need not exist.
    pub folder: PathBuf,
}

/// A plugin or bundle whose files may declare skills, hooks and MCP servers of their own.
pub(crate) struct PluginRoot {
    /// The plugin's subject.
    pub subject: SubjectId,
    /// Its id in OpenClaw. Untrusted text.
    pub plugin_id: String,
    /// [`Kind::Plugin`] or [`Kind::Bundle`].
    pub kind: Kind,
    /// Its folder.
    pub folder: PathBuf,
    /// `openclaw.plugin.json`, or the bundle's manifest; null when there is none.
    pub manifest: Value,
    /// Whether OpenClaw would load it.
    pub enabled: bool,
}

/// Programs that something starts and that read files of the home folder before their own work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HomeReaders {
    /// A Python with the packages of the user.
    pub python: bool,
    /// Docker's command.
    pub docker: bool,
}

impl HomeReaders {
    pub(crate) fn join(&mut self, other: Self) {
        self.python |= other.python;
        self.docker |= other.docker;
    }
}

/// What one source found.
#[derive(Default)]
pub(crate) struct Found {
    /// Subjects, in any order.
    pub subjects: Vec<Subject>,
    /// What was observed about the installation as a whole.
    pub observations: Vec<Observation>,
    /// What OpenClaw also loads, and what is not judged here.
    pub not_covered: Vec<NotCovered>,
    /// Temporary folders that units state for what they start.
    pub temporary: Vec<PathBuf>,
    /// What of it reads files of the home folder.
    pub reads: HomeReaders,
}

impl Context<'_> {
    /// The value at a path of keys of the config; null when any is missing.
    pub(crate) fn config_at(&self, keys: &[&str]) -> &Value {
        keys.iter().fold(self.config, |value, key| {
            value.get(key).unwrap_or(&Value::Null)
        })
    }
}
