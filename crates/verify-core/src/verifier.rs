//! The library's front door: a verifier is built once from what the operator gave, and asked as often as wanted.

mod relock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use relock::{Refused, Relock};

use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::evidence::{self, Evidence, Gather};
use crate::fact::Outcome;
use crate::finding::{Finding, Level};
use crate::inventory::{self, Inventory, Subject};
use crate::lock::Lock;
use crate::operator_file;
use crate::policy::{Policy, Preset};
use crate::report::{self, Basis, Input, Inputs, Outcomes, Report, SubjectReport, Tool};
use crate::rules::{self, Group, Judged, Names, Whole};
use crate::subject::{Kind, SubjectId};
use crate::text;
use crate::tree::{self, ManifestStore, Progress};

/// Called now and then while trees are hashed, from several threads.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// What to verify, and how. Make one with [`Verifier::builder`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    state_dir: Option<PathBuf>,
    host: Option<PathBuf>,
    relocated_from: Option<PathBuf>,
    home: Option<PathBuf>,
    policy: Option<OperatorFile>,
    lock: Option<OperatorFile>,
    reviews: Option<OperatorFile>,
    levels: Vec<(String, Level)>,
    manifests: Option<PathBuf>,
    now: jiff::Timestamp,
    threads: usize,
    progress: Option<OnProgress>,
    cancel: Option<Arc<AtomicBool>>,
}

/// A file of the operator, and how it is named in reports.
#[derive(Clone, Debug)]
struct OperatorFile {
    path: PathBuf,
    shown: String,
    text: Option<String>,
}

/// Says what an OpenClaw installation would run, and whether it is what the operator wants.
///
/// Holds no global state, opens no socket and writes nothing; `Send + Sync`.
pub struct Verifier {
    options: Builder,
    policy: Policy,
    lock: Option<Lock>,
    names: Names,
    inputs: Inputs,
}

/// Which subjects a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// All of them.
    #[default]
    Everything,
    /// Those of these kinds, or of them only these ids when there are any.
    Kinds(Vec<Kind>, Vec<SubjectId>),
}

impl Verifier {
    /// Starts to say what to verify. `now` decides about everything that expires; the library has no clock of its own.
    pub fn builder(now: jiff::Timestamp) -> Builder {
        Builder {
            state_dir: None,
            host: None,
            relocated_from: None,
            home: None,
            policy: None,
            lock: None,
            reviews: None,
            levels: Vec::new(),
            manifests: None,
            now,
            threads: 0,
            progress: None,
            cancel: None,
        }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The lock, when there is a file.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// Everything that OpenClaw would load. Judges nothing.
    ///
    /// # Errors
    /// When the state dir cannot be read at all.
    pub fn inventory(&self) -> Result<Inventory> {
        let Some(state_dir) = &self.options.state_dir else { return Ok(Inventory::default()) };
        inventory::read(&inventory::Options {
            state_dir: state_dir.clone(),
            host: self.options.host.clone(),
            relocated_from: self.options.relocated_from.clone(),
            home: self.options.home.clone(),
            config: None,
        })
    }

    /// Judges the subjects of `scope`.
    ///
    /// # Errors
    /// When no verdict could be reached: a file changed while it was read, an id of `scope` is not known, the caller cancelled.
    pub fn check(&self, scope: &Scope) -> Result<Report> {
        let inventory = self.inventory()?;
        self.known(scope, &inventory)?;
        let lock = self.lock.clone().unwrap_or_default();
        let evidence = self.evidence(&inventory, &lock, scope)?;
        Ok(self.report(&inventory, &lock, &evidence, scope))
    }

    /// The host package, as the operator named it.
    pub(crate) fn host(&self) -> Option<&Path> {
        self.options.host.as_deref()
    }

    /// The moment as of which everything is judged.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.options.now
    }

    /// Its day in UTC.
    pub(crate) fn today(&self) -> Date {
        self.options.today()
    }

    /// The folder in which the lock is, safe to show.
    pub(crate) fn lock_folder(&self) -> Option<String> {
        let folder = self.options.lock.as_ref()?.path.parent()?;
        folder.is_absolute().then(|| shown(folder))
    }

    /// The reviews file, when there is one.
    pub(crate) fn reviews_text(&self) -> Option<(&Path, &str)> {
        self.options.reviews.as_ref().and_then(OperatorFile::content)
    }

