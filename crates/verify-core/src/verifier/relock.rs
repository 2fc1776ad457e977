//! A new lock from what is installed, and what it would change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Scope, Verifier};
use crate::digest::{GitOid, Sri};
use crate::error::{Error, Result};
use crate::evidence::review::{self as facts, ReadPart};
use crate::evidence::{Evidence, Part};
use crate::fact::{NotEstablished, Outcome};
use crate::finding::{Finding, Level};
use crate::inventory::staged::copy::StagedCopy;
use crate::inventory::staged::request;
use crate::inventory::{Inventory, Listing, Subject};
use crate::lock::{
    Lock, LockChange, LockChangeKind, LockedPackage, Provenance, changes, changes_of_installed,
};
use crate::report::Report;
use crate::review::diff::CostLimits;
use crate::review::{ContentStore, Contents};
use crate::rules::Stage;
use crate::subject::{Kind, SubjectId};
use crate::tree::{Manifest, ManifestStore, TreeError};

/// A lock that could be written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Relock {
    /// The new lock.
    pub lock: Lock,
    /// How it differs from the one there is; everything is added when there is none.
    pub changes: Vec<LockChange>,
    /// Subjects that cannot be locked. An entry that they had stays as it was.
    pub refused: Vec<RefusedSubject>,
    /// What could not be read, one line each, safe to show. A lock that was taken without it would forget what lies there, and take
    /// it in later as something new: it must not be written over another one.
    pub unread: Vec<String>,
    /// What was installed is not known, so that any lock would be of something else.
    pub records_unknown: bool,
    /// What the policy says of the installation under the new lock.
    pub report: Report,
    manifests: Vec<Manifest>,
    contents: Vec<Contents<'static>>,
    listings: Vec<Listing>,
}

/// A subject that cannot be locked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedSubject {
    /// The subject.
    pub id: SubjectId,
    /// Why, safe to show.
    pub why: String,
}

impl Verifier {
    /// A lock of what is installed now: of everything, or with only `ids` taken anew.
    ///
    /// Nothing is written. A caller that writes it has to look at [`Relock::changes`] first: a change that needs the operator's word must
    /// not be written without it.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub fn relock(&self, ids: &[SubjectId]) -> Result<Relock> {
        let inventory = self.inventory()?;
        self.refuse_other_folder(&inventory)?;
        let wanted = |id: &SubjectId| ids.is_empty() || ids.contains(id);
        // What is gone can be taken out of the lock by name.
        let locked = |id: &SubjectId| {
            let lock = self.lock.as_ref();
            lock.is_some_and(|lock| lock.package(id).is_some())
        };
        let there = |id: &SubjectId| inventory.subjects.iter().any(|subject| subject.id == *id);
        if let Some(id) = ids.iter().find(|id| !there(id) && !locked(id)) {
            return Err(Error::environment(
                format!("no installed subject is called {id}"),
                "the report of a check lists the ids of all subjects",
            ));
        }
        let old = self.lock.clone().unwrap_or_default();
        let measured = self.gather(&inventory, &old, &Scope::Everything)?;
        let evidence = self.tagged(&inventory, &releases_of(&old)?, measured)?;

