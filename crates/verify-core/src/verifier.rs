//! The library's front door: a verifier is built once from what the operator gave, and asked as often as wanted.

mod builder;
mod candidate;
#[cfg(feature = "online")]
mod imports;
mod reading;
mod release;
mod relock;
mod reviews;
#[cfg(feature = "sbom")]
mod sbom;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

pub use builder::Builder;
pub use candidate::{Candidate, CandidateOrigin, CandidateReport, Contents};
pub use reading::{Backlog, BacklogItem, Packages, Reading, Since};
pub use release::{Pinning, ReleaseQuery, ReleaseSource, Releases};
pub use relock::{Refused, Relock};
use reviews::ReviewFiles;
pub use reviews::{Refreshed, State as ImportState};

use crate::error::{Error, Result};
use crate::evidence::review::Given;
use crate::evidence::{self, Bases, Evidence, Gather, ReleaseRules, ReviewFacts, Sources};
use crate::fact::Outcome;
use crate::finding::Finding;
use crate::inventory::{self, Inventory, Place, Subject};
use crate::lock::Lock;
use crate::policy::Policy;
use crate::provenance::Anchors;
use crate::report::{self, Basis, Inputs, Outcomes, Report, SubjectReport, Tool};
use crate::review::diff::CostLimits;
use crate::review::{ContentStore, ReviewIndex, Reviews};
use crate::rules::{self, Group, Judged, Names, Whole};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::{self, ManifestStore, Progress};

