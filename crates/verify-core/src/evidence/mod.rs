//! Facts about subjects. Computes, judges nothing; a rule decides what a fact means.

mod advisories;
mod archives;
pub(crate) mod bases;
mod core_release;
mod git;
mod mutable;
mod nix;
mod npm;
pub(crate) mod packed;
mod passes;
mod published;
pub(crate) mod review;
mod skill_signature;
mod staged;
mod wants;

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::{GitOid, Sha256Digest, Sri, TreeDigest};
use crate::error::{Error, Result};
use crate::inventory::{Inventory, Listing, Memory, Subject};
use crate::lock::{Lock, LockedPackage};
use crate::nix::{Store, StoreOptions};
use crate::policy::{Digests, OriginProof, Policy};
use crate::provenance::model::ModelSigner;
use crate::review::Publisher;
use crate::subject::Kind;
pub(crate) use advisories::{Advised, AdvisedPackage, AdvisoriesAsked};
pub(crate) use archives::{ArchiveSources, SHRINKWRAP};
pub(crate) use bases::BaseSources;
pub use core_release::CoreRelease;
pub(crate) use git::{
    GitFacts, ReleaseRules, TagFacts, commit_digest, elsewhere, refuse_own_trust, tag,
};
pub(crate) use mutable::StateChange;
pub(crate) use nix::{StoreFact, StoreFacts};
pub(crate) use npm::NpmFacts;
pub(crate) use passes::{Evidences, Measured, Tagged};
pub(crate) use published::{Compared, Published};
pub(crate) use review::ReviewFacts;
pub(crate) use skill_signature::{SkillSignature, SkillTrust, is_signature};
pub(crate) use wants::{Wants, identity_policy};

use crate::tree::{self, FileChange, Manifest, ManifestStore, Tree, TreeError, TreeSpec};

/// Everything that was found out about one subject.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Its own files.
    pub tree: Part,
    /// Its dependencies.
    pub dependencies: Part,
    /// For the host package: what npm hoisted beside it.
    pub siblings: Part,
    /// What is known of its published archives, and of who made them.
    pub published: Published,
    /// What advisories say of it and of what it brings along.
    pub advisories: Advised,
    /// What its npm packages bring along.
    pub npm: NpmFacts,
    /// Who has read it.
    pub review: ReviewFacts,
    /// Its commit and tag, when it came from git.
    pub git: GitFacts,
    /// Of the core: the release that it was built from.
    pub core_release: Option<CoreRelease>,
    /// Who signed its files, where a rule of the policy asks for that.
    pub signature: Option<SkillSignature>,
    /// What a Nix store says of it, where it lies in one or leads into one.
    pub store: Option<StoreFacts>,
    /// What changed in its definition, settings and instructions since they were locked, where that is known.
    pub listed: Listed,
    /// What was announced of it, where an install of it is asked about.
    pub announced: Option<AnnouncedFacts>,
    /// What the lock says of it, where no installation is looked at and nothing else is known.
    pub stated: Option<LockedPackage>,
}

/// Changed keys, one line each; none where the listing of the lock is not at hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    pub definition: Option<Vec<String>>,
    pub settings: Option<Vec<String>>,
    pub instructions: Option<Vec<String>>,
}

impl Listed {
    fn of(subject: &Subject, locked: Option<&LockedPackage>, folder: Option<&Path>) -> Self {
        let changed = |listing: Option<&Listing>, locked: Option<Sha256Digest>| {
            let listing = listing?;
            let Some(locked) = locked else {
                return Some(listing.all_added());
            };
            let folder = folder?;
            if listing.digest() == locked {
                return None;
            }
            listing.changed_since(folder, &locked)
        };
        let Some(entry) = locked else {
            return Self::default();
        };
        Self {
            definition: changed(subject.definition.as_ref(), entry.definition),
            settings: changed(subject.settings.as_ref(), entry.settings),
            instructions: changed(subject.instructions.as_ref(), entry.instructions),
        }
    }
}

/// What was said of a subject before it is staged.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnouncedFacts {
    /// The archive, as the registry says or as it lies there.
    pub archive: Option<Sri>,
    /// The commit that was cloned.
    pub commit: Option<GitOid>,
    /// The archives that were announced for this install a moment ago; none where nothing is remembered.
    pub before: Vec<String>,
}

/// One digested part of a subject.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// What was found; none when the subject has no such part.
    pub measured: Option<Result<Tree, TreeError>>,
    /// What the lock says; none without an entry, or when the entry has no such part.
    pub locked: Option<TreeDigest>,
    /// Whether the lock has an entry for the subject.
    pub in_lock: bool,
    /// What changed since, where the manifest of the locked digest is at hand.
    pub changes: Option<Vec<FileChange>>,
    /// Whether what changed is only state of its own.
    pub state: StateChange,
    /// Whether it lies outside the copy that is judged, so that nothing is known of it.
    pub elsewhere: bool,
}