        let mut taken = Taken::default();
        if !ids.is_empty() {
            let stays = |entry: &&LockedPackage| there(&entry.id) || !ids.contains(&entry.id);
            taken.keep(old.packages().iter().filter(stays));
        }
        let subjects = inventory.subjects.iter();
        for subject in subjects.filter(|subject| wanted(&subject.id)) {
            let Some(evidence) = evidence.get(&subject.id) else {
                continue;
            };
            let before = old.package(&subject.id);
            match self.entry(subject, evidence, before) {
                Ok(Some(entry)) => taken.add(subject, evidence, entry),
                Ok(None) => {}
                Err(why) => {
                    taken.refuse(&subject.id, why);
                    taken.keep(before);
                }
            }
        }
        let lock = taken.lock(&old)?;
        // The evidence was compared with the old lock; what the policy will say is judged against the new one.
        let tagged = self.tagged(&inventory, &lock, evidence.against(&lock))?;
        let evidence = self.reviewed(&inventory, tagged, CostLimits::CHECK);
        let case = Case::new(Stage::Installed, &inventory, &lock, &Scope::Everything);
        let report = self.report(&case, &evidence);
        let mut unread = unread(&report, &wanted);
        if inventory.records_unknown {
            unread.push("what was installed is not known".to_owned());
        }
        let installed: BTreeSet<&SubjectId> = inventory.subjects.iter().map(|s| &s.id).collect();
        let known = |id: &SubjectId| installed.contains(id);
        let uninstalled = |gone: &LockedPackage| !inventory.records_unknown && !known(&gone.id);
        Ok(Relock {
            changes: changes_of_installed(&old, &lock, &uninstalled),
            lock,
            refused: taken.refused,
            unread,
            records_unknown: inventory.records_unknown,
            report,
            manifests: taken.manifests,
            contents: taken.contents,
            listings: listings(&inventory),
        })
    }

    /// A lock that also holds `id` as the gate kept it when it refused to install it. The digests are taken from the kept files, so
    /// the lock holds exactly what can be read there.
    ///
    /// # Errors
    /// As [`Verifier::check`], and when what was kept is not `id`.
    pub fn relock_copy(&self, id: &SubjectId, kept: &StagedCopy) -> Result<Relock> {
        let old = self.lock.clone().unwrap_or_default();
        let (subject, ids) = self.staged_as(id, kept)?;
        let inventory = Inventory::of(subject.clone());
        let measured = self.gather(&inventory, &old, &Scope::Everything)?;
        let evidence = self.tagged(&inventory, &releases_of(&old)?, measured)?;
        if let Some(evidence) = evidence.get(id) {
            as_kept(kept, &ids, evidence)?;
        }

        let mut taken = Taken::default();
        taken.keep(old.packages());
        if let Some(evidence) = evidence.get(id) {
            match self.entry(&subject, evidence, old.package(id)) {
                Ok(Some(entry)) => taken.add(&subject, evidence, entry),
                Ok(None) => taken.refuse(id, "the kept copy is empty".to_owned()),
                Err(why) => taken.refuse(id, why),
            }
        }
        let lock = taken.lock(&old)?;
        let tagged = self.tagged(&inventory, &lock, evidence.against(&lock))?;
        let evidence = self.reviewed(&inventory, tagged, CostLimits::CHECK);
        let scope = Scope::Kinds(vec![subject.kind], vec![id.clone()]);
        let case = Case::new(Stage::Staged, &inventory, &lock, &scope);
        let report = self.report(&case, &evidence);
        let unread = unread(&report, &|wanted| wanted == id);
        Ok(Relock {
            changes: changes(&old, &lock),
            lock,
            refused: taken.refused,
            unread,
            records_unknown: inventory.records_unknown,
            report,
            manifests: taken.manifests,
            contents: taken.contents,
            listings: listings(&inventory),
        })
    }

    /// What was kept, as `id`, and all that it could become.
    pub(super) fn staged_as(
        &self,
        id: &SubjectId,
        kept: &StagedCopy,
    ) -> Result<(Subject, Vec<SubjectId>)> {
        let lock = self.lock.clone().unwrap_or_default();
        let staged =
            request::files(&kept.request, &lock, self.host()).map_err(|why| Error::Subject {
                place: "the kept copy".to_owned(),
                why: why.to_string(),
                help: Some("install again, so that the gate keeps a new copy".to_owned()),
            })?;
        let ids = staged.subject.may_become.clone();
        if !ids.contains(id) {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            return Err(Error::environment(
                format!("the kept copy is not of {id}"),
                format!("it is of {}", ids.join(" or ")),
            ));
        }
        Ok((staged.subject_as(|other| other == id), ids))
    }

    /// The entry for a subject; none when nothing of it is installed. The error is why it is not locked. What a registry said against
    /// these bytes, no later run without a network would say again.
    fn entry(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        before: Option<&LockedPackage>,
    ) -> std::result::Result<Option<LockedPackage>, String> {
        let published = &evidence.published;
        let facts = [
            published.archive.violation(),
            published.provenance.violation(),
            published.signatures.violation(),
        ];
        match facts.into_iter().flatten().next() {
            Some(why) if self.options.online() => Err(format!(
                "{}; a check that asks the registry tells more",
                crate::text::excerpt(why, 400)
            )),
            _ => entry(subject, evidence, before),
        }
    }
}

/// What a new lock takes over, subject by subject.
#[derive(Default)]
struct Taken {
    entries: BTreeMap<SubjectId, LockedPackage>,
    refused: Vec<RefusedSubject>,
    manifests: Vec<Manifest>,
    contents: Vec<Contents<'static>>,
}

