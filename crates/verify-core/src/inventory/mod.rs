//! What is there: every place from which OpenClaw would load code or prompt text. Reads everything, judges nothing.
//!
//! One file a source. Each source turns a place of the state directory, or a part of the config, into [`Subject`]s with the records that
//! OpenClaw keeps about them; whatever is odd becomes an [`Observation`], and a rule decides what it means.

mod agents;
mod ancestors;
mod automation;
mod bundles;
mod config;
pub(crate) mod context;
mod core;
mod environment;
mod extensions;
pub(crate) mod frontmatter;
mod git_checkout;
mod git_spec;
mod hooks;
mod host_layout;
mod ids;
mod index;
mod listing;
mod load_paths;
pub(crate) mod locked;
mod mcp;
mod mcp_local;
pub(crate) mod mcp_spec;
mod not_covered;
mod npm_config;
mod npm_project;
mod other_host;
pub(crate) mod packed;
mod paths;
mod planted;
mod plugin;
mod records;
mod roots;
mod runtime;
mod services;
mod settings;
mod skill_hashes;
mod skill_record;
mod skill_roots;
mod skills;
pub(crate) mod staged;
#[cfg(test)]
mod state_tests;
mod steering;
mod unique;

use std::path::PathBuf;

use serde_json::Value;

pub use self::listing::{Class, Listing};
use crate::digest::Sha256Digest;
use crate::error::{Error, Input};
use crate::launcher::{self, Launch};
use crate::policy::{LocalFiles, LocalRules};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeSpec;

use self::context::{Context, Found, PluginRoot};
pub(crate) use self::git_checkout::repository as git_repository;
use self::paths::Paths;
use self::records::{Known, Plugin, Scan};

