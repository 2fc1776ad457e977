//! What is there: every place from which OpenClaw would load code or prompt text. Reads everything, judges nothing.
//!
//! One file a source. Each source turns a place of the state dir, or a part of the config, into [`Subject`]s with the records that
//! OpenClaw keeps about them; whatever is odd becomes an [`Observation`], and a rule decides what it means.

pub(crate) mod context;
mod frontmatter;
mod hooks;
mod ids;
mod mcp;
pub mod mcp_launcher;
mod mcp_spec;
mod paths;
mod skill_hashes;
mod skill_record;
mod skill_roots;
mod skills;
#[cfg(test)]
mod state_tests;

use std::path::PathBuf;

use serde_json::Value;

use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeSpec;

/// What to look at, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state dir (`OPENCLAW_STATE_DIR`).
    pub state_dir: PathBuf,
    /// The host package's folder, named by the operator; its real path is taken. Never derived from the state.
    pub host: Option<PathBuf>,
    /// The state dir is a copy whose records say this path instead.
    pub relocated_from: Option<PathBuf>,
    /// The home folder of the user who runs OpenClaw: `~` in the config, `~/.agents/skills` for the default state dir.
    pub home: Option<PathBuf>,
    /// The config, when it is not `openclaw.json` in the state dir.
    pub config: Option<PathBuf>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// Sorted by id; ids are unique.
    pub subjects: Vec<Subject>,
    /// The host package, when the operator named one.
    pub host: Option<Place>,
    /// What was observed about the installation as a whole.
    pub observations: Vec<Observation>,
    /// What OpenClaw also loads, and nobody here judges.
    pub not_covered: Vec<NotCovered>,
}

/// Something that OpenClaw loads and that is not judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct NotCovered {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// A place on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is now (after `relocated_from` was applied).
    pub absolute: PathBuf,
    /// How it is shown: relative to the state dir with `/`, or absolute when it lies outside. Safe to print.
    pub shown: String,
}

/// One thing that OpenClaw would load.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subject {
    /// Its unique id.
    pub id: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Where it came from.
    pub source: Source,
    /// Plugin id, skill name or MCP server name as its own files or the config say. Untrusted text.
    pub name: String,
    /// Version as its own files say. Untrusted text.
    pub version: Option<String>,
    /// Whether OpenClaw would load it as configured now. Disabled subjects are judged too.
    pub enabled: bool,
    /// Its folder; for an MCP server the file that defines it.
    pub place: Place,
    /// What its digests cover. All empty for MCP servers.
    pub trees: Trees,
    /// What OpenClaw recorded about it.
    pub record: Option<Record>,
    /// Its definition, for an MCP server.
    pub mcp: Option<McpDefinition>,
    /// Install steps that its front matter asks OpenClaw to run, for a skill.
    pub install_steps: Vec<InstallStep>,
    /// What was odd.
    pub observations: Vec<Observation>,
}

/// What the digests of one subject cover; docs/formats.md has the table by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trees {
    /// The subject's own code.
    pub tree: Option<TreeSpec>,
    /// Its dependencies.
    pub dependencies: Option<TreeSpec>,
    /// For the host package in a project install: the packages that npm hoisted beside it.
    pub siblings: Option<TreeSpec>,
}

/// What OpenClaw recorded about an install, field by field as written. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Where the record stands, safe to show: `state/openclaw.sqlite#plugins.installedIndex/<id>` or a file.
    pub place: String,
    /// `source` as written.
    pub source: String,
    /// What was asked for.
    pub spec: Option<String>,
    /// Where it was put, as written.
    pub install_path: Option<String>,
    /// Where it was taken from (path, archive, link, npm-pack).
    pub source_path: Option<String>,
    /// Version at install.
    pub version: Option<String>,
    /// Name that the registry resolved.
    pub resolved_name: Option<String>,
    /// Version that the registry resolved.
    pub resolved_version: Option<String>,
    /// `name@version` that the registry resolved.
    pub resolved_spec: Option<String>,
    /// SRI of the archive.
    pub integrity: Option<String>,
    /// SHA-1 of the archive, hex.
    pub shasum: Option<String>,
    /// `npm-pack` and the like.
    pub artifact_kind: Option<String>,
    /// Address of the git repository.
    pub git_url: Option<String>,
    /// Branch, tag or commit that was asked for.
    pub git_ref: Option<String>,
    /// Commit that was checked out.
    pub git_commit: Option<String>,
    /// Registry address, for ClawHub.
    pub registry: Option<String>,
    /// The whole record, for what is rarely needed.
    pub raw: Value,
}