impl Part {
    /// The tree, when it could be digested.
    pub(crate) fn tree(&self) -> Option<&Tree> {
        self.measured.as_ref()?.as_ref().ok()
    }

    /// Whether only files differ from the lock that the operator declared as the subject's own state.
    pub(crate) fn only_state_changed(&self) -> bool {
        self.state == StateChange::Declared
    }

    /// The digest that reviews and exceptions are bound to: that of the lock, where only declared state changed since.
    pub(crate) fn bound_digest(&self) -> Option<TreeDigest> {
        if self.elsewhere {
            return self.locked;
        }
        let now = self.tree()?.digest;
        Some(match self.locked {
            Some(locked) if self.only_state_changed() => locked,
            _ => now,
        })
    }

    /// The same without a folder that holds nothing of its own: `node_modules` with the link to the host, which every plugin gets, are no
    /// packages. A lock that holds just that stays met.
    fn unless_empty(mut self) -> Self {
        let empty = self
            .tree()
            .filter(|tree| tree.manifest.entries().is_empty() && tree.notes.is_empty());
        if empty.is_some_and(|tree| self.locked != Some(tree.digest)) {
            self.measured = None;
        }
        self
    }

    /// Whether there is something that could not be digested.
    pub(crate) fn unreadable(&self) -> bool {
        matches!(&self.measured, Some(Err(error)) if !matches!(error, TreeError::Missing))
    }

    /// Whether it holds something that no digest can cover, so that it can be neither locked nor reviewed.
    pub(crate) fn is_unsafe(&self) -> bool {
        matches!(
            &self.measured,
            Some(Err(TreeError::Unsafe { .. } | TreeError::Limit { .. }))
        )
    }

    /// Whether the subject is locked and this part is not as locked. A part that could not be digested, or lies outside the copy, is no
    /// difference: it is reported as what it is.
    pub(crate) fn differs(&self) -> bool {
        match &self.measured {
            _ if !self.in_lock || self.elsewhere || self.only_state_changed() => false,
            Some(Ok(tree)) => self.locked != Some(tree.digest),
            Some(Err(TreeError::Missing)) | None => self.locked.is_some(),
            Some(Err(_)) => false,
        }
    }
}

impl Evidence {
    /// Whether the subject is proven to come from whom its name says: verified provenance, registry signature or tag signature.
    pub(crate) fn origin_proof(&self) -> OriginProof {
        let proven = self.published.origin_is_verified()
            || self.git.prove_origin()
            || self.folder_signer().is_some()
            || self.store_signer().is_some();
        if proven {
            OriginProof::Verified
        } else {
            OriginProof::Missing
        }
    }

    /// Its publishers, as verified in this run. Never what a record claims.
    pub(crate) fn publishers(&self) -> Vec<Publisher> {
        let built = self
            .published
            .provenance
            .verified()
            .filter(|_| self.published.origin_is_verified());
        let publisher = built.and_then(|identity| {
            Some(Publisher::of_build(
                identity.repository()?,
                identity.workflow()?,
            ))
        });
        let folder = self.folder_signer();
        publisher
            .into_iter()
            .chain(self.git.publisher())
            .chain(folder.map(|signer| Publisher::of_tag(signer.as_str())))
            .collect()
    }

    /// Who signed the files themselves, where that was verified in this run.
    pub(crate) fn folder_signer(&self) -> Option<&ModelSigner> {
        self.signature.as_ref()?.signer()
    }

    /// The key of a Nix store by which its files are signed, where that was verified in this run.
    pub(crate) fn store_signer(&self) -> Option<&str> {
        self.store.as_ref()?.signer.as_deref()
    }

    /// Whether a part of it can have no digest.
    pub(crate) fn is_unsafe(&self) -> bool {
        [&self.tree, &self.dependencies, &self.siblings]
            .into_iter()
            .any(Part::is_unsafe)
    }

    /// Whether any files of it are not as locked.
    pub(crate) fn differs(&self) -> bool {
        [&self.tree, &self.dependencies, &self.siblings]
            .into_iter()
            .any(Part::differs)
    }

    /// What is installed, as exceptions and reviews name it.
    pub(crate) fn digests<'a>(&'a self, subject: &'a Subject) -> Digests<'a> {
        if let Some(stated) = &self.stated {
            return Digests {
                tree: stated.tree,
                dependencies: stated.dependencies,
                definition: stated.definition,
                settings: stated.settings,
                instructions: stated.instructions,
                archive: stated.archive,
                version: stated.version.as_deref(),
            };
        }
        Digests {
            tree: self.tree.bound_digest(),
            dependencies: self.dependencies.tree().map(|tree| tree.digest),
            definition: subject.definition_digest(),
            settings: subject.settings_digest(),
            instructions: subject.instructions_digest(),
            archive: self
                .announced
                .as_ref()
                .and_then(|announced| announced.archive)
                .or(self.published.archive.verified().copied()),
            version: subject.version.as_deref().or(of_node(subject)),
        }
    }