/// Reads the whole installation. Opens nothing for writing, and runs nothing.
///
/// # Errors
/// [`Error::NothingToVerify`] when there is no state directory, [`Error::Environment`] when it, or the host package that the operator named,
/// is no folder that can be read. Whatever is wrong *inside* the state directory is an [`Observation`].
pub fn read(options: &InventoryOptions) -> crate::error::Result<Inventory> {
    let paths = open(options)?;
    let mut inventory = Inventory {
        looks_outside: paths.not_here().is_none(),
        host_wrapper: options.host_wrapper.clone(),
        ..Inventory::default()
    };
    let host = host(options, &paths)?;
    let given = &options.state_dir;
    let options = InventoryOptions {
        state_dir: paths.state.clone(),
        host: host.clone(),
        ..options.clone()
    };

    let mut config = config::read(&paths, options.config.as_deref())?;
    paths.know(&options.variables, &config.value);
    let other = options.other_state.iter();
    inventory
        .observations
        .extend(other.map(|folder| Observation::OtherState {
            place: crate::text::visible(&folder.to_string_lossy()).into_owned(),
        }));
    if paths.home.is_none() && paths.not_here().is_none() {
        inventory.observations.push(Observation::NoHome {
            what: "~/.agents/skills, units of the user's service manager, ~/.npmrc".to_owned(),
        });
    }
    let workspaces = config::workspaces(&paths, &mut config, options.workspace.as_deref());
    roots::follow(&paths, given, &workspaces, &mut inventory);
    let mut index = index::read(&paths)?;
    inventory.observations.append(&mut config.observations);
    inventory.observations.append(&mut index.observations);
    inventory
        .observations
        .extend(environment::read(&paths, &config.value, &config.shown));

    let activation = plugin::Activation::new(&config);
    let scan = Scan {
        paths: &paths,
        index: &index,
        activation: &activation,
        config: &config.value,
        config_shown: &config.shown,
        workspaces: &workspaces,
        host: host.as_deref(),
    };
    let plugins = plugins(&scan, &mut inventory.observations);
    let older = index
        .older
        .clone()
        .or_else(|| older_records(&paths, &config.value, &index));
    let unknown = index.unknown || older.is_some();
    let last = config::string(config.value.pointer("/meta/lastTouchedVersion"));
    inventory.observations.extend(older.map(|found| {
        let by = last.map_or(String::new(), |version| {
            format!(
                "; OpenClaw {} wrote them last",
                crate::text::excerpt(version, 40)
            )
        });
        Observation::StateTooOld { found: found + &by }
    }));
    inventory.records_unknown = unknown;
    if let Some(host) = &host {
        inventory.subjects.push(core::read(
            &paths.outside_copy(),
            host,
            &mut inventory.not_covered,
        ));
        inventory.host = Some(paths.place(host));
    }
    inventory
        .not_covered
        .extend(language_servers(&scan, &plugins));
    let roots = roots(&plugins);
    inventory
        .subjects
        .extend(plugins.into_iter().map(|plugin| plugin.subject));

    let context = Context {
        options: &options,
        paths: &paths,
        config: &config.value,
        workspaces: &workspaces,
    };
    let found: [Found; 3] = [
        skills::read(&context, &roots),
        hooks::read(&context, &roots, &index.hooks),
        mcp::read(&context, &roots),
    ];
    for found in found {
        inventory.subjects.extend(found.subjects);
        inventory.observations.extend(found.observations);
        inventory.not_covered.extend(found.not_covered);
    }

    let observations = &mut inventory.observations;
    let own = [
        settings::read(&paths, &config, &index.steering, observations),
        runtime::read(&paths, observations),
    ];
    inventory.subjects.extend(own.into_iter().flatten());
    inventory
        .subjects
        .extend(automation::read(&paths, &index.steering));
    inventory
        .subjects
        .extend(agents::read(&paths, &workspaces, observations));
    inventory
        .subjects
        .extend(services::read(&paths, host.as_deref(), observations));
    for variable in &index.steering.environment {
        let place = format!("{}#secret_store_entries", index::shown(&paths));
        observations.extend(environment::judged(variable, "?", place));
    }
    npm_config::read(&paths, &workspaces, observations);
    planted::read(
        &paths,
        &config,
        options.tmp.as_deref(),
        options.now,
        observations,
    );
    let staged = planted::staged(&paths).into_iter();
    inventory.staged = staged.map(|folder| paths.place(&folder)).collect();

    if let (Some(host), None) = (&host, paths.not_here()) {
        other_host::read(&paths, host, &mut inventory, std::path::Path::new("/proc"));
    }
    unique::ids(inventory.subjects.iter_mut());
    inventory.subjects.sort_by(|a, b| a.id.cmp(&b.id));
    ancestors::read(&paths, &mut inventory);
    if inventory.records_unknown {
        for subject in &mut inventory.subjects {
            subject
                .observations
                .retain(|found| !matches!(found, Observation::NoRecord { .. }));
        }
    }
    inventory.not_covered.extend(not_covered::always());
    inventory.not_covered.sort();
    inventory.not_covered.dedup();
    Ok(inventory)
}

/// The workspace folders of all agents, whether they exist or not. What lies in them is under test, so the operator's own files are
/// never taken from there.
#[must_use]
pub fn workspaces(options: &InventoryOptions) -> Vec<PathBuf> {
    let Ok(paths) = open(options) else {
        return Vec::new();
    };
    let Ok(mut config) = config::read(&paths, options.config.as_deref()) else {
        return Vec::new();
    };
    paths.know(&options.variables, &config.value);
    config::workspaces(&paths, &mut config, options.workspace.as_deref())
        .into_iter()
        .map(|workspace| workspace.folder)
        .collect()
}