impl Taken {
    /// Entries as they are in the old lock.
    fn keep<'a>(&mut self, entries: impl IntoIterator<Item = &'a LockedPackage>) {
        let entries = entries.into_iter();
        self.entries
            .extend(entries.map(|entry| (entry.id.clone(), entry.clone())));
    }

    fn add(&mut self, subject: &Subject, evidence: &Evidence, entry: LockedPackage) {
        let trees = parts(evidence).into_iter().filter_map(Part::tree);
        self.manifests
            .extend(trees.map(|tree| tree.manifest.clone()));
        self.contents.extend(worth_keeping(subject, evidence));
        self.entries.insert(subject.id.clone(), entry);
    }

    fn refuse(&mut self, id: &SubjectId, why: String) {
        let id = id.clone();
        self.refused.push(RefusedSubject { id, why });
    }

    /// The lock, with the releases of the old one.
    fn lock(&mut self, old: &Lock) -> Result<Lock> {
        let entries = std::mem::take(&mut self.entries).into_values().collect();
        Lock::new(entries, old.releases().to_vec()).map_err(|error| contradiction(&error))
    }
}

impl Relock {
    /// Changes that the operator has to accept by name, other than those of `accepted`.
    ///
    /// Settings and instructions are what people change every day: naming their subject in `named` is word enough.
    pub fn unaccepted(
        &self,
        accepted: &[String],
        named: &[SubjectId],
    ) -> impl Iterator<Item = &LockChange> {
        let everyday = |what| {
            matches!(
                what,
                LockChangeKind::Settings | LockChangeKind::Instructions
            )
        };
        let is_named = move |change: &&LockChange| {
            everyday(change.what) && named.iter().any(|id| id.as_str() == change.id)
        };
        self.changes.iter().filter(move |change| {
            change.needs_accept && !accepted.contains(&change.id) && !is_named(change)
        })
    }

    /// Keeps the locked files themselves, so that what changed since the lock can be shown later. The caller decides when to
    /// [`ContentStore::prune`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_contents(&self, store: &ContentStore) -> std::io::Result<()> {
        self.contents
            .iter()
            .try_for_each(|contents| contents.keep_new(store))
    }

    /// Keeps the listings behind the new digests, so that a later mismatch can name files. They hash to the digests, so the store
    /// need not be trusted; a store that cannot be written only makes later messages poorer, and its error is given back.
    ///
    /// # Errors
    /// The first error of the store.
    pub fn keep_manifests(
        &self,
        store: &ManifestStore,
    ) -> std::result::Result<(), crate::tree::StoreError> {
        for listing in &self.listings {
            // A listing that cannot be kept only makes later messages poorer.
            let _ = listing.keep(store.folder());
        }
        self.manifests
            .iter()
            .try_for_each(|manifest| store.put(manifest).map(|_| ()))
    }
}

/// The own files of a subject that people read: of the host and the runtime only its publisher reads a difference.
fn worth_keeping(subject: &Subject, evidence: &Evidence) -> Option<Contents<'static>> {
    if matches!(subject.kind, Kind::Core | Kind::Runtime) {
        return None;
    }
    facts::installed(subject, evidence, ReadPart::Own).map(Contents::into_owned)
}

/// The listings behind the digests of definitions, settings and instructions.
fn listings(inventory: &Inventory) -> Vec<Listing> {
    let subjects = inventory.subjects.iter();
    let all = subjects.flat_map(|subject| {
        [
            &subject.definition,
            &subject.settings,
            &subject.instructions,
        ]
    });
    all.flatten().cloned().collect()
}

/// What is in the way of a whole inventory, as far as policy and flags do not say that it may.
fn unread(report: &Report, wanted: &dyn Fn(&SubjectId) -> bool) -> Vec<String> {
    let codes = [
        NotEstablished::UnsupportedSchema,
        NotEstablished::UnknownLayout,
        NotEstablished::NoHost,
    ]
    .map(NotEstablished::as_str);
    let counts = |finding: &&Finding| {
        finding.outcome == Outcome::NotEstablished
            && finding.level == Level::Deny
            && finding.suppressed.is_none()
            && finding.code.is_some_and(|code| codes.contains(&code))
            && finding.subject.as_ref().is_none_or(wanted)
    };
    report
        .findings
        .iter()
        .filter(counts)
        .map(|finding| finding.message.clone())
        .collect()
}