    /// Whether there is anything of `subject` that OpenClaw could load or obey: files, a definition, settings, instructions.
    pub(crate) fn present(&self, subject: &Subject) -> bool {
        subject.is_defined() || !matches!(self.tree.measured, None | Some(Err(TreeError::Missing)))
    }
}

/// The version of the Node.js that a unit starts, which is all of it that a unit has a version of.
fn of_node(subject: &Subject) -> Option<&str> {
    let node = subject
        .node
        .as_ref()
        .filter(|_| subject.kind == Kind::Service);
    node?.version.as_deref()
}

/// How evidence is gathered.
pub(crate) struct Gather<'a> {
    pub inventory: &'a Inventory,
    pub lock: &'a Lock,
    pub manifests: Option<&'a ManifestStore>,
    pub policy: &'a Policy,
    pub now: jiff::Timestamp,
    /// Whether the operator allowed the network.
    pub online: bool,
    /// Also compare packages that lie in other archives with their own.
    pub bundled: bool,
    pub sources: ArchiveSources<'a>,
    pub options: tree::TreeOptions<'a>,
    /// The Nix store in which subjects may lie.
    pub store: StoreOptions,
    /// What is kept between runs of one process.
    pub memory: Option<&'a Memory>,
}

/// Evidence about each subject of the inventory for which `wanted` holds, by id.
///
/// # Errors
/// When a file changed while it was read, the operating system refused, or the caller cancelled: then there is no verdict at all.
pub(crate) fn gather(gather: &Gather<'_>, wanted: &dyn Fn(&Subject) -> bool) -> Result<Measured> {
    let subjects: Vec<&Subject> = gather
        .inventory
        .subjects
        .iter()
        .filter(|subject| wanted(subject))
        .collect();
    let specs: Vec<TreeSpec> = subjects
        .iter()
        .flat_map(|subject| parts(subject).into_iter().flatten())
        .cloned()
        .collect();
    let host = gather
        .inventory
        .host
        .as_ref()
        .map(|place| place.absolute.as_path());
    let plan = archives::plan(
        &subjects,
        host,
        gather.policy,
        gather.lock,
        gather.online,
        gather.bundled,
    );
    let store = Store::new(&gather.store);
    let (trees, arrivals) = measure(gather, &specs, &plan, store.folder())?;
    let mut trees = trees.into_iter();
    let mut all = BTreeMap::new();
    for subject in &subjects {
        let evidence = of_subject(gather, subject, &mut trees, &store)?;
        all.insert(subject.id.clone(), evidence);
    }
    archives::judge(&plan, &arrivals, &gather.sources, gather.now, &mut all)?;
    // That a copy equals nothing is known only beside everything that is installed.
    let staged = if subjects.len() == gather.inventory.subjects.len() {
        staged::read(gather.inventory, all.values(), gather.manifests)
    } else {
        Vec::new()
    };
    Ok(Measured::new(all, staged))
}

/// What a part of a subject has for a digest.
type Digested = std::result::Result<Tree, TreeError>;

/// Hashes the installed files, while archives are downloaded and read.
fn measure(
    gather: &Gather<'_>,
    specs: &[TreeSpec],
    plan: &archives::ComparisonPlan<'_>,
    store: &Path,
) -> Result<(Vec<Digested>, Vec<archives::Arrival>)> {
    let (trees, arrivals) = std::thread::scope(|scope| {
        let arrivals = scope.spawn(|| archives::arrive(plan, &gather.sources, gather.now));
        let options = tree::TreeOptions {
            files: gather.memory.map(Memory::files),
            store: Some(store),
            ..gather.options
        };
        let digest = |specs: &[TreeSpec]| tree::digest_all(specs, &options);
        let trees = match gather.memory {
            Some(memory) => memory.digests(specs, digest),
            None => digest(specs),
        };
        (trees, arrivals.join())
    });
    let arrivals = arrivals
        .map_err(|_| Error::environment("the archives could not be read", "please report this"))?;
    Ok((trees, arrivals))
}