/// Called now and then while trees are hashed, from several threads.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

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
    /// When the state dir cannot be read at all.
    pub fn inventory(&self) -> Result<Inventory> {
        let Some(state_dir) = &self.options.state_dir else {
            return Ok(Inventory::default());
        };
        inventory::read(&inventory::Options {
            state_dir: state_dir.clone(),
            host: self.options.host.clone(),
            relocated_from: self.options.relocated_from.clone(),
            home: self.options.home.clone(),
            config: self.options.config.clone(),
        })
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
            return Ok(self.lock_only(&lock, scope));
        }
        let evidence = self.evidence(&inventory, &lock, scope)?;
        Ok(self.report(&inventory, &lock, &evidence, scope))
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

    /// Its day in UTC.
    pub(crate) fn today(&self) -> Date {
        self.options.today()
    }

    /// The folder in which the lock is, safe to show.
    pub(crate) fn lock_folder(&self) -> Option<String> {
        let folder = self.options.lock.as_ref()?.path.parent()?;
        folder.is_absolute().then(|| builder::shown(folder))
    }

    /// All reviews, also imported ones.
    pub(crate) fn review_index(&self) -> ReviewIndex<'_> {
        self.reviews.index(self.today())
    }

    /// Judges lock, policy and reviews by themselves: whether what is locked was read, and must not be banned.
    fn lock_only(&self, lock: &Lock, scope: &Scope) -> Report {
        let mut evidence = evidence::stated(lock);
        let place = || Place {
            absolute: PathBuf::new(),
            shown: String::new(),
        };
        let subjects: Vec<Subject> = lock
            .packages()
            .iter()
            .map(|entry| Subject::new(entry.id.clone(), entry.kind, entry.source, place()))
            .collect();
        evidence::review::judge(
            &mut evidence,
            &subjects,
            &self.policy,
            &self.given(None, None, CostLimits::CHECK),
        );
        let inventory = Inventory {
            subjects,
            ..Inventory::default()
        };
        self.report(&inventory, lock, &evidence, scope)
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
        let mut evidence = self.gather(inventory, lock, scope)?;
        self.verify_tags(inventory, lock, &mut evidence)?;
        self.judge_reviews(inventory, &mut evidence, limits);
        Ok(evidence)
    }

    /// What can be proven without tags and reviews.
    fn gather(&self, inventory: &Inventory, lock: &Lock, scope: &Scope) -> Result<Evidences> {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let gather = Gather {
            inventory,
            lock,
            policy: &self.policy,
            now: self.options.now,
            online: self.options.online(),
            bundled: self.options.bundled,
            sources: Sources {
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
        };
        // What was read with a plugin counts for its skills and hooks, so the plugin is looked at with them.
        let inside = |part: &Subject, whole: &Subject| {
            part.trees
                .tree
                .as_ref()
                .zip(whole.trees.tree.as_ref())
                .is_some_and(|(part, whole)| part.root.starts_with(&whole.root))
        };
        let in_scope: Vec<&Subject> = inventory
            .subjects
            .iter()
            .filter(|s| scope.contains(s.kind, &s.id))
            .collect();
        evidence::gather(&gather, &|subject| {
            scope.contains(subject.kind, &subject.id)
                || in_scope.iter().any(|part| inside(part, subject))
        })
    }

    /// Verifies the tags that git subjects were installed from, against what `lock` remembers of them.
    pub(crate) fn verify_tags(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        all: &mut Evidences,
    ) -> Result<()> {
        let rules = ReleaseRules::new(&self.policy, &self.options.anchors);
        for subject in &inventory.subjects {
            let Some(evidence) = all.get_mut(&subject.id) else {
                continue;
            };
            evidence.git.tag = evidence::tag(subject, lock, &rules, self.options.now)?;
            evidence.git.tag_elsewhere = evidence::elsewhere(subject, evidence.git.tag.as_ref());
        }
        Ok(())
    }

    /// Adds what the reviews say. Comes last, because trust in a publisher stands on verified origin.
    fn judge_reviews(&self, inventory: &Inventory, all: &mut Evidences, limits: CostLimits) {
        let manifests = self.options.manifests.as_ref().map(ManifestStore::new);
        let contents = self.options.contents.as_ref().map(ContentStore::new);
        let given = self.given(manifests.as_ref(), contents.as_ref(), limits);
        evidence::review::judge(all, &inventory.subjects, &self.policy, &given);
    }

    fn given<'a>(
        &'a self,
        manifests: Option<&'a ManifestStore>,
        contents: Option<&'a ContentStore>,
        limits: CostLimits,
    ) -> Given<'a> {
        let bases = Bases {
            manifests,
            contents,
            state_dir: self.options.state_dir.as_deref(),
            copy: self.options.relocated_from.is_some(),
            options: self.tree_options(),
        };
        self.reviews
            .given(&self.names.reviews, self.options.today(), bases, limits)
    }

    fn tree_options(&self) -> tree::Options<'_> {
        let progress = self.options.progress.as_deref();
        tree::Options {
            threads: self.options.threads,
            cancel: self.options.cancel.as_deref(),
            progress: progress.map(|progress| progress as &(dyn Fn(Progress) + Sync)),
            ..tree::Options::default()
        }
    }

    pub(crate) fn report(
        &self,
        inventory: &Inventory,
        lock: &Lock,
        evidence: &Evidences,
        scope: &Scope,
    ) -> Report {
        let judged: Vec<Judged<'_>> = inventory
            .subjects
            .iter()
            .filter(|subject| scope.contains(subject.kind, &subject.id))
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
            inventory,
            judged: &judged,
            lock,
            policy: &self.policy,
            reviews: &self.reviews.own,
            names: &self.names,
            today: self.options.today(),
            installed: self.options.state_dir.is_some(),
            full: *scope == Scope::Everything,
            online: self.options.online(),
            releases: &[],
        };
        let judgement = rules::judge(&whole, &self.options.levels);
        let kind_of = |id: &SubjectId| {
            let installed = inventory
                .subjects
                .iter()
                .find(|subject| subject.id == *id)
                .map(|subject| subject.kind);
            installed.or_else(|| lock.package(id).map(|entry| entry.kind))
        };
        let in_scope = |finding: &Finding| match &finding.subject {
            Some(id) => kind_of(id).is_none_or(|kind| scope.contains(kind, id)),
            None => true,
        };
        let findings: Vec<Finding> = judgement.findings.into_iter().filter(in_scope).collect();
        let installed = judged
            .iter()
            .filter(|judged| judged.evidence.stated.is_none());
        let subjects: Vec<SubjectReport> = installed
            .map(|judged| subject_report(judged, lock, &judgement.outcomes))
            .collect();
        Report {
            schema: report::SCHEMA,
            tool: Tool {
                name: "openclaw-verify",
                version: env!("CARGO_PKG_VERSION"),
            },
            inputs: self.inputs(),
            summary: report::summarize(&subjects, &findings),
            subjects,
            releases: Vec::new(),
            findings,
            not_covered: inventory.not_covered.clone(),
        }
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
                help: Some(
                    "name it with --openclaw DIR, such as /usr/lib/node_modules/openclaw"
                        .to_owned(),
                ),
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
                "openclaw-verify check -v lists the ids of all subjects",
            )),
            None => Ok(()),
        }
    }
}