/// The entry for a subject: none when nothing of it is installed, an error in words when it has no digest.
fn entry(
    subject: &Subject,
    evidence: &Evidence,
    before: Option<&LockedPackage>,
) -> std::result::Result<Option<LockedPackage>, String> {
    let mut entry = LockedPackage::new(subject.id.clone(), subject.kind, subject.source);
    let record = subject.record.as_ref();
    entry.version = subject.recorded_version();
    entry.spec = subject.lockable_spec();
    entry.archive = record
        .and_then(|record| record.integrity.as_deref())
        .and_then(|text| text.parse::<Sri>().ok());
    entry.commit = record
        .and_then(|record| record.git_commit.as_deref())
        .and_then(|text| text.parse::<GitOid>().ok());
    // Of what lies outside the copy nothing new is known, and nothing is forgotten.
    if subject.is_elsewhere() {
        return Ok(before.cloned());
    }
    if !evidence.present(subject) {
        return Ok(None);
    }
    entry.definition = subject.definition_digest();
    entry.settings = subject.settings_digest();
    entry.instructions = subject.instructions_digest();
    // Declared state is no part of what was locked: the entry stays that of the files as they were read.
    let kept = before.filter(|_| evidence.tree.only_state_changed());
    entry.tree = match kept {
        Some(before) => before.tree,
        None => digest(&evidence.tree)?,
    };
    entry.dependencies = digest(&evidence.dependencies)?;
    entry.siblings = digest(&evidence.siblings)?;
    if entry.tree.is_some() {
        let files = parts(evidence).into_iter().filter_map(Part::tree);
        let count = files.map(|tree| tree.files).sum();
        entry.files = kept.map_or(Some(count), |before| before.files);
    }
    if let Some(pin) = evidence
        .git
        .pin()
        .filter(|pin| Some(&pin.commit) == entry.commit.as_ref())
    {
        entry.tag_object = pin.tag_object;
        entry.signer = pin.signer;
    }
    if let Some(signature) = &evidence.signature {
        entry.signer = signature.signer().map(|signer| signer.as_str().to_owned());
    }
    if let Some(before) = before {
        keep_evidence(&mut entry, before);
    }
    if let Some(provenance) = provenance(evidence) {
        entry.provenance = Some(provenance);
    }
    Ok(Some(entry))
}

/// Who built it, when that was verified in this run for the files that are installed. An identity without repository and workflow,
/// such as a person's, is nothing that a later version could be compared with.
fn provenance(evidence: &Evidence) -> Option<Provenance> {
    let published = &evidence.published;
    let identity = published
        .provenance
        .verified()
        .filter(|_| published.origin_is_verified())?;
    let text = |text: &str| crate::text::excerpt(text, 300);
    Some(Provenance {
        repository: text(identity.repository()?),
        workflow: text(identity.workflow()?),
        commit: identity
            .source_digest
            .as_deref()
            .and_then(|commit| commit.parse().ok()),
    })
}

/// Anyone who can write to the spool could put other files where the operator has read these.
pub(super) fn as_kept(kept: &StagedCopy, ids: &[SubjectId], evidence: &Evidence) -> Result<()> {
    let Some(tree) = evidence.tree.tree() else {
        return Ok(());
    };
    if kept.is_unchanged(
        ids,
        tree.digest,
        evidence.dependencies.tree().map(|tree| tree.digest),
    ) {
        return Ok(());
    }
    Err(Error::Subject {
        place: "the kept copy".to_owned(),
        why: "its files are not those that the gate kept under this name".to_owned(),
        help: Some(
            "find out who can write to the gate's spool; to keep a new copy, remove this one and install again".to_owned(),
        ),
    })
}

/// What a subject was installed from before may change; what was pinned as a release may not.
fn releases_of(old: &Lock) -> Result<Lock> {
    Lock::new(Vec::new(), old.releases().to_vec()).map_err(|error| contradiction(&error))
}

pub(super) fn contradiction(error: &crate::lock::LockError) -> Error {
    Error::environment(
        format!("the new lock contradicts itself: {error}"),
        "please report this",
    )
}

/// What was verified about these very bytes stays verified.
fn keep_evidence(entry: &mut LockedPackage, before: &LockedPackage) {
    let same = entry.tree == before.tree
        && entry.archive == before.archive
        && entry.commit == before.commit;
    if same {
        entry.provenance.clone_from(&before.provenance);
        if entry.tag_object.is_none() && entry.signer.is_none() {
            entry.tag_object.clone_from(&before.tag_object);
            entry.signer.clone_from(&before.signer);
        }
    }
}

fn digest(part: &Part) -> std::result::Result<Option<crate::digest::TreeDigest>, String> {
    match &part.measured {
        None | Some(Err(TreeError::Missing)) => Ok(None),
        Some(Ok(tree)) => Ok(Some(tree.digest)),
        Some(Err(error)) => Err(error.to_string()),
    }
}

fn parts(evidence: &Evidence) -> [&Part; 3] {
    [&evidence.tree, &evidence.dependencies, &evidence.siblings]
}
