//! What to verify, and how: the folders, the operator's files, and everything that a run may use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::demand::{Demand, SignedFile};
#[cfg(feature = "online")]
use super::imports;
use super::reviews::{RefreshedImport, ReviewFiles};
use super::{OnProgress, Verifier};
use crate::advisories::{AdvisoriesUsed, Index, Vex};
use crate::digest::Sha256Digest;
use crate::error::{Error, Input, Result};
use crate::finding::Level;
use crate::inventory::{self, HostCommand, Memory};
use crate::lock::Lock;
use crate::operator_file::{self, Purpose};
use crate::policy::{Policy, Preset};
use crate::provenance::{Anchors, Instance};
use crate::report::{InputFile, Inputs};
use crate::rules::{self, Names};
use crate::text;

/// What to verify, and how. Make one with [`Verifier::builder`].
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
    pub(super) workspace: Option<PathBuf>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) origins: Origins,
    pub(super) other_state: Option<PathBuf>,
    pub(super) etc: Option<PathBuf>,
    pub(super) proc: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) policy: Option<OperatorFile>,
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
            workspace: None,
            variables: Vec::new(),
            origins: Origins::default(),
            other_state: None,
            etc: None,
            proc: None,
            program: None,
            policy: None,
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

    fn demand_signatures(&mut self) -> Result<()> {
        let (demand, now) = (self.demand.as_ref(), self.now);
        let files = [
            (&mut self.policy, Purpose::Policy),
            (&mut self.lock, Purpose::Lock),
            (&mut self.reviews, Purpose::Reviews),
        ];
        for (file, purpose) in files {
            if let Some(file) = file {
                file.demand(demand, purpose, now)?;
            }
        }
        Ok(())
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

    /// That the home folder was forgotten is nothing that a report should have to say.
    fn asks_for_home(&self) -> Result<()> {
        let (Some(state), None, false) = (&self.state_dir, &self.home, self.home_is_unknown) else {
            return Ok(());
        };
        let derived = inventory::home_of(self.relocated_from.as_deref().unwrap_or(state)).is_some();
        match derived || self.relocated_from.is_some() {
            true => Ok(()),
            false => Err(Error::needs(
                "the home folder of the user who runs OpenClaw is not known",
                "name it, or say that it is not known",
                Input::Home,
            )),
        }
    }

    /// Reads the operator's files.
    ///
    /// # Errors
    /// When one of them is not as it should be, when a level is not known or may not be lowered, and when nothing says where the home
    /// folder of the user who runs OpenClaw is (see [`Builder::home`]).
    pub fn build(mut self) -> Result<Verifier> {
        self.asks_for_home()?;
        for file in [&mut self.policy, &mut self.lock, &mut self.reviews]
            .into_iter()
            .flatten()
        {
            file.text = operator_file::read(&file.path)?;
        }
        self.demand_signatures()?;
        self.levels
            .iter()
            .try_for_each(|(id, level)| allowed(id, *level))?;
        let policy = self.parse_policy()?;
        self.refuse_own(&policy)?;
        if let Some(demand) = &self.demand {
            let named = Self::named_files(&policy).into_iter();
            demand.trusts(&policy, named.map(|(_, path)| path))?;
        }
        let lock = match self.lock.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Some(Lock::parse(path, text)?),
            None => None,
        };
        let own = self.reviews.as_ref().and_then(OperatorFile::content);
        let reviews = ReviewFiles::read(
            own,
            &policy,
            self.policy.as_ref().and_then(OperatorFile::content),
            self.imports.as_deref(),
        )?;
        let advisories = self.read_advisories(&policy)?;
        if let (Some(demand), Some(index)) = (&self.demand, &advisories) {
            let path = self.index_of(&policy).map(Path::to_owned);
            // A pinned source binds no index: which source it was made of is what the index itself says.
            let own = index.digest().hex();
            let path = path.filter(|_| policy.advisories.sha256.as_ref() != Some(&own));
            demand.trusts(&policy, path)?;
        }
        let vex = Vex::read(&policy.vex)?;
        let name = |file: &Option<OperatorFile>| {
            file.as_ref()
                .map(|file| file.shown.clone())
                .unwrap_or_default()
        };
        let names = Names {
            policy: name(&self.policy),
            lock: name(&self.lock),
            reviews: name(&self.reviews),
        };
        let input = |file: &Option<OperatorFile>| {
            file.as_ref()
                .and_then(OperatorFile::input)
                .unwrap_or_default()
        };
        let folder = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(InputFile::default, |path| InputFile::new(shown(path), None))
        };
        let from = |input: InputFile, origin: &Option<String>| InputFile {
            origin: origin.clone().filter(|_| input.path.is_some()),
            ..input
        };
        let place = |path: &Option<PathBuf>, origin: &Option<String>| {
            path.as_ref()
                .map(|path| from(InputFile::new(shown(path), None), origin))
        };
        let (origins, installed) = (&self.origins, self.state_dir.is_some());
        let variables = self
            .variables
            .iter()
            .map(|(name, _)| text::excerpt(name, 80));
        let inputs = Inputs {
            policy: input(&self.policy),
            lock: input(&self.lock),
            reviews: input(&self.reviews),
            openclaw: from(folder(&self.host), &origins.openclaw),
            state_dir: from(folder(&self.state_dir), &origins.state_dir),
            home: place(&self.home, &origins.home).filter(|_| installed),
            openclaw_config: place(&self.config, &origins.config).filter(|_| installed),
            workspace: place(&self.workspace, &origins.workspace).filter(|_| installed),
            temporary: place(&self.tmp, &origins.temporary).filter(|_| installed),
            variables: variables.filter(|_| installed).collect(),
            replay: self
                .demand
                .as_ref()
                .filter(|demand| !demand.detects_replay())
                .map(|_| "not-detectable"),
            advisories: advisories
                .as_ref()
                .map(|index| advisories_used(index, self.now)),
            vex: vex
                .files()
                .map(|(shown, digest)| InputFile::new(shown, Some(digest)))
                .collect(),
            ..Inputs::default()
        };
        Ok(Verifier {
            advisories,
            vex,
            policy,
            lock,
            reviews,
            names,
            inputs,
            options: self,
        })
    }

    /// Opens the index that policy names, else the caller's own; none where nothing is there.
    fn read_advisories(&self, policy: &Policy) -> Result<Option<Index>> {
        let wanted = &policy.advisories;
        let Some(path) = self.index_of(policy) else {
            return Ok(None);
        };
        let Some(index) = Index::open(path)? else {
            return Ok(None);
        };
        if let Some(sha256) = &wanted.sha256 {
            let source = match index.meta().sources.as_slice() {
                [one] => Some(one.digest.hex()),
                _ => None,
            };
            if index.digest().hex() != *sha256 && source.as_ref() != Some(sha256) {
                return Err(Error::environment(
                    format!(
                        "the advisory index {} is not the one that policy pins: it has the digest {}",
                        shown(path),
                        index.digest()
                    ),
                    "import the pinned records, or name the new digest in policy",
                ));
            }
        }
        Ok(Some(index))
    }

    /// Where the index of advisories is: where policy says, else where the caller does.
    fn index_of<'a>(&'a self, policy: &'a Policy) -> Option<&'a Path> {
        let named = policy.advisories.index.as_deref();
        named.or(self.advisories.as_deref())
    }

    /// Nothing that lies in the state directory or in the host package says whom to trust.
    fn refuse_own(&self, policy: &Policy) -> Result<()> {
        let own = [&self.policy, &self.lock, &self.reviews]
            .into_iter()
            .flatten()
            .map(|file| file.path.as_path());
        let named = Self::named_files(policy);
        let named = named.iter().map(|(_, path)| path.as_path());
        let folders = [&self.state_dir, &self.host]
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.canonicalize().ok());
        let advisories = self.index_of(policy);
        operator_file::refuse_inside(
            own.chain(named).chain(advisories),
            &folders.collect::<Vec<_>>(),
        )
    }

    /// Reads the policy alone: what tells from where the rest comes.
    ///
    /// # Errors
    /// When it is not as it should be.
    pub fn read_policy(&self) -> Result<Policy> {
        self.clone().loaded_policy()
    }

    /// Fetches the imported reviews that policy names by address, through the client of [`Builder::registry`], and keeps them in the
    /// folder of [`Builder::imports`]. Says what came of each, by name. Without a client nothing is asked and the list is empty.
    ///
    /// A file counts only as long as it is the one that policy pins; another one is kept beside it, so that it can be read.
    ///
    /// # Errors
    /// When what is served is not what policy pins, when an import is neither served nor kept, and when it cannot be kept.
    pub fn refresh_imports(&self) -> Result<Vec<RefreshedImport>> {
        #[cfg(feature = "online")]
        if let Some(client) = &self.client {
            return imports::refresh(self, client);
        }
        Ok(Vec::new())
    }

    pub(super) fn loaded_policy(&mut self) -> Result<Policy> {
        if let Some(file) = &mut self.policy {
            file.text = operator_file::read(&file.path)?;
            file.demand(self.demand.as_ref(), Purpose::Policy, self.now)?;
        }
        self.parse_policy()
    }

    pub(super) fn parse_policy(&self) -> Result<Policy> {
        let infos = rules::infos();
        Ok(match self.policy.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Policy::parse(path, text, &infos, self.today())?,
            None => Policy::preset(Preset::Default, &infos)?,
        })
    }

    pub(super) fn online(&self) -> bool {
        #[cfg(feature = "online")]
        return self.client.is_some();
        #[cfg(not(feature = "online"))]
        false
    }

    pub(super) fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

