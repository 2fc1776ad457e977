//! The library's front door: a verifier is built once from what the operator gave, and asked as often as wanted.

pub use crate::evidence::packed::CandidateOrigin;
pub use crate::inventory::packed::Candidate;
pub use crate::inventory::staged::skill::{SkillForm, SkillPackage, SkillRefused};
pub use crate::report::PackageContents;

mod builder;
mod candidate;
mod demand;
mod exceptions;
#[cfg(feature = "online")]
mod imports;
mod other_folder;
mod posture;
mod reading;
mod release;
mod relock;
mod reviews;
#[cfg(feature = "sbom")]
mod sbom;
mod since_lock;
mod skill;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use builder::{Builder, Origins};
pub use candidate::CandidateReport;
pub use demand::{Demand, SignedFile, signature_of};
pub use reading::{Backlog, BacklogItem, Packages, ReviewMaterial, Since};
pub use release::{Pinning, ReleaseQuery, ReleaseSource, Releases};
pub use relock::{RefusedSubject, Relock};
use reviews::ReviewFiles;
pub use reviews::{RefreshedImport, State as ImportState};
pub use since_lock::AgainstLock;
pub use skill::SkillReport;

use crate::advisories::{Index, Vex};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::evidence::review::ReviewContext;
use crate::evidence::{
    self, AdvisoriesAsked, ArchiveSources, BaseSources, Evidences, Gather, Measured, ReleaseRules,
    SkillTrust, TagFacts, Tagged,
};
use crate::finding::{Finding, Input};
use crate::inventory::staged::request::Extent;
use crate::inventory::{self, Inventory, Subject};
use crate::lock::Lock;
use crate::nix::StoreOptions;
use crate::policy::Policy;
use crate::provenance::Anchors;
use crate::report::{self, Inputs, Report};
use crate::review::diff::CostLimits;
use crate::review::{ContentStore, Reviews};
use crate::rules::{self, Judged, Names, Stage, Whole};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{self, HashProgress, ManifestStore};
use crate::{operator_file, read};

/// Called now and then while trees are hashed, from several threads.
pub type OnProgress = Arc<dyn Fn(HashProgress) + Send + Sync>;

/// Says what an OpenClaw installation would run, and whether it is what the operator wants.
///
/// Holds no global state, opens no socket and writes nothing; `Send + Sync`.
pub struct Verifier {
    options: Builder,
    policy: Policy,
    lock: Option<Lock>,
    reviews: ReviewFiles,
    names: Names,
    inputs: Inputs,
    /// What is known to be bad, where there is an index.
    advisories: Option<Index>,
    /// What the operator's team says of holes.
    vex: Vex,
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
        Builder::new(now)
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What signatures are judged by.
    #[must_use]
    pub fn anchors(&self) -> &Anchors {
        &self.options.anchors
    }

    /// The lock, when there is a file.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// Everything that OpenClaw would load. Judges nothing.
    ///
    /// # Errors
    /// When the state directory cannot be read at all.
    pub fn inventory(&self) -> Result<Inventory> {
        let Some(options) = self.inventory_options() else {
            return Ok(Inventory::default());
        };
        let inventory = inventory::read(&options)?;
        self.refuse_files_inside(&inventory)?;
        Ok(inventory)
    }

    /// What is judged outside of the state directory brings no policy of its own either, such as the clone of a linked plugin in which this is
    /// run. Nor is anything of the operator's written there: it would change the tree that it locks.
    fn refuse_files_inside(&self, inventory: &Inventory) -> Result<()> {
        let folders = inventory.folders();
        let own = [
            &self.options.policy,
            &self.options.lock,
            &self.options.reviews,
        ];
        for file in own.into_iter().flatten() {
            operator_file::refuse_to_write_inside(&file.path, &folders)?;
        }
        Ok(())
    }

    /// What to look at; none without a state directory.
    fn inventory_options(&self) -> Option<inventory::InventoryOptions> {
        Some(inventory::InventoryOptions {
            local: self.policy.local_files(),
            other_state: self.options.other_state.clone(),
            state_is_set: self.options.state_is_set,
            state_dir: self.options.state_dir.clone()?,
            host: self.options.host.clone(),
            host_command: self.options.host_command.clone(),
            relocated_from: self.options.relocated_from.clone(),
            home: self.options.home.clone(),
            config: self.options.config.clone(),
            tmp: self.options.tmp.clone(),
            node: self.options.node.clone(),
            program: self.options.program.clone(),
            now: self.options.now.as_second(),
            workspace: self.options.workspace.clone(),
            variables: self.options.variables.clone(),
            memory: self.options.memory.clone(),
            machine: inventory::MachineOptions {
                etc: self.options.etc.clone(),
                proc: self.options.proc.clone(),
                judges: self.judges(),
                group_shared: self.policy.host.group_shared,
                given: self.options.machine.clone(),
            },
        })
    }

