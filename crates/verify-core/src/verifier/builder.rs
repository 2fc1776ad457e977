//! What to verify, and how: the folders, the operator's files, and everything that a run may use.

mod build;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::OnProgress;
use super::demand::{Demand, SignedFile};
use crate::finding::Level;
use crate::inventory::{HostCommand, MachineFiles, Memory};
use crate::operator_file;
use crate::policy::Preset;
use crate::provenance::{Anchors, Instance};
use crate::text;

/// What to verify, and how. Make one with [`Verifier::builder`](super::Verifier::builder).
#[derive(Clone)]
#[must_use]
pub struct Builder {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) host: Option<PathBuf>,
    pub(super) host_command: Option<HostCommand>,
    pub(super) relocated_from: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
    pub(super) home_is_unknown: bool,
    pub(super) config: Option<PathBuf>,
    pub(super) tmp: Option<PathBuf>,
    pub(super) node: Option<PathBuf>,
    pub(super) workspace: Option<PathBuf>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) origins: Origins,
    pub(super) other_state: Option<PathBuf>,
    pub(super) state_is_set: bool,
    pub(super) etc: Option<PathBuf>,
    pub(super) proc: Option<PathBuf>,
    pub(super) machine: MachineFiles,
    pub(super) nix_database: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) policy: Option<OperatorFile>,
    pub(super) preset: Preset,
    pub(super) lock: Option<OperatorFile>,
    pub(super) reviews: Option<OperatorFile>,
    pub(super) demand: Option<Demand>,
    pub(super) levels: Vec<(String, Level)>,
    pub(super) manifests: Option<PathBuf>,
    pub(super) imports: Option<PathBuf>,
    pub(super) advisories: Option<PathBuf>,
    pub(super) contents: Option<PathBuf>,
    pub(super) now: jiff::Timestamp,
    pub(super) threads: usize,
    pub(super) bundled: bool,
    pub(super) progress: Option<OnProgress>,
    pub(super) cancel: Option<Arc<AtomicBool>>,
    pub(super) anchors: Arc<Anchors>,
    pub(super) memory: Option<Arc<Memory>>,
    #[cfg(feature = "online")]
    pub(super) client: Option<crate::registry::Client>,
    #[cfg(feature = "online")]
    pub(super) downloads: Option<crate::registry::Cache>,
}

/// Who chose each place, in one word each for the report: `named`, `default`, `derived`, `PATH`, or the name of a variable of the
/// caller's environment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Origins {
    /// Of the state directory.
    pub state_dir: Option<String>,
    /// Of the host package.
    pub openclaw: Option<String>,
    /// Of the home folder.
    pub home: Option<String>,
    /// Of OpenClaw's config.
    pub config: Option<String>,
    /// Of the default workspace.
    pub workspace: Option<String>,
    /// Of the temporary folder.
    pub temporary: Option<String>,
}

/// A file of the operator, and how it is named in reports.
#[derive(Clone, Debug)]
pub(super) struct OperatorFile {
    pub(super) path: PathBuf,
    pub(super) shown: String,
    pub(super) text: Option<String>,
    /// Who signed it, where that was demanded.
    pub(super) signed: Option<SignedFile>,
}

impl Builder {
    pub(super) fn new(now: jiff::Timestamp) -> Self {
        Self {
            state_dir: None,
            host: None,
            host_command: None,
            relocated_from: None,
            home: None,
            home_is_unknown: false,
            config: None,
            tmp: None,
            node: None,
            workspace: None,
            variables: Vec::new(),
            origins: Origins::default(),
            other_state: None,
            state_is_set: false,
            etc: None,
            proc: None,
            machine: MachineFiles::default(),
            nix_database: None,
            program: None,
            policy: None,
            preset: Preset::Default,
            lock: None,
            reviews: None,
            demand: None,
            levels: Vec::new(),
            manifests: None,
            imports: None,
            advisories: None,
            contents: None,
            now,
            threads: 0,
            bundled: false,
            progress: None,
            cancel: None,
            memory: None,
            anchors: Arc::new(Anchors::embedded(Instance::PublicGood)),
            #[cfg(feature = "online")]
            client: None,
            #[cfg(feature = "online")]
            downloads: None,
        }
    }