impl OperatorFile {
    fn new(path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            shown: shown.into(),
            text: None,
            signed: None,
        }
    }

    pub(super) fn content(&self) -> Option<(&Path, &str)> {
        Some((&self.path, self.text.as_deref()?))
    }

    fn input(&self) -> Option<InputFile> {
        let digest = Sha256Digest::of(self.text.as_ref()?.as_bytes());
        Some(InputFile {
            signed_by: self.signed.as_ref().map(|signed| signed.by.clone()),
            serial: self.signed.as_ref().map(|signed| signed.serial),
            ..InputFile::new(self.shown.clone(), Some(digest))
        })
    }
}

/// What a report says of the index that it stands on.
fn advisories_used(index: &Index, now: jiff::Timestamp) -> AdvisoriesUsed {
    let meta = index.meta();
    AdvisoriesUsed {
        path: shown(index.path()),
        digest: index.digest(),
        sources: meta.sources.iter().map(|source| source.digest).collect(),
        records: meta.records,
        newest: meta.newest.map(|newest| newest.to_string()),
        age_days: meta.age_days(now),
    }
}

/// Whether the command line may give a finding this level.
fn allowed(id: &str, level: Level) -> Result<()> {
    let rule = rules::rule(id).ok_or_else(|| {
        Error::environment(
            format!("no finding is called {}", text::excerpt(id, 60)),
            "the documentation lists all of them",
        )
    })?;
    if rule.fixed && level < rule.level {
        return Err(Error::environment(
            format!("{id} can never be lowered"),
            "tampering is not a matter of taste: clear the finding, or remove the subject",
        ));
    }
    Ok(())
}

pub(super) fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}