fn open(options: &InventoryOptions) -> crate::error::Result<Paths> {
    let shown = options.state_dir.display();
    match std::fs::metadata(&options.state_dir) {
        Ok(metadata) if metadata.is_dir() => Paths::new(options)
            .map_err(|error| Error::io("resolve the state directory", &options.state_dir, error)),
        Ok(_) => Err(Error::needs(
            format!("the state directory {shown} is not a folder"),
            "name OpenClaw's state directory",
            Input::StateDir,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NothingToVerify {
            what: format!("there is no OpenClaw state directory at {shown}"),
            help: Some("name it".to_owned()),
            needs: Some(Input::StateDir),
        }),
        Err(error) => Err(Error::io(
            "look at the state directory",
            &options.state_dir,
            error,
        )),
    }
}

/// The host package's real path. In a copy it may not be the original's.
fn host(options: &InventoryOptions, paths: &Paths) -> crate::error::Result<Option<PathBuf>> {
    let Some(host) = &options.host else {
        return Ok(None);
    };
    let real = std::fs::canonicalize(host)
        .map_err(|error| Error::io("resolve the host package", host, error))?;
    let help = "name the folder of the package `openclaw`";
    if !real.is_dir() {
        return Err(Error::needs(
            format!("the host package {} is not a folder", host.display()),
            help,
            Input::Host,
        ));
    }
    if paths
        .relocated_from
        .as_ref()
        .is_some_and(|old| real.starts_with(old))
    {
        return Err(Error::needs(
            format!(
                "the host package {} lies in the original of the copy",
                host.display()
            ),
            help,
            Input::Host,
        ));
    }
    Ok(Some(real))
}

/// Every plugin and bundle, recorded ones first.
fn plugins(scan: &Scan<'_>, observations: &mut Vec<Observation>) -> Vec<Plugin> {
    let mut plugins = records::read(scan, observations);
    let found = npm_project::unrecorded(scan, &mut plugins, observations);
    plugins.extend(found);
    let found = load_paths::read(scan, &Known::of(&plugins), observations);
    plugins.extend(found);
    let found = extensions::read(scan, &Known::of(&plugins), observations);
    plugins.extend(found);
    unique::ids(plugins.iter_mut().map(|plugin| &mut plugin.subject));
    unique::shadows(&mut plugins, scan.host);
    plugins
}

/// Records of installs where OpenClaw kept them before they moved into the database. [M 2026.3 to 2026.8]
fn older_records(paths: &Paths, config: &Value, index: &index::Index) -> Option<String> {
    if !index.records.is_empty() {
        return None;
    }
    let in_config = config
        .pointer("/plugins/installs")
        .and_then(Value::as_object)
        .is_some_and(|installs| !installs.is_empty());
    let file = paths.state.join("plugins/installs.json");
    if in_config {
        Some("the records of installs are in the config (plugins.installs)".to_owned())
    } else if paths.kind(&file) != paths::Kind::Nothing {
        Some("the records of installs are in plugins/installs.json".to_owned())
    } else {
        None
    }
}

fn language_servers(scan: &Scan<'_>, plugins: &[Plugin]) -> Vec<NotCovered> {
    let bundles = plugins.iter().filter_map(|plugin| {
        Some((
            plugin,
            plugin
                .files
                .as_ref()
                .filter(|files| files.bundle.is_some())?,
        ))
    });
    let bundles = bundles.filter(|(_, files)| {
        bundles::has_language_servers(scan.paths, &files.folder, &files.manifest)
    });
    let entry = |(plugin, _): (&Plugin, _)| {
        NotCovered::new(
            format!("language servers of {}", plugin.subject.id),
            "they are commands of the bundle; only their definition is part of its digest",
        )
    };
    bundles.map(entry).collect()
}

fn roots(plugins: &[Plugin]) -> Vec<PluginRoot> {
    let root = |plugin: &Plugin| {
        let files = plugin.files.as_ref()?;
        Some(PluginRoot {
            subject: plugin.subject.id.clone(),
            plugin_id: plugin.subject.name.clone(),
            kind: plugin.subject.kind,
            folder: files.folder.clone(),
            manifest: files.manifest.clone(),
            enabled: plugin.subject.enabled,
        })
    };
    plugins.iter().filter_map(root).collect()
}

/// What to look at, and how.
#[derive(Clone, Debug)]
pub struct InventoryOptions {
    /// The state directory (`OPENCLAW_STATE_DIR`).
    pub state_dir: PathBuf,
    /// The host package's folder, named by the operator; its real path is taken. Never derived from the state.
    pub host: Option<PathBuf>,
    /// What starts OpenClaw where that is no link into a package, and so tells nothing about the host package. Safe to show.
    pub host_wrapper: Option<String>,
    /// The state directory is a copy whose records say this path instead.
    pub relocated_from: Option<PathBuf>,
    /// The home folder of the user who runs OpenClaw: `~` in the config, `~/.agents/skills` for the default state directory.
    pub home: Option<PathBuf>,
    /// The config, when it is not `openclaw.json` in the state directory.
    pub config: Option<PathBuf>,
    /// The temporary folder of the user who runs OpenClaw.
    pub tmp: Option<PathBuf>,
    /// Seconds since the epoch: what is newer lies in the future.
    pub now: i64,
    /// The default workspace, where the config names none (`OPENCLAW_WORKSPACE_DIR`).
    pub workspace: Option<PathBuf>,
    /// Values of variables that paths in the config name, as OpenClaw's own environment has them.
    pub variables: Vec<(String, String)>,
    /// What policy says of the local files of MCP servers.
    pub local: LocalRules,
    /// A state directory at the default place, where the caller's environment chose another one.
    pub other_state: Option<PathBuf>,
}

impl InventoryOptions {
    /// A state directory, and nothing else: no host package, no copy, at the epoch.
    #[must_use]
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            host: None,
            host_wrapper: None,
            relocated_from: None,
            home: None,
            config: None,
            tmp: None,
            now: i64::MAX,
            workspace: None,
            variables: Vec::new(),
            local: LocalRules::default(),
            other_state: None,
        }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// Sorted by id; ids are unique.
    pub subjects: Vec<Subject>,
    /// The host package, when the operator named one.
    pub host: Option<Place>,
    /// What starts OpenClaw in place of a link to the host package. Safe to show.
    pub host_wrapper: Option<String>,
    /// What was observed about the installation as a whole.
    pub observations: Vec<Observation>,
    /// What OpenClaw also loads, and what is not judged here.
    pub not_covered: Vec<NotCovered>,
    /// Folders of the state directory that are links, and were followed.
    pub linked_roots: Vec<LinkedRoot>,
    /// Folders of copies: each file in them has to equal one of a subject.
    pub(crate) staged: Vec<Place>,
    /// Whether places outside the state directory were looked at: not for a copy.
    pub(crate) looks_outside: bool,
    /// What was installed is not known, so nothing may be said that needs it: no `unrecorded`, no `not-installed`, no new lock.
    pub(crate) records_unknown: bool,
}