    pub(crate) fn evidence(&self, inventory: &Inventory, lock: &Lock, scope: &Scope) -> Result<Evidences> {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let progress = self.options.progress.as_deref();
        let gather = Gather {
            inventory,
            lock,
            manifests: manifests.as_ref(),
            options: tree::Options {
                threads: self.options.threads,
                cancel: self.options.cancel.as_deref(),
                progress: progress.map(|progress| progress as &(dyn Fn(Progress) + Sync)),
                ..tree::Options::default()
            },
        };
        evidence::gather(&gather, &|subject| scope.contains(subject.kind, &subject.id))
    }

    pub(crate) fn report(&self, inventory: &Inventory, lock: &Lock, evidence: &Evidences, scope: &Scope) -> Report {
        let judged: Vec<Judged<'_>> = inventory
            .subjects
            .iter()
            .filter_map(|subject| {
                let evidence = evidence.get(&subject.id)?;
                let requirements = self.policy.requirements(&subject.id, subject.kind, subject.source);
                Some(Judged { subject, evidence, requirements })
            })
            .collect();
        let whole = Whole {
            inventory,
            judged: &judged,
            lock,
            policy: &self.policy,
            names: &self.names,
            today: self.options.today(),
            installed: self.options.state_dir.is_some(),
            full: *scope == Scope::Everything,
        };
        let judgement = rules::judge(&whole, &self.options.levels);
        let kind_of = |id: &SubjectId| {
            let installed = inventory.subjects.iter().find(|subject| subject.id == *id).map(|subject| subject.kind);
            installed.or_else(|| lock.package(id).map(|entry| entry.kind))
        };
        let in_scope = |finding: &Finding| match &finding.subject {
            Some(id) => kind_of(id).is_none_or(|kind| scope.contains(kind, id)),
            None => true,
        };
        let findings: Vec<Finding> = judgement.findings.into_iter().filter(in_scope).collect();
        let subjects: Vec<SubjectReport> =
            judged.iter().map(|judged| subject_report(judged, lock, &judgement.outcomes)).collect();
        Report {
            schema: report::SCHEMA,
            tool: Tool { name: "openclaw-verify", version: env!("CARGO_PKG_VERSION") },
            inputs: self.inputs.clone(),
            summary: report::summarize(&subjects, &findings),
            subjects,
            findings,
            not_covered: inventory.not_covered.clone(),
        }
    }

    /// An id that names nothing is a mistake of the call, not a clean result.
    fn known(&self, scope: &Scope, inventory: &Inventory) -> Result<()> {
        let Scope::Kinds(_, ids) = scope else { return Ok(()) };
        let known = |id: &SubjectId| {
            inventory.subjects.iter().any(|subject| subject.id == *id)
                || self.lock.as_ref().is_some_and(|lock| lock.package(id).is_some())
        };
        match ids.iter().find(|id| !known(id)) {
            Some(id) => Err(Error::environment(
                format!("no subject is called {id}"),
                "openclaw-verify check -v lists the ids of all subjects",
            )),
            None => Ok(()),
        }
    }
}

pub(crate) type Evidences = std::collections::BTreeMap<SubjectId, Evidence>;
type AllOutcomes = std::collections::BTreeMap<(SubjectId, Group), Outcome>;

fn subject_report(judged: &Judged<'_>, lock: &Lock, outcomes: &AllOutcomes) -> SubjectReport {
    let Judged { subject, evidence, .. } = judged;
    let said = |group| outcomes.get(&(subject.id.clone(), group)).copied();
    let locked = lock.package(&subject.id).is_some();
    // Nothing was found against it; whether that is an answer depends on whether the question was asked.
    let integrity = said(Group::Integrity).unwrap_or(Outcome::NotApplicable);
    let provenance = said(Group::Provenance).unwrap_or(Outcome::NotApplicable);
    let integrity = match integrity {
        Outcome::NotApplicable if unknown(subject, evidence) => Outcome::NotEstablished,
        Outcome::NotApplicable if locked => Outcome::Verified,
        other => other,
    };
    let quiet = |group| match said(group) {
        None | Some(Outcome::NotApplicable) if locked => Outcome::Verified,
        None => Outcome::NotApplicable,
        Some(outcome) => outcome,
    };
    SubjectReport {
        id: subject.id.clone(),
        kind: subject.kind,
        version: subject.version.as_deref().map(|version| text::excerpt(version, 200)),
        source: subject.source,
        path: subject.place.shown.clone(),
        enabled: subject.enabled,
        tree: match &subject.mcp {
            Some(mcp) => Some(mcp.digest.to_string()),
            None => evidence.tree.tree().map(|tree| tree.digest.to_string()),
        },
        dependencies: evidence.dependencies.tree().map(|tree| tree.digest),
        basis: (integrity == Outcome::Verified).then_some(Basis::Locked),
        outcomes: Outcomes {
            integrity,
            pinning: quiet(Group::Pinning),
            provenance,
            review: quiet(Group::Review),
            advisory: Outcome::NotApplicable,
        },
    }
}

