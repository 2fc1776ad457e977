//! What is there: every place from which OpenClaw would load code or prompt text. Reads everything, judges nothing.
//!
//! One file a source. Each source turns a place of the state directory, or a part of the config, into [`Subject`]s with the records that
//! OpenClaw keeps about them; whatever is odd becomes an [`Observation`], and a rule decides what it means.

mod agents;
mod ancestors;
mod automation;
mod bundles;
mod config;
mod config_folder;
pub(crate) mod context;
mod copied;
mod core;
mod environment;
mod extensions;
pub(crate) mod frontmatter;
mod git_checkout;
mod git_spec;
mod grants;
mod home_runtimes;
mod hooks;
mod host_command;
mod host_layout;
mod ids;
mod index;
mod listing;
mod load_paths;
pub(crate) mod locked;
pub(crate) mod machine;
mod mcp;
mod mcp_local;
mod mcp_settings;
pub(crate) mod mcp_spec;
mod memory;
mod node;
mod not_covered;
mod npm_config;
mod npm_lockfile;
mod npm_project;
mod obeyed;
mod observation;
mod other_host;
mod ownership;
pub(crate) mod packed;
mod paths;
mod planted;
mod plugin;
mod records;
mod roots;
mod runtime;
mod search_path;
mod services;
mod settings;
mod skill_hashes;
mod skill_record;
mod skill_roots;
mod skills;
mod sources;
pub(crate) mod staged;
mod started;
#[cfg(test)]
mod state_tests;
mod steering;
mod subject;
mod table;
mod tmp_folders;
mod tool_records;
mod unique;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(test)]
use serde_json::Value;

pub use self::config_folder::holds_code as config_folder_holds_code;
pub use self::host_command::{HostCommand, owner_of};
pub use self::listing::{Class, Listing};
pub use self::machine::given::{GivenFile, MachineFiles};
pub use self::memory::{Memory, Places};
pub use self::node::NodeRuntime;
pub use self::not_covered::{NotCovered, NotCoveredGroup};
pub use self::observation::{Hazard, Observation, Setting, VariableEffect};
pub(crate) use self::subject::INSTALL_STAGE;
pub use self::subject::{
    InstallStep, McpDefinition, NpmPackage, NpmProject, Place, Record, Subject, Trees,
};
pub use self::tool_records::{Agreement, ToolRecord};
use crate::error::{Error, Input};
#[cfg(test)]
use crate::launcher::Launch;
use crate::policy::LocalRules;
use crate::tree::LeaveOut;

pub(crate) use self::git_checkout::repository as git_repository;
use self::paths::Paths;
pub(crate) use self::paths::home_of;
use self::sources::Sources;