/// What is known of one subject by its own files; `trees` gives the next of its parts in their order.
fn of_subject(
    gather: &Gather<'_>,
    subject: &Subject,
    trees: &mut impl Iterator<Item = Digested>,
    store: &Store,
) -> Result<Evidence> {
    let locked = gather.lock.package(&subject.id);
    let in_lock = locked.is_some();
    let mut next = |spec: Option<&TreeSpec>, locked: Option<TreeDigest>| -> Result<Part> {
        let measured = match spec {
            Some(_) => Some(usable(
                subject,
                trees.next().unwrap_or(Err(TreeError::Missing)),
            )?),
            None => None,
        };
        Ok(Part::new(
            measured,
            locked,
            in_lock,
            gather.manifests,
            comparison(subject),
        ))
    };
    let [tree, dependencies, siblings] = parts(subject);
    let mut evidence = Evidence {
        tree: next(tree, locked.and_then(|entry| entry.tree))?,
        dependencies: next(dependencies, locked.and_then(|entry| entry.dependencies))?
            .unless_empty(),
        siblings: next(siblings, locked.and_then(|entry| entry.siblings))?,
        advisories: Advised::default(),
        npm: npm::facts(subject),
        published: archives::unknown(subject),
        review: ReviewFacts::default(),
        git: GitFacts::default(),
        core_release: None,
        signature: None,
        store: None,
        listed: Listed::of(subject, locked, gather.manifests.map(ManifestStore::folder)),
        announced: None,
        stated: None,
    };
    if subject.is_elsewhere() {
        for part in [
            &mut evidence.tree,
            &mut evidence.dependencies,
            &mut evidence.siblings,
        ] {
            part.elsewhere = part.measured.is_none();
        }
    }
    let declared = gather.policy.mutable(&subject.id);
    evidence.tree.state = mutable::judge(subject, &evidence.tree, gather.manifests, declared);
    evidence.git = git::checkout(subject, &evidence, gather.lock);
    evidence.store = nix::judge(subject, &evidence, store, gather.options.cancel)?;
    Ok(evidence)
}

/// How a tree is compared with the locked one: the files of what starts some have no folder of their own.
fn comparison(subject: &Subject) -> Comparison {
    match subject.kind {
        Kind::McpServer | Kind::Config | Kind::Automation | Kind::Service => tree::compare_rooted,
        _ => tree::compare,
    }
}

/// Evidence about each entry of a lock, where no installation is looked at: only what is written is known.
pub(crate) fn stated(lock: &Lock) -> Measured {
    let evidence = |entry: &LockedPackage| Evidence {
        stated: Some(entry.clone()),
        ..Evidence::default()
    };
    let entries = lock.packages().iter();
    Measured::new(
        entries
            .map(|entry| (entry.id.clone(), evidence(entry)))
            .collect(),
        Vec::new(),
    )
}

type Comparison = fn(&Manifest, &Manifest) -> Vec<FileChange>;

impl Part {
    fn new(
        measured: Option<Result<Tree, TreeError>>,
        locked: Option<TreeDigest>,
        in_lock: bool,
        manifests: Option<&ManifestStore>,
        compare: Comparison,
    ) -> Self {
        let mut part = Self {
            measured,
            locked,
            in_lock,
            changes: None,
            state: StateChange::No,
            elsewhere: false,
        };
        if let (true, Some(locked), Some(tree), Some(store)) =
            (part.differs(), locked, part.tree(), manifests)
        {
            // A manifest hashes to its digest, so one that is missing or broken only makes the message poorer.
            part.changes = store
                .get(&locked)
                .ok()
                .flatten()
                .map(|old| compare(&old, &tree.manifest));
        }
        part
    }

    /// Compares with another lock from now on.
    pub(crate) fn relocked(&mut self, locked: Option<TreeDigest>, in_lock: bool) {
        // The entry was kept as it was, and so was what it says of the state.
        if self.only_state_changed() && self.locked == locked && in_lock {
            return;
        }
        self.state = StateChange::No;
        self.locked = locked;
        self.in_lock = in_lock;
        self.changes = None;
    }
}

/// The parts of a subject, in the order of [`Evidence`].
fn parts(subject: &Subject) -> [Option<&TreeSpec>; 3] {
    [
        subject.trees.tree.as_ref(),
        subject.trees.dependencies.as_ref(),
        subject.trees.siblings.as_ref(),
    ]
}

/// What may stand as evidence. A file that changes under the walk, and a system that refuses, leave no verdict.
fn usable(subject: &Subject, tree: Result<Tree, TreeError>) -> Result<Result<Tree, TreeError>> {
    match tree {
        Err(TreeError::Cancelled) => Err(Error::Cancelled),
        Err(error @ TreeError::Changed { .. }) => Err(Error::Subject {
            place: format!("{} ({})", subject.place.shown, subject.id),
            why: error.to_string(),
            help: Some("run again when nothing is being installed or written there".to_owned()),
        }),
        Err(TreeError::Io { path, source }) => Err(Error::Environment {
            what: format!(
                "{} ({}): cannot read {path}",
                subject.place.shown, subject.id
            ),
            source: Some(source),
            help: Some("run as the user who runs OpenClaw".to_owned()),
            needs: None,
        }),
        other => Ok(other),
    }
}