    /// The operator's files that are there, and the program: what must not be in the hands of what it judges. Without a policy and a lock
    /// there is nothing yet that anyone relies on, and where signed files are demanded a change of them is seen.
    fn judges(&self) -> Vec<(String, PathBuf)> {
        let demanded = Path::new("/etc/openclaw-verify/allowed_signers");
        let files = [
            ("the policy", &self.options.policy),
            ("the lock", &self.options.lock),
            ("the reviews", &self.options.reviews),
        ];
        let there = files.into_iter().filter_map(|(what, file)| {
            let file = file.as_ref().filter(|file| file.text.is_some())?;
            Some((what.to_owned(), file.path.clone()))
        });
        let mut found: Vec<(String, PathBuf)> = there.collect();
        if found.is_empty() || std::fs::symlink_metadata(demanded).is_ok() {
            return Vec::new();
        }
        let program = self.options.program.clone();
        found.extend(program.map(|program| ("the program itself".to_owned(), program)));
        found
    }

    /// The operator's own reviews file; empty when there is none.
    #[must_use]
    pub fn reviews(&self) -> &Reviews {
        &self.reviews.own
    }

    /// Judges the subjects of `scope`.
    ///
    /// # Errors
    /// When no verdict could be reached: a file changed while it was read, an id of `scope` is not known, the caller cancelled.
    pub fn check(&self, scope: &Scope) -> Result<Report> {
        let inventory = self.inventory()?;
        self.known(scope, &inventory)?;
        let lock = self.lock.clone().unwrap_or_default();
        if self.options.state_dir.is_none() {
            return self.lock_only(&lock, scope);
        }
        self.refuse_other_folder(&inventory)?;
        let evidence = self.evidence(&inventory, &lock, scope)?;
        let report = self.report(
            &Case::new(Stage::Installed, &inventory, &lock, scope),
            &evidence,
        );
        match self.policy.host.check && *scope == Scope::Everything {
            true => Ok(report.and_machine(self.posture()?)),
            false => Ok(report),
        }
    }

    /// Whether OpenClaw's database says something else than what [`crate::Memory`] keeps of it. It is copied anew for that.
    ///
    /// # Errors
    /// When the state directory cannot be read at all.
    pub fn database_moved(&self) -> Result<bool> {
        let options = self.inventory_options();
        options.map_or(Ok(false), |options| inventory::database_moved(&options))
    }