/// Whether something about the subject could not be read, so that nothing said against it means nothing.
fn unknown(subject: &Subject, evidence: &Evidence) -> bool {
    use crate::inventory::Observation as O;
    let unread = |observation: &O| {
        matches!(observation, O::UnsupportedSchema { .. } | O::UnknownLayout { .. } | O::Unreadable { .. } | O::NotInCopy { .. })
    };
    let host = |note: &tree::TreeNote| matches!(note, tree::TreeNote::HostLinkUnknown { .. });
    let parts = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    subject.observations.iter().any(unread) || parts.iter().filter_map(|part| part.tree()).any(|tree| tree.notes.iter().any(host))
}

impl Scope {
    /// Whether a subject is in it.
    #[must_use]
    pub fn contains(&self, kind: Kind, id: &SubjectId) -> bool {
        match self {
            Self::Everything => true,
            Self::Kinds(kinds, ids) => kinds.contains(&kind) && (ids.is_empty() || ids.contains(id)),
        }
    }
}

impl Builder {
    /// OpenClaw's state dir. Without one only the operator's files are judged.
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// The host package's folder.
    pub fn host(mut self, folder: impl Into<PathBuf>) -> Self {
        self.host = Some(folder.into());
        self
    }

    /// The state dir is a copy, whose records say `old`.
    pub fn relocated_from(mut self, old: impl Into<PathBuf>) -> Self {
        self.relocated_from = Some(old.into());
        self
    }

    /// The home folder of the user who runs OpenClaw.
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// The policy file; the preset `default` when there is none at `path`. `shown` is how reports name it.
    pub fn policy(mut self, path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        self.policy = Some(OperatorFile::new(path, shown));
        self
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

    /// Threads that hash; 0 means one a core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Who is told how far the hashing has come.
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Set to true by the caller to stop.
    pub fn cancel(mut self, cancel: Arc<AtomicBool>) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Reads the operator's files.
    ///
    /// # Errors
    /// When one of them is not as it should be, and when a level is not known or may not be lowered.
    pub fn build(mut self) -> Result<Verifier> {
        for file in [&mut self.policy, &mut self.lock, &mut self.reviews].into_iter().flatten() {
            file.text = operator_file::read(&file.path)?;
        }
        self.levels.iter().try_for_each(|(id, level)| allowed(id, *level))?;
        let infos = rules::infos();
        let policy = match self.policy.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Policy::parse(path, text, &infos, self.today())?,
            None => Policy::preset(Preset::Default, &infos)?,
        };
        let lock = match self.lock.as_ref().and_then(OperatorFile::content) {
            Some((path, text)) => Some(Lock::parse(path, text)?),
            None => None,
        };
        let name = |file: &Option<OperatorFile>| file.as_ref().map(|file| file.shown.clone()).unwrap_or_default();
        let names = Names { policy: name(&self.policy), lock: name(&self.lock), reviews: name(&self.reviews) };
        let input = |file: &Option<OperatorFile>| file.as_ref().and_then(OperatorFile::input).unwrap_or_default();
        let folder = |path: &Option<PathBuf>| path.as_ref().map_or_else(Input::default, |path| Input::new(shown(path), None));
        let inputs = Inputs {
            policy: input(&self.policy),
            lock: input(&self.lock),
            reviews: input(&self.reviews),
            openclaw: folder(&self.host),
            state_dir: folder(&self.state_dir),
        };
        Ok(Verifier { policy, lock, names, inputs, options: self })
    }

    fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

impl OperatorFile {
    fn new(path: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        Self { path: path.into(), shown: shown.into(), text: None }
    }

    fn content(&self) -> Option<(&Path, &str)> {
        Some((&self.path, self.text.as_deref()?))
    }

    fn input(&self) -> Option<Input> {
        let digest = Sha256Digest::of(self.text.as_ref()?.as_bytes());
        Some(Input::new(self.shown.clone(), Some(digest)))
    }
}

/// Whether the command line may give a finding this level.
fn allowed(id: &str, level: Level) -> Result<()> {
    let rule = rules::rule(id).ok_or_else(|| {
        Error::environment(format!("no finding is called {}", text::excerpt(id, 60)), "openclaw-verify explain lists all of them")
    })?;
    if rule.fixed && level < rule.level {
        return Err(Error::environment(
            format!("{id} can never be lowered"),
            "tampering is not a matter of taste: clear the finding, or remove the subject",
        ));
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}