/// Reads the whole installation. Opens nothing for writing, and runs nothing.
///
/// # Errors
/// [`Error::NothingToVerify`] when there is no state directory, [`Error::Environment`] when it, or the host package that the operator named,
/// is no folder that can be read. Whatever is wrong *inside* the state directory is an [`Observation`].
pub fn read(options: &InventoryOptions) -> crate::error::Result<Inventory> {
    let paths = open(options)?;
    let mut inventory = Inventory {
        looks_outside: paths.not_here().is_none(),
        host_wrapper: options
            .host_command
            .as_ref()
            .and_then(|command| command.unknown.clone()),
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
    inventory.observations.extend(not_given(&options, &paths));
    let workspaces = config::workspaces(&paths, &mut config, options.workspace.as_deref());
    roots::follow(&paths, given, &workspaces, &mut inventory);
    let mut index = index::read(&paths)?;
    copied::refuse(&paths, given, &index.records)?;
    inventory.observations.append(&mut config.observations);
    inventory.observations.append(&mut index.observations);
    inventory
        .observations
        .extend(environment::read(&paths, &config.value, &config.shown));
    inventory
        .observations
        .extend(config_folder::read(&paths, &options));

    let sources = Sources {
        options: &options,
        paths: &paths,
        config: &config,
        index: &index,
        workspaces: &workspaces,
        host: host.as_deref(),
    };
    let plugins = sources.plugins(&mut inventory);
    sources.age_of_records(&mut inventory);
    sources.host_package(&mut inventory);
    let readers = sources.declared(plugins, &mut inventory);
    let temporary = sources.started(readers, &mut inventory);
    sources.surroundings(temporary, &mut inventory);
    finish(&paths, &options, &mut inventory);
    Ok(inventory)
}

/// What cannot be looked at because the caller did not say where it is, or chose another place.
fn not_given(options: &InventoryOptions, paths: &Paths) -> Vec<Observation> {
    let mut found = Vec::new();
    if let Some(folder) = &options.other_state {
        found.push(Observation::OtherState {
            place: crate::text::visible(&folder.to_string_lossy()).into_owned(),
        });
    }
    if paths.home.is_none() && paths.not_here().is_none() {
        found.push(Observation::NoHome {
            what: "~/.agents/skills, units of the user's service manager, ~/.npmrc".to_owned(),
        });
    }
    found
}

/// Sorts, and takes back what is only known at the end.
fn finish(paths: &Paths, options: &InventoryOptions, inventory: &mut Inventory) {
    unique::ids(inventory.subjects.iter_mut());
    inventory.subjects.sort_by(|a, b| a.id.cmp(&b.id));
    ancestors::read(paths, inventory);
    refused(paths, inventory);
    if inventory.records_unknown {
        for subject in &mut inventory.subjects {
            subject
                .observations
                .retain(|found| !matches!(found, Observation::NoRecord { .. }));
        }
    }
    if let Some(memory) = &options.memory {
        let trees = inventory.subjects.iter().map(|subject| &subject.trees);
        memory.has_trees(trees.flat_map(Trees::all));
    }
    inventory.not_covered.extend(not_covered::always());
    inventory.not_covered.sort();
    inventory.not_covered.dedup();
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

/// Whether the database says something else than what the memory of `options` keeps of it.
///
/// # Errors
/// When there is no state directory.
pub(crate) fn database_moved(options: &InventoryOptions) -> crate::error::Result<bool> {
    open(options).map(|paths| index::moved(&paths))
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

/// Says of everything that is there and could not be looked at that it is not known, once: many a reader takes it for nothing.
fn refused(paths: &Paths, inventory: &mut Inventory) {
    let of_subjects = inventory.subjects.iter();
    let of_subjects = of_subjects.flat_map(|subject| &subject.observations);
    let said: Vec<PathBuf> = inventory
        .observations
        .iter()
        .chain(of_subjects)
        .filter_map(|observation| match observation {
            Observation::Unreadable { place, .. } => Some(PathBuf::from(place)),
            _ => None,
        })
        .collect();
    for (place, why) in paths.refused() {
        let known =
            |said: &PathBuf| said.starts_with(&place) || Path::new(&place).starts_with(said);
        if !said.iter().any(known) {
            let unreadable = Observation::Unreadable { place, why };
            inventory.observations.push(unreadable);
        }
    }
}

/// What to look at, and how.
#[derive(Clone, Debug)]
pub struct InventoryOptions {
    /// The state directory (`OPENCLAW_STATE_DIR`).
    pub state_dir: PathBuf,
    /// The host package's folder, named by the operator; its real path is taken. Never derived from the state.
    pub host: Option<PathBuf>,
    /// What the command `openclaw` on PATH is.
    pub host_command: Option<HostCommand>,
    /// The state directory is a copy whose records say this path instead.
    pub relocated_from: Option<PathBuf>,
    /// The home folder of the user who runs OpenClaw: `~` in the config, `~/.agents/skills` for the default state directory.
    pub home: Option<PathBuf>,
    /// The config, when it is not `openclaw.json` in the state directory.
    pub config: Option<PathBuf>,
    /// OpenClaw is told its state directory (`OPENCLAW_STATE_DIR`, a profile). Otherwise it takes code from the folder of `config` too.
    pub state_is_set: bool,
    /// The temporary folder of the user who runs OpenClaw.
    pub tmp: Option<PathBuf>,
    /// The program that judges: what it is cannot be found out by itself.
    pub program: Option<PathBuf>,
    /// The Node.js that this user starts as `node`.
    pub node: Option<PathBuf>,
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
    /// What is kept between runs of one process.
    pub memory: Option<Arc<Memory>>,
    /// What judges the machine: where its tables of users, processes and mounts are, and the operator's own files.
    pub machine: MachineOptions,
}

/// Where the machine's own tables are, and what of the operator's must not be in OpenClaw's hands.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MachineOptions {
    /// In place of `/etc`.
    pub etc: Option<PathBuf>,
    /// In place of `/proc`.
    pub proc: Option<PathBuf>,
    /// The operator's files that judge, and the program: what they are in words, and where.
    pub judges: Vec<(String, PathBuf)>,
    /// Members of a file's group are trusted as its owner is.
    pub group_shared: bool,
    /// Files about the machine that the operator hands over.
    pub given: MachineFiles,
}

impl MachineOptions {
    /// A folder of tables that is not there would read as a machine without users, processes and mounts.
    fn check_places(&self) -> crate::error::Result<()> {
        let named = [
            ("the tables of users and groups", &self.etc),
            ("the kernel's tables", &self.proc),
        ];
        for (what, folder) in named {
            if let Some(folder) = folder
                && !folder.is_dir()
            {
                let shown = crate::text::visible(&folder.to_string_lossy()).into_owned();
                return Err(Error::environment(
                    format!("{shown}, named for {what}, is no folder"),
                    "name the folder, or leave it out for this machine's own",
                ));
            }
        }
        Ok(())
    }
}

impl InventoryOptions {
    /// A state directory, and nothing else: no host package, no copy, at the epoch.
    #[must_use]
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            host: None,
            host_command: None,
            relocated_from: None,
            home: None,
            config: None,
            tmp: None,
            node: None,
            program: None,
            now: i64::MAX,
            workspace: None,
            variables: Vec::new(),
            local: LocalRules::default(),
            other_state: None,
            state_is_set: false,
            memory: None,
            machine: MachineOptions::default(),
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
    /// Folders of the programs `node` that may run OpenClaw.
    pub(crate) node_folders: Vec<PathBuf>,
    /// Whether places outside the state directory were looked at: not for a copy.
    pub(crate) looks_outside: bool,
    /// What was installed is not known, so nothing may be said that needs it: no `unrecorded`, no `not-installed`, no new lock.
    pub(crate) records_unknown: bool,
    /// How the machine is set up around OpenClaw, where that is the question.
    pub(crate) machine: Option<machine::Machine>,
}

impl Inventory {
    /// One subject, and nothing else.
    pub(crate) fn of(subject: Subject) -> Self {
        Self {
            subjects: vec![subject],
            ..Self::default()
        }
    }

    /// The real folders of which everything, or a folder in them, is in the tree of a subject.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let trees = self
            .subjects
            .iter()
            .filter_map(|subject| subject.trees.tree.as_ref());
        let folders = trees.flat_map(|tree| {
            let kept = tree.leave_out.iter().find_map(|left| match left {
                LeaveOut::AllBut(kept) => Some(kept),
                _ => None,
            });
            match kept {
                None => vec![tree.root.clone()],
                Some(kept) => kept.iter().map(|path| tree.root.join(path)).collect(),
            }
        });
        folders
            .filter_map(|folder| folder.canonicalize().ok())
            .collect()
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

/// How the server of an entry as written in a config starts.
#[cfg(test)]
pub(crate) fn launch_of(raw: Value) -> Launch {
    mcp::define(raw).launch()
}
