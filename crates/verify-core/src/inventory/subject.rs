//! One thing that OpenClaw would load, and everything that its files, OpenClaw's records and npm say of it. Their texts are untrusted.

use std::path::PathBuf;

use serde_json::Value;

use super::{Listing, NodeRuntime, Observation, ToolRecord, mcp, mcp_spec};
use crate::digest::Sha256Digest;
use crate::launcher::{self, Launch};
use crate::lock::LockedPackage;
use crate::policy::LocalFiles;
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeSpec;

/// A place on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is now (after `relocated_from` was applied).
    pub absolute: PathBuf,
    /// How it is shown: relative to the state directory with `/`, or absolute when it lies outside. Safe to print.
    pub shown: String,
}

/// One thing that OpenClaw would load.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subject {
    /// Its unique id.
    pub id: SubjectId,
    /// Other ids that it may get once it is installed. Empty for what is installed.
    pub may_become: Vec<SubjectId>,
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
    /// What it starts, where that is no MCP server.
    pub definition: Option<Listing>,
    /// What of it steers or guards.
    pub settings: Option<Listing>,
    /// What of it reaches the model as text.
    pub instructions: Option<Listing>,
    /// Install steps that its front matter asks OpenClaw to run, for a skill.
    pub install_steps: Vec<InstallStep>,
    /// What npm recorded about the subject and its dependencies, where a lockfile of npm is there.
    pub npm: Option<NpmProject>,
    /// Local code that its definition starts and no digest holds, where it is no MCP server: why not, safe to show.
    pub not_hashed: Vec<String>,
    /// The Node.js that runs it, where something says which: a unit, a running gateway, the runtime itself.
    pub node: Option<NodeRuntime>,
    /// What other tools wrote down about it, for a skill. Never evidence.
    pub tool_records: Vec<ToolRecord>,
    /// The number of the entry of `plugins.load.paths` that names its folder, where one does.
    pub load_path: Option<usize>,
    /// What was odd.
    pub observations: Vec<Observation>,
}

/// How the names of the folders begin into which OpenClaw installs before it moves what is there to its place.
pub(crate) const INSTALL_STAGE: &str = ".openclaw-install-stage-";

impl Subject {
    /// Whether it lies in the folder of an install that has not ended: one that runs, or one that was cut off.
    pub(crate) fn is_being_installed(&self) -> bool {
        let names = self.place.absolute.iter();
        names
            .map(std::ffi::OsStr::as_encoded_bytes)
            .any(|name| name.starts_with(INSTALL_STAGE.as_bytes()))
    }

    /// Whether it lies outside the copy of the state directory that is judged.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.trees.tree.is_none()
            && self
                .observations
                .iter()
                .any(|observation| matches!(observation, Observation::NotInCopy { .. }))
    }

    /// A subject of which nothing more is known than what and where it is.
    #[must_use]
    pub fn new(id: SubjectId, kind: Kind, source: Source, place: Place) -> Self {
        let name = id.name().to_owned();
        Self {
            id,
            may_become: Vec::new(),
            kind,
            source,
            name,
            version: None,
            enabled: true,
            place,
            trees: Trees::default(),
            npm: None,
            record: None,
            mcp: None,
            definition: None,
            settings: None,
            instructions: None,
            install_steps: Vec::new(),
            not_hashed: Vec::new(),
            node: None,
            load_path: None,
            tool_records: Vec::new(),
            observations: Vec::new(),
        }
    }

    /// The digest of what it starts.
    #[must_use]
    pub fn definition_digest(&self) -> Option<Sha256Digest> {
        let own = self.definition.as_ref().map(Listing::digest);
        own.or_else(|| self.mcp.as_ref().map(|mcp| mcp.digest))
    }

    /// The digest of what of it steers or guards.
    #[must_use]
    pub fn settings_digest(&self) -> Option<Sha256Digest> {
        self.settings.as_ref().map(Listing::digest)
    }

    /// The digest of what of it reaches the model as text.
    #[must_use]
    pub fn instructions_digest(&self) -> Option<Sha256Digest> {
        self.instructions.as_ref().map(Listing::digest)
    }

    /// Whether it is of a kind that a lock of the first revision could not hold.
    pub(crate) fn is_of_settings(&self) -> bool {
        matches!(
            self.kind,
            Kind::Config | Kind::Automation | Kind::Agent | Kind::Runtime | Kind::Service
        )
    }

    /// Whether it is more than files: a definition, settings or instructions.
    pub(crate) fn is_defined(&self) -> bool {
        self.mcp.is_some()
            || self.definition.is_some()
            || self.settings.is_some()
            || self.instructions.is_some()
    }

    /// The version that was recorded at install; only where there is no record, the one that its own files claim. Safe to show, at most
    /// 200 characters.
    #[must_use]
    pub fn recorded_version(&self) -> Option<String> {
        let record = self.record.as_ref();
        let recorded =
            record.and_then(|record| record.resolved_version.as_ref().or(record.version.as_ref()));
        recorded
            .or(self.version.as_ref())
            .map(|version| crate::text::excerpt(version, 200))
    }

    /// What a reinstall would ask for, as a lock holds it: without places of this machine.
    pub(crate) fn lockable_spec(&self) -> Option<String> {
        if let Some(mcp) = &self.mcp {
            return Some(mcp.spec.clone());
        }
        let record = self.record.as_ref()?;
        match self.source {
            Source::Npm | Source::Clawhub => record
                .spec
                .as_deref()
                .filter(|spec| !spec.contains(":/"))
                .map(|spec| crate::text::excerpt(spec, 300)),
            // The id is the repository without scheme and path of this machine.
            Source::Git => Some(match record.git_ref.as_deref() {
                Some(reference) => format!("{}@{}", self.id, crate::text::excerpt(reference, 200)),
                None => self.id.to_string(),
            }),
            _ => None,
        }
    }
}