    /// OpenClaw's state directory. Without one only the operator's files are judged.
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// What this process keeps between its runs. Only for callers that hear of every change; see [`Memory`].
    pub fn memory(mut self, memory: Arc<Memory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// No installation after all: only the operator's files and candidates are judged.
    pub fn without_state_dir(mut self) -> Self {
        (self.state_dir, self.host) = (None, None);
        self
    }

    /// The host package's folder.
    pub fn host(mut self, folder: impl Into<PathBuf>) -> Self {
        self.host = Some(folder.into());
        self
    }

    /// What the command `openclaw` on PATH is: a wrapper is a part of the host package's `definition`, and one that cannot be followed is
    /// named where no [`host`](Self::host) is given.
    pub fn host_command(mut self, command: HostCommand) -> Self {
        self.host_command = Some(command);
        self
    }

    /// The state directory is a copy, whose records say `old`.
    pub fn relocated_from(mut self, old: impl Into<PathBuf>) -> Self {
        self.relocated_from = Some(old.into());
        self
    }

    /// The home folder of the user who runs OpenClaw: `~` in the config, `~/.agents/skills`, the units of the user, `~/.npmrc`.
    ///
    /// It is asked for, since without it a report is incomplete, unless it follows from the state directory: one called `.openclaw` lies
    /// in it.
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// The home folder is not known: what lies in it is not judged, and the report says so (`not-established [no-home]`).
    pub fn without_home(mut self) -> Self {
        self.home_is_unknown = true;
        self
    }

    /// The default workspace, where the config names none (`OPENCLAW_WORKSPACE_DIR`).
    pub fn workspace(mut self, folder: impl Into<PathBuf>) -> Self {
        self.workspace = Some(folder.into());
        self
    }

    /// The value of a variable that paths in OpenClaw's config name as `${NAME}`. What the config itself sets wins.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Who chose the places, for the report.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// The default place holds a state too, and the caller's environment chose another one.
    pub fn other_state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.other_state = Some(folder.into());
        self
    }

    /// The folder with the machine's tables of users and groups, in place of `/etc`.
    pub fn etc(mut self, folder: impl Into<PathBuf>) -> Self {
        self.etc = Some(folder.into());
        self
    }

    /// The folder with the kernel's tables, in place of `/proc`; those of devices are then beside it in `sys`.
    pub fn proc(mut self, folder: impl Into<PathBuf>) -> Self {
        self.proc = Some(folder.into());
        self
    }

    /// The database of the Nix store in which the host package and plugins may lie, in place of `/nix/var/nix/db/db.sqlite`. The store is
    /// beside one that lies at `var/nix/db/db.sqlite`.
    pub fn nix_database(mut self, file: impl Into<PathBuf>) -> Self {
        self.nix_database = Some(file.into());
        self
    }

    /// Files about the machine that the caller hands over, such as a compose file. None of them may lie in the state directory.
    pub fn machine_files(mut self, files: MachineFiles) -> Self {
        self.machine = files;
        self
    }

    /// The program that judges, which the user who runs OpenClaw should not be able to change.
    pub fn program(mut self, file: impl Into<PathBuf>) -> Self {
        self.program = Some(file.into());
        self
    }

    /// The temporary folder of the user who runs OpenClaw, in which Node keeps compiled code. Not looked at where it is not named.
    pub fn tmp(mut self, folder: impl Into<PathBuf>) -> Self {
        self.tmp = Some(folder.into());
        self
    }

    /// The Node.js that the user who runs OpenClaw starts as `node`: what lies beside it can replace parts of OpenClaw.
    pub fn node(mut self, program: impl Into<PathBuf>) -> Self {
        self.node = Some(program.into());
        self
    }