pub(crate) type Evidences = std::collections::BTreeMap<SubjectId, Evidence>;
type AllOutcomes = std::collections::BTreeMap<(SubjectId, Group), Outcome>;

fn subject_report(judged: &Judged<'_>, lock: &Lock, outcomes: &AllOutcomes) -> SubjectReport {
    let Judged {
        subject, evidence, ..
    } = judged;
    let said = |group| outcomes.get(&(subject.id.clone(), group)).copied();
    let locked = lock.package(&subject.id).is_some();
    // Nothing was found against it; whether that is an answer depends on whether the question was asked.
    let integrity = said(Group::Integrity).unwrap_or(Outcome::NotApplicable);
    let provenance = said(Group::Provenance).unwrap_or(Outcome::NotApplicable);
    let provenance = match provenance {
        Outcome::NotApplicable if evidence.git.prove_origin() => Outcome::Verified,
        other => other,
    };
    let integrity = match integrity {
        Outcome::NotApplicable if unknown(subject, evidence) => Outcome::NotEstablished,
        Outcome::NotApplicable if locked => Outcome::Verified,
        other => other,
    };
    let provenance = match provenance {
        Outcome::NotApplicable if evidence.published.origin_is_verified() => Outcome::Verified,
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
        version: subject
            .version
            .as_deref()
            .map(|version| text::excerpt(version, 200)),
        source: subject.source,
        path: subject.place.shown.clone(),
        enabled: subject.enabled,
        tree: match &subject.mcp {
            Some(mcp) => Some(mcp.digest.to_string()),
            None => evidence.tree.tree().map(|tree| tree.digest.to_string()),
        },
        dependencies: evidence.dependencies.tree().map(|tree| tree.digest),
        basis: (integrity == Outcome::Verified).then(|| basis(subject, evidence)),
        outcomes: Outcomes {
            integrity,
            pinning: quiet(Group::Pinning),
            provenance,
            review: review(&evidence.review, said(Group::Review)),
            advisory: Outcome::NotApplicable,
        },
    }
}

/// Whether somebody has read it: nothing that policy asks for may be open.
fn review(facts: &ReviewFacts, said: Option<Outcome>) -> Outcome {
    match said {
        Some(Outcome::Violated) => Outcome::Violated,
        _ if facts.undigested => Outcome::NotEstablished,
        _ if facts.readings.is_empty() => Outcome::NotApplicable,
        _ => Outcome::Verified,
    }
}

/// What an intact verdict stands on. A local archive that lies in the state dir itself is nobody's publication.
fn basis(subject: &Subject, evidence: &Evidence) -> Basis {
    if evidence.git.prove_origin() {
        return Basis::Signed;
    }
    let published = &evidence.published;
    let dependencies = matches!(
        published.dependencies.outcome(),
        Outcome::Verified | Outcome::NotApplicable
    );
    match published.archive.verified() {
        Some(_) if dependencies && subject.source == Source::Npm => {
            if published.origin_is_verified() {
                Basis::Signed
            } else {
                Basis::Archive
            }
        }
        _ => Basis::Locked,
    }
}

/// Whether something about the subject could not be read, so that nothing said against it means nothing.
fn unknown(subject: &Subject, evidence: &Evidence) -> bool {
    use crate::inventory::Observation as O;
    let unread = |observation: &O| {
        matches!(
            observation,
            O::UnsupportedSchema { .. }
                | O::UnknownLayout { .. }
                | O::Unreadable { .. }
                | O::NotInCopy { .. }
        )
    };
    let host = |note: &tree::TreeNote| matches!(note, tree::TreeNote::HostLinkUnknown { .. });
    let parts = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    subject.observations.iter().any(unread)
        || parts
            .iter()
            .filter_map(|part| part.tree())
            .any(|tree| tree.notes.iter().any(host))
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