impl Subject {
    /// Whether OpenClaw's own record shows that another release was installed than the locked one: what a plain lock takes over. Without
    /// a record the version is only what the files claim about themselves.
    #[must_use]
    pub fn is_update_of(&self, locked: &LockedPackage) -> bool {
        let version = self.recorded_version();
        let moved = version.is_some() && locked.version.is_some() && version != locked.version;
        let record = self.record.as_ref();
        let same_origin = self.source == locked.source && self.kind == locked.kind;
        same_origin
            && match self.source {
                Source::Npm
                | Source::NpmPack
                | Source::Clawhub
                | Source::Path
                | Source::Archive => {
                    let archive = record.and_then(|record| record.integrity.as_deref());
                    let archive = archive.and_then(|text| text.parse().ok());
                    moved && (locked.archive.is_none() || locked.archive != archive)
                }
                Source::Git => {
                    let commit = record.and_then(|record| record.git_commit.as_deref());
                    let commit = commit.and_then(|text| text.parse().ok());
                    moved && locked.commit != commit
                }
                Source::Link | Source::Load | Source::Config | Source::Unrecorded => false,
            }
    }
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

impl Trees {
    /// Those that there are.
    pub(crate) fn all(&self) -> impl Iterator<Item = &TreeSpec> {
        let all = [&self.tree, &self.dependencies, &self.siblings];
        all.into_iter().flatten()
    }
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
    pub digest: Sha256Digest,
    /// Of a server that is switched off in the config: the digests that it has when it is on, which is said in two ways.
    pub(crate) when_on: Vec<Sha256Digest>,
    /// The command line or address without secrets, for people and for the lock's `spec`.
    pub spec: String,
    /// What `${HOME}` means in the config, where that is the home directory of the user who runs OpenClaw.
    pub(crate) home: Option<String>,
    /// Local code that the command line starts and no digest holds: why not, safe to show.
    pub not_hashed: Vec<String>,
    /// Which local files policy wants hashed, where a rule says so.
    pub local: Option<LocalFiles>,
}

impl McpDefinition {
    /// How the server starts, as far as its command line tells.
    #[must_use]
    pub fn launch(&self) -> Launch {
        launcher::classify(&mcp::canonical(&self.raw), self.home.as_deref())
    }

    /// Whether its text tells what would run. The lock's may be cut, and a version or a digest may be among the secrets that were taken out.
    pub(crate) fn is_told(&self) -> bool {
        if self.raw.is_null() {
            return false;
        }
        let is_exact = |raw: Value| {
            let told = Self {
                raw,
                ..self.clone()
            };
            matches!(told.launch(), Launch::Exact { .. })
        };
        is_exact(self.raw.clone()) || !mcp_spec::with_pins(&self.raw).any(is_exact)
    }
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

/// What npm's lockfile says about an installed tree. Untrusted text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NpmProject {
    /// `package-lock.json`, or npm's hidden `node_modules/.package-lock.json` where there is no other.
    pub lockfile: Place,
    /// Its entries without the project itself, sorted by path.
    pub packages: Vec<NpmPackage>,
}

/// One entry of npm's lockfile, field by field as written. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NpmPackage {
    /// Key of the entry: the folder relative to the lockfile's, such as `node_modules/@acme/a/node_modules/b`.
    pub path: String,
    /// The package's name: `name` where the entry has one (an alias), else what follows the last `node_modules/`.
    pub name: String,
    /// `version`.
    pub version: Option<String>,
    /// `resolved`: an address, `file:…` or `git+…`. npm may leave it out.
    pub resolved: Option<String>,
    /// `integrity`.
    pub integrity: Option<String>,
    /// `inBundle`: came inside the archive of another package, so it has no address and no integrity of its own.
    pub in_bundle: bool,
    /// `hasInstallScript`.
    pub has_install_script: bool,
    /// `link`: a symlink to a folder of the same project.
    pub link: bool,
    /// `optional`: may be missing on disk.
    pub optional: bool,
}