    /// Digests of the files that policy names to say who may sign, and what others reviewed: what they are for, and SHA-256 of each.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn trusted_files(&self) -> Result<Vec<(String, Sha256Digest)>> {
        let named = Builder::named_files(&self.policy);
        let mut found = Vec::with_capacity(named.len());
        for (what, path) in named {
            let read = path
                .canonicalize()
                .map_err(read::ReadError::from)
                .and_then(|real| read::bytes(&real, operator_file::MAX_BYTES));
            let bytes = read.map_err(|error| {
                Error::environment(
                    format!("{} {error}", builder::shown(&path)),
                    "your policy names this file",
                )
            })?;
            found.push((what.to_owned(), Sha256Digest::of(&bytes)));
        }
        Ok(found)
    }

    /// What a report stands on; asked when everything was judged.
    fn inputs(&self) -> Inputs {
        let used = self.options.anchors.used(self.options.now);
        Inputs {
            anchors: Some(used).filter(|used| !used.is_empty()),
            ..self.inputs.clone()
        }
    }

    /// The host package, as the operator named it.
    pub(crate) fn host(&self) -> Option<&Path> {
        self.options.host.as_deref()
    }

    /// The moment as of which everything is judged.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.options.now
    }

    /// The folder in which the lock is, safe to show.
    pub(crate) fn lock_folder(&self) -> Option<String> {
        let folder = self.options.lock.as_ref()?.path.parent()?;
        folder.is_absolute().then(|| builder::shown(folder))
    }

    /// Judges lock, policy and reviews by themselves: whether what is locked was read, and must not be banned.
    fn lock_only(&self, lock: &Lock, scope: &Scope) -> Result<Report> {
        if lock.packages().is_empty() && lock.releases().is_empty() {
            return Err(Error::NothingToVerify {
                what: "the lock holds nothing".to_owned(),
                help: Some("make it where OpenClaw is installed".to_owned()),
                needs: None,
            });
        }
        let (inventory, evidence) = self.of_lock(lock)?;
        Ok(self.report(
            &Case::new(Stage::LockOnly, &inventory, lock, scope),
            &evidence,
        ))
    }

    /// What the lock says, and what is known of that without a file.
    fn of_lock(&self, lock: &Lock) -> Result<(Inventory, Evidences)> {
        let inventory = inventory::locked::read(lock);
        let tagged = self.tagged(&inventory, lock, evidence::stated(lock))?;
        let evidence = self.reviewed_without_files(&inventory, tagged);
        Ok((inventory, evidence))
    }

    pub(crate) fn evidence(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        scope: &Scope,
    ) -> Result<Evidences> {
        self.evidence_counting(inventory, lock, scope, CostLimits::CHECK)
    }

    /// `limits` bound how long lines are counted of what has to be read.
    fn evidence_counting(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        scope: &Scope,
        limits: CostLimits,
    ) -> Result<Evidences> {
        let measured = self.gather(inventory, lock, scope)?;
        let tagged = self.tagged(inventory, lock, measured)?;
        Ok(self.reviewed(inventory, tagged, limits))
    }

    /// What can be proven without tags and reviews.
    pub(crate) fn gather(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        scope: &Scope,
    ) -> Result<Measured> {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let gather = Gather {
            inventory,
            lock,
            policy: &self.policy,
            now: self.options.now,
            online: self.options.online(),
            bundled: self.options.bundled,
            sources: ArchiveSources {
                #[cfg(feature = "online")]
                client: self.options.client.as_ref(),
                #[cfg(feature = "online")]
                cache: self.options.downloads.as_ref(),
                anchors: &self.options.anchors,
                threads: self.options.threads,
                cancel: self.options.cancel.as_deref(),
            },
            manifests: manifests.as_ref(),
            options: self.tree_options(),
            store: StoreOptions {
                database: self.options.nix_database.clone(),
                keys: self.policy.nix_keys.clone(),
            },
            memory: self.options.memory.as_deref(),
        };
        // What was read with a plugin counts for its skills and hooks, so the plugin is looked at with them.
        let in_scope = inventory
            .subjects
            .iter()
            .filter(|s| scope.contains(s.kind, &s.id));
        let above: BTreeSet<&Path> = in_scope
            .filter_map(|part| part.trees.tree.as_ref())
            .flat_map(|tree| tree.root.ancestors())
            .collect();
        evidence::gather(&gather, &|subject| {
            scope.contains(subject.kind, &subject.id)
                || subject
                    .trees
                    .tree
                    .as_ref()
                    .is_some_and(|tree| above.contains(tree.root.as_path()))
        })
    }

    /// With what the tags prove that git subjects were installed from, against what `lock` remembers of them.
    pub(crate) fn tagged(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        mut measured: Measured,
    ) -> Result<Tagged> {
        if let Some(index) = &self.advisories {
            let asked = AdvisoriesAsked {
                index,
                vex: &self.vex,
                policy: &self.policy.advisories,
                today: self.options.today(),
            };
            measured.advise(&inventory.subjects, &asked)?;
        }
        let rules = ReleaseRules::new(&self.policy, &self.options.anchors);
        let skills = SkillTrust::new(&self.policy, &self.options.anchors);
        measured.tags(&inventory.subjects, lock, &rules, &skills, self.options.now)
    }

    /// With what the reviews say.
    pub(crate) fn reviewed(
        &self,
        inventory: &Inventory,
        tagged: Tagged,
        limits: CostLimits,
    ) -> Evidences {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let contents = self.options.contents.as_ref().map(ContentStore::new);
        let given = self.given(manifests.as_ref(), contents.as_ref(), limits);
        tagged.reviews(&inventory.subjects, &self.policy, &given)
    }

    /// With what the reviews say, where no files are at hand that could be compared.
    pub(crate) fn reviewed_without_files(
        &self,
        inventory: &Inventory,
        tagged: Tagged,
    ) -> Evidences {
        let given = self.given(None, None, CostLimits::CHECK);
        tagged.reviews(&inventory.subjects, &self.policy, &given)
    }

    fn given<'a>(
        &'a self,
        manifests: Option<&'a ManifestStore>,
        contents: Option<&'a ContentStore>,
        limits: CostLimits,
    ) -> ReviewContext<'a> {
        let bases = BaseSources {
            manifests,
            contents,
            state_dir: self.options.state_dir.as_deref(),
            copy: self.options.relocated_from.is_some(),
            options: self.tree_options(),
        };
        self.reviews
            .given(&self.names.reviews, self.options.today(), bases, limits)
    }

    fn tree_options(&self) -> tree::TreeOptions<'_> {
        let progress = self.options.progress.as_deref();
        tree::TreeOptions {
            threads: self.options.threads,
            cancel: self.options.cancel.as_deref(),
            progress: progress.map(|progress| progress as &(dyn Fn(HashProgress) + Sync)),
            ..tree::TreeOptions::default()
        }
    }

    /// Judges a case by every rule that speaks at its stage.
    pub(crate) fn report(&self, case: &Case<'_>, evidence: &Evidences) -> Report {
        let subjects = case.inventory.subjects.iter();
        // Where the records are not known, what has none may well have one.
        let reported = |subject: &&Subject| {
            !case.inventory.records_unknown || subject.source != Source::Unrecorded
        };
        let in_scope = subjects
            .filter(|subject| case.scope.contains(subject.kind, &subject.id))
            .filter(reported);
        let judged: Vec<Judged<'_>> = in_scope
            .filter_map(|subject| {
                let evidence = evidence.get(&subject.id)?;
                let requirements =
                    self.policy
                        .requirements(&subject.id, subject.kind, subject.source);
                Some(Judged {
                    subject,
                    evidence,
                    requirements,
                })
            })
            .collect();
        let whole = Whole {
            inventory: case.inventory,
            observed: evidence.observed(),
            judged: &judged,
            lock: case.lock,
            policy: &self.policy,
            reviews: &self.reviews.own,
            names: &self.names,
            advisories: self.inputs.advisories.as_ref(),
            today: self.options.today(),
            stage: case.stage,
            extent: case.extent,
            full: *case.scope == Scope::Everything
                && case.is_installation()
                && !case.inventory.records_unknown,
            online: case.asked.unwrap_or_else(|| self.options.online()),
            releases: case.releases,
        };
        let judgement = rules::judge(&whole, &self.options.levels);
        let subjects = case.inventory.subjects.iter();
        let kinds: BTreeMap<&SubjectId, Kind> = subjects
            .map(|subject| (&subject.id, subject.kind))
            .collect();
        let kind_of = |id: &SubjectId| {
            let found = kinds.get(id).copied();
            found.or_else(|| case.lock.package(id).map(|entry| entry.kind))
        };
        let in_scope = |finding: &Finding| match &finding.subject {
            Some(id) => kind_of(id).is_none_or(|kind| case.scope.contains(kind, id)),
            None => true,
        };
        report::assemble(&whole, judgement, self.inputs(), in_scope)
    }

    /// An id that names nothing is a mistake of the call, not a clean result.
    fn known(&self, scope: &Scope, inventory: &Inventory) -> Result<()> {
        let Scope::Kinds(kinds, ids) = scope else {
            return Ok(());
        };
        // An empty verdict on the host package would read as a good one.
        if **kinds == [Kind::Core] && inventory.host.is_none() {
            return Err(Error::NothingToVerify {
                what: "the OpenClaw host package is not known".to_owned(),
                help: Some("name its folder, such as /usr/lib/node_modules/openclaw".to_owned()),
                needs: Some(Input::Host),
            });
        }
        let known = |id: &SubjectId| {
            inventory
                .subjects
                .iter()
                .any(|subject| subject.id == *id && kinds.contains(&subject.kind))
                || self
                    .lock
                    .as_ref()
                    .and_then(|lock| lock.package(id))
                    .is_some_and(|entry| kinds.contains(&entry.kind))
        };
        match ids.iter().find(|id| !known(id)) {
            Some(id) => Err(Error::environment(
                format!("no subject of this kind is called {id}"),
                "the report of a check lists the ids of all subjects",
            )),
            None => Ok(()),
        }
    }
}

/// What is judged together, and what of it is there.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub stage: Stage,
    pub extent: Extent,
    pub inventory: &'a Inventory,
    pub lock: &'a Lock,
    pub scope: &'a Scope,
    /// Release tags that the question is about.
    pub releases: &'a [TagFacts],
    /// Whether a registry was asked, where that is not what the builder says.
    pub asked: Option<bool>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        stage: Stage,
        inventory: &'a Inventory,
        lock: &'a Lock,
        scope: &'a Scope,
    ) -> Self {
        Self {
            stage,
            extent: Extent::Whole,
            inventory,
            lock,
            scope,
            releases: &[],
            asked: None,
        }
    }

    /// Whether all that OpenClaw would load is judged, or all that is locked. Otherwise an entry that matches nothing means nothing.
    fn is_installation(&self) -> bool {
        matches!(self.stage, Stage::Installed | Stage::LockOnly | Stage::Host)
    }
}

impl Scope {
    /// Whether a subject is in it.
    #[must_use]
    pub fn contains(&self, kind: Kind, id: &SubjectId) -> bool {
        match self {
            Self::Everything => true,
            Self::Kinds(kinds, ids) => {
                kinds.contains(&kind) && (ids.is_empty() || ids.contains(id))
            }
        }
    }
}