impl Inventory {
    /// One subject, and nothing else.
    pub(crate) fn of(subject: Subject) -> Self {
        Self {
            subjects: vec![subject],
            ..Self::default()
        }
    }
}

/// Something that OpenClaw loads and that is not judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct NotCovered {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Patterns of its places, below a named root: `<state>/logs/**`. None where it is no place of a known name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub places: Vec<String>,
}

impl NotCovered {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            places: Vec::new(),
        }
    }
}

/// The state directory, or a folder in it, that is a link to another place of the same owner.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct LinkedRoot {
    /// The state directory as the caller gave it, or the name of the folder below it. Safe to show.
    pub link: String,
    /// The real path that it leads to. Safe to show.
    pub target: String,
}

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
    /// What was odd.
    pub observations: Vec<Observation>,
}

impl Subject {
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
    pub digest: Sha256Digest,
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
    /// Two folders of the state directory are links to one place.
    SharedRoot {
        /// Their names.
        roots: [String; 2],
        /// The place, safe to show.
        target: String,
    },
    /// A recorded path is not at its canonical place in the state directory.
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
        /// The host package or a plugin lies in it, so it cannot simply be removed.
        holds: Option<SubjectId>,
        /// A plugin that is loaded from where it is developed, in the project of this folder.
        developed: Option<SubjectId>,
        /// Where links in the folder lead, one line each, safe to show; some of many.
        links: Vec<String>,
    },
    /// A variable that makes OpenClaw or Node load other code is set.
    LoadOverride {
        /// The variable.
        variable: String,
        /// Where it is set, safe to show.
        place: String,
        /// It loads no code by itself: it says from where something is fetched or to whom it is sent.
        redirects: bool,
    },
    /// Code or state in a place of OpenClaw's own that OpenClaw did not put there, or from which it would load more.
    Unexplained {
        /// What kind of place.
        hazard: Hazard,
        /// The place, safe to show.
        place: String,
        /// What is wrong with it, safe to show.
        why: String,
        /// Only worth a look.
        weak: bool,
    },
    /// The caller's environment chose a state directory, and the default place holds one too.
    OtherState {
        /// That one, safe to show.
        place: String,
    },
    /// A container image by a name that can mean another one tomorrow.
    UnpinnedImage {
        /// The key of the config, safe to show.
        key: String,
        /// The image, safe to show.
        image: String,
    },
    /// Something starts another host package than the one that is judged.
    OtherHost {
        /// What starts it, safe to show.
        place: String,
        /// The package that it starts, safe to show.
        found: String,
        /// The package that is judged, safe to show.
        judged: String,
    },
    /// The home folder of the user who runs OpenClaw is not known.
    NoHome {
        /// What lies there and was not looked at, safe to show.
        what: String,
    },
    /// Places outside the state directory say nothing of this OpenClaw.
    NotHere {
        /// What was not looked at, safe to show.
        what: String,
        /// Why not, safe to show.
        why: String,
    },
    /// A file tells npm from where code comes or what runs it.
    NpmConfig {
        /// The file, safe to show.
        place: String,
        /// The setting, safe to show.
        setting: String,
        /// The registry that it names, safe to show; none for another setting.
        registry: Option<String>,
    },
    /// A cache of compiled code, which runs in place of the sources and cannot be recomputed.
    CompileCache {
        /// The folder, safe to show.
        place: String,
        /// Why another user could write it, safe to show; none when only the owner can.
        writable: Option<String>,
    },
    /// A state of an OpenClaw whose records are not read.
    StateTooOld {
        /// What was found, safe to show.
        found: String,
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
    /// The state directory is a copy, and this path lies outside it: not read, so nothing is established about it.
    NotInCopy {
        /// Where the path is written, safe to show.
        place: String,
        /// The path, safe to show.
        path: String,
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
    /// Front matter of a skill that is not what OpenClaw expects. It passes over such a skill, or over its metadata.
    FrontMatter {
        /// The file, safe to show.
        place: String,
        /// Why, safe to show.
        why: String,
        /// What was not read names a key of an install step.
        may_install: bool,
    },
    /// OpenClaw finds the skill, and never loads it.
    NotLoaded {
        /// Why.
        why: &'static str,
    },
    /// The same key twice in a file of OpenClaw, of which OpenClaw takes the last.
    DuplicateKey {
        /// The file, safe to show.
        place: String,
        /// The key, safe to show.
        key: String,
    },
}

/// Places of OpenClaw's own from which code or state is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hazard {
    /// A `node_modules` that Node would search from a staging copy.
    StagingModules,
    /// A copy of code that equals nothing that was judged.
    StagedCode,
    /// A snapshot that a shell would source.
    ShellSnapshot,
    /// A trigger or view of the database.
    DatabaseCode,
    /// A copy of the config that OpenClaw would restore.
    ConfigBackup,
    /// Compiled code that is not what its source says.
    CompiledCode,
}

impl Hazard {
    /// The code of the finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StagingModules => "staging-modules",
            Self::StagedCode => "staged-code",
            Self::ShellSnapshot => "shell-snapshot",
            Self::DatabaseCode => "database-code",
            Self::ConfigBackup => "config-backup",
            Self::CompiledCode => "compiled-code",
        }
    }
}

/// How the server of an entry as written in a config starts.
#[cfg(test)]
pub(crate) fn launch_of(raw: Value) -> Launch {
    mcp::define(raw).launch()
}