    /// OpenClaw is told its state directory, as `OPENCLAW_STATE_DIR` or by a profile. Where it is not and its config lies elsewhere, it
    /// takes plugins, skills and hooks from the folder of the config, and whatever lies there is `not-established [config-folder]`.
    pub fn state_is_set(mut self) -> Self {
        self.state_is_set = true;
        self
    }

    /// OpenClaw's config, when it is not `openclaw.json` in the state directory.
    pub fn openclaw_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// The policy file; the preset `default` when there is none at `path`. `shown` is how reports name it.
    pub fn policy(mut self, path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        self.policy = Some(OperatorFile::new(path, shown));
        self
    }

    /// What is asked of everything where there is no policy file; the preset `default` when this is not called.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The folder with policy, lock and reviews under their usual names, which are also their names in reports.
    pub fn folder(self, folder: impl AsRef<Path>) -> Self {
        let file = |name: &'static str| (folder.as_ref().join(name), name);
        let ((policy, policy_name), (lock, lock_name), (reviews, reviews_name)) = (
            file(operator_file::POLICY),
            file(operator_file::LOCK),
            file(operator_file::REVIEWS),
        );
        self.policy(policy, policy_name)
            .lock(lock, lock_name)
            .reviews(reviews, reviews_name)
    }

    /// The lock file.
    pub fn lock(mut self, path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        self.lock = Some(OperatorFile::new(path, shown));
        self
    }

    /// The reviews file.
    pub fn reviews(mut self, path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        self.reviews = Some(OperatorFile::new(path, shown));
        self
    }

    /// Demands signatures of policy, lock and reviews, and of everything else that judges that it is root's alone or named by the signed
    /// policy. Without them nothing is judged.
    pub fn demand(mut self, demand: Demand) -> Self {
        self.demand = Some(demand);
        self
    }

    /// Gives the finding `id` this level, over everything that policy says. The last one counts.
    pub fn level(mut self, id: impl Into<String>, level: Level) -> Self {
        self.levels.push((id.into(), level));
        self
    }

    /// A folder of ours in which manifests are kept, so that a mismatch can name the changed files.
    pub fn manifests(mut self, folder: impl Into<PathBuf>) -> Self {
        self.manifests = Some(folder.into());
        self
    }

    /// A folder of ours in which reviewed files are kept, so that only a difference has to be read later.
    pub fn contents(mut self, folder: impl Into<PathBuf>) -> Self {
        self.contents = Some(folder.into());
        self
    }

    /// A folder of ours that holds imported reviews files which policy names by address; see [`crate::review::ImportStore`].
    pub fn imports(mut self, folder: impl Into<PathBuf>) -> Self {
        self.imports = Some(folder.into());
        self
    }

    /// The index of advisories, where policy names none; see [`crate::advisories::import`]. None is used where nothing is there.
    pub fn advisories(mut self, path: impl Into<PathBuf>) -> Self {
        self.advisories = Some(path.into());
        self
    }

    /// Threads that hash; 0 means one a core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Also compare each package that came inside another one's archive with what it is published as by itself, which needs a
    /// registry. No finding comes of it: only an SBOM tells what was found.
    pub fn verify_bundled(mut self, bundled: bool) -> Self {
        self.bundled = bundled;
        self
    }

    /// Called with how far the hashing has come.
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Set to true by the caller to stop.
    pub fn cancel(mut self, cancel: Arc<AtomicBool>) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Judge attestations, registry signatures and gitsign tags by these instead of what is compiled in.
    pub fn anchors(mut self, anchors: Anchors) -> Self {
        self.anchors = Arc::new(anchors);
        self
    }

    /// Ask this registry for everything that it knows of what is installed. Without one, nothing opens a socket.
    #[cfg(feature = "online")]
    pub fn registry(mut self, client: crate::registry::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Where earlier runs kept what they fetched; looked into for what policy requires, when no registry may be asked.
    #[cfg(feature = "online")]
    pub fn downloads(mut self, cache: crate::registry::Cache) -> Self {
        self.downloads = Some(cache);
        self
    }
}

pub(super) fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}