/// An MCP server as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpDefinition {
    /// The entry as written. Holds secrets: never shown, never written out.
    pub raw: Value,
    /// `definition` of the lock: the digest of the parts that decide what runs. docs/formats.md has the rule.
    pub digest: crate::digest::Sha256Digest,
    /// The command line or address without secrets, for people and for the lock's `spec`.
    pub spec: String,
}

/// One `metadata.openclaw.install` entry of a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallStep {
    /// `node`, `brew`, `go`, `uv`, `download`, or what else was written.
    pub kind: String,
    /// Package, module, formula or address.
    pub target: String,
    /// `sha256` of a download, as written.
    pub sha256: Option<String>,
}

/// Something odd that was seen. Rules give it a meaning and a level.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Record, package.json, package-lock or HEAD disagree, about `what`.
    RecordConflict {
        /// The field: `name`, `version`, `integrity`, `commit`, `hash` …
        what: &'static str,
        /// What the record says, safe to show.
        recorded: String,
        /// What the disk says, safe to show.
        found: String,
        /// Only a warning: the algorithm cannot be reproduced with certainty.
        advisory: bool,
    },
    /// A recorded path is not at its canonical place in the state dir.
    OutsideState {
        /// The recorded path, safe to show.
        recorded: String,
        /// The canonical place, safe to show.
        canonical: String,
    },
    /// A record names a folder that is not there.
    MissingFolder {
        /// The path, safe to show.
        path: String,
    },
    /// OpenClaw would load it, and has no record of it.
    NoRecord {
        /// How it was found: `extensions`, `npm/projects`, `hooks` …
        place: &'static str,
    },
    /// It hides another subject of the same name.
    Shadows {
        /// The hidden subject.
        hidden: SubjectId,
    },
    /// An old generation of the same plugin is still on disk.
    StaleGeneration {
        /// Its folder, safe to show.
        path: String,
    },
    /// Node would search this folder, and it belongs to no subject.
    AncestorNodeModules {
        /// The folder, safe to show.
        path: String,
    },
    /// A variable that makes OpenClaw or Node load other code is set.
    LoadOverride {
        /// The variable.
        variable: String,
        /// Where it is set, safe to show.
        place: String,
    },
    /// An entry point, skill or hook resolves to a place that no digest covers, or outside the subject.
    EntryEscapes {
        /// What was declared, safe to show.
        entry: String,
        /// Where it leads, safe to show.
        target: String,
    },
    /// A record has no digest where its kind carries one, or a weak or malformed one.
    BadIntegrity {
        /// What is wrong, safe to show.
        why: String,
    },
    /// A file of OpenClaw is of a newer or unknown format.
    UnsupportedSchema {
        /// The file or table, safe to show.
        place: String,
        /// What was found, safe to show.
        found: String,
    },
    /// A folder layout that is not understood.
    UnknownLayout {
        /// The folder, safe to show.
        place: String,
        /// What was found, safe to show.
        found: String,
    },
    /// Something that OpenClaw reads could not be read, or not as what it should be.
    Unreadable {
        /// The file or folder, safe to show.
        place: String,
        /// Why, safe to show.
        why: String,
    },
    /// The same key twice in a file of OpenClaw, of which OpenClaw takes the last.
    DuplicateKey {
        /// The file, safe to show.
        place: String,
        /// The key, safe to show.
        key: String,
    },
}
