//! Facts about git checkouts: whether the work tree is the commit's, and whether the tag of the spec is a release of its makers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use super::Evidence;
use crate::digest::{GitOid, TreeDigest};
use crate::error::{Error, Result};
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::git::{self, CheckoutState, GitError, ObjectReader, Repository, TreeLimits};
use crate::inventory::{self, Record, Subject};
use crate::lock::{Lock, LockedPackage, LockedRelease};
use crate::policy::{self, Policy, ReleaseNeed};
use crate::provenance::Anchors;
use crate::release::{self, ReleaseRule, TagVerdict};
use crate::review::Publisher;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::{BlobId, FileChange, Manifest, Mode, TreeEntry};
use crate::{json, read};

/// Inflating and copying for one checkout; a plugin's repository has a few megabytes.
const LIMITS: TreeLimits = TreeLimits {
    entries: 200_000,
    depth: 256,
    file_bytes: 256 << 20,
    work: 2 << 30,
};

const NPM_LOCK: &str = "package-lock.json";
/// Most bytes of npm's lock. That of a large project has some 2 MiB.
const NPM_LOCK_LIMIT: u64 = 16 << 20;

/// What was found out about a subject that came from git.
#[derive(Debug, Default)]
pub(crate) struct GitFacts {
    /// Whether the work tree holds what the recorded commit holds; with the files that differ only in line endings, safe to show.
    pub checkout: Fact<Vec<String>>,
    /// Where it does not, one line a path, safe to show.
    pub differences: Vec<String>,
    /// The tag of the spec, where a release rule of the policy is for it.
    pub tag: Option<TagFacts>,
    /// The commit that the tag leads to, when the recorded one is another.
    pub tag_elsewhere: Option<GitOid>,
}

/// A release tag that was verified, and on what.
#[derive(Clone, Debug)]
pub(crate) struct TagFacts {
    /// Whom findings name; none when the repository is not known.
    pub subject: Option<SubjectId>,
    /// The repository's id.
    pub repository: Option<String>,
    /// What came out.
    pub verdict: TagVerdict,
    /// What the rule asks for.
    pub require: ReleaseNeed,
    /// Line of the rule in the policy; 0 when it stands on the command line.
    pub line: usize,
    /// One of all tags of a repository, rather than the one to be used.
    pub listed: bool,
}

impl GitFacts {
    /// Whether the files are those of a commit that a signed tag of its makers names.
    pub(crate) fn prove_origin(&self) -> bool {
        let signed = |tag: &TagFacts| {
            tag.verdict.outcome == Outcome::Verified && tag.verdict.signer.is_some()
        };
        self.checkout.outcome() == Outcome::Verified
            && self.tag_elsewhere.is_none()
            && self.tag.as_ref().is_some_and(signed)
    }

    /// Who signed the tag, where that proves the origin. Never a tag that is moved, unsigned, or signed by another signer.
    pub(crate) fn publisher(&self) -> Option<Publisher> {
        let verdict = &self.tag.as_ref().filter(|_| self.prove_origin())?.verdict;
        let (signer, scheme) = verdict.signer.as_ref().zip(verdict.scheme)?;
        Some(Publisher::of_tag(&signer.publisher(scheme)))
    }

    /// Tag object and signer for the lock.
    pub(crate) fn pin(&self) -> Option<LockedRelease> {
        let tag = self.tag.as_ref().filter(|_| {
            self.tag_elsewhere.is_none() && self.checkout.outcome() == Outcome::Verified
        })?;
        tag.verdict
            .to_pin(tag.repository.as_deref().unwrap_or_default(), tag.require)
    }
}

/// The release rules of the policy, each with its trust files read when first needed.
pub(crate) struct ReleaseRules<'p> {
    policy: &'p Policy,
    anchors: &'p Arc<Anchors>,
    loaded: RefCell<BTreeMap<usize, Rc<ReleaseRule>>>,
}

impl<'p> ReleaseRules<'p> {
    pub(crate) fn new(policy: &'p Policy, anchors: &'p Arc<Anchors>) -> Self {
        Self {
            policy,
            anchors,
            loaded: RefCell::default(),
        }
    }

    /// The rule for a tag of a repository.
    pub(super) fn get(
        &self,
        repository: &str,
        tag: &str,
    ) -> Result<Option<(&'p policy::ReleasePolicy, Rc<ReleaseRule>)>> {
        let Some(rule) = self.policy.release_rule(repository, tag) else {
            return Ok(None);
        };
        if let Some(loaded) = self.loaded.borrow().get(&rule.line) {
            return Ok(Some((rule, Rc::clone(loaded))));
        }
        let loaded = Rc::new(ReleaseRule::load(rule, self.anchors)?);
        self.loaded
            .borrow_mut()
            .insert(rule.line, Rc::clone(&loaded));
        Ok(Some((rule, loaded)))
    }
}

/// Trust files never come from what they are to judge.
///
/// # Errors
/// When one does.
pub(crate) fn refuse_own_trust<'a>(
    repository: &Repository,
    files: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    match files.into_iter().find(|file| repository.contains(file)) {
        Some(file) => Err(Error::environment(
            format!(
                "{} lies in the repository under test, which must not say whom to trust",
                text::visible(&file.to_string_lossy())
            ),
            "keep signers and certificates beside your policy, in a place that the repository's makers cannot write",
        )),
        None => Ok(()),
    }
}

/// The digest of the files of a commit, as the tree walker gives it for a checkout.
///
/// # Errors
/// A submodule, whose files are not in this repository, or what keeps an object from being read.
pub(crate) fn commit_digest(
    repository: &Repository,
    commit: &GitOid,
) -> std::result::Result<TreeDigest, GitError> {
    let tree = repository.commit_tree(commit, &LIMITS)?;
    if let Some(path) = tree.submodules.first() {
        let why = format!(
            "{} is a submodule, whose files are elsewhere",
            text::excerpt(path, 200)
        );
        return Err(GitError::Unsupported(why));
    }
    Ok(tree
        .manifest(&mut ObjectReader::new(repository, LIMITS.work), &LIMITS)?
        .digest())
}

/// Whether the files of a git checkout are those of its commit.
pub(super) fn checkout(subject: &Subject, evidence: &Evidence, lock: &Lock) -> GitFacts {
    let mut facts = GitFacts::default();
    if subject.kind == Kind::Skill {
        facts.checkout = pinned_files(subject, evidence, lock);
        return facts;
    }
    let commit = subject
        .record
        .as_ref()
        .and_then(|record| record.git_commit.as_deref())
        .and_then(|text| text.parse().ok());
    // Without a `.git` of its own, a record or a digest there is nothing to compare; each has a finding of its own.
    let (true, Some(commit), Some(tree)) = (is_checkout(subject), commit, evidence.tree.tree())
    else {
        return facts;
    };
    let root = &subject.place.absolute;
    let state = Repository::open(root)
        .and_then(|repository| compare(&repository, &commit, root, &tree.manifest));
    facts.checkout = match state {
        Ok(CheckoutState::Equal) => Fact::Verified(Vec::new()),
        Ok(CheckoutState::EqualAfterEol(paths)) => Fact::Verified(
            paths
                .iter()
                .map(|path| text::visible(path).into_owned())
                .collect(),
        ),
        Ok(CheckoutState::Different(changes)) => {
            let line = |change: &FileChange| {
                format!("{} {}", change.kind.as_str(), text::visible(&change.path))
            };
            facts.differences = changes.iter().map(line).collect();
            let count = changes.len();
            let what = if count == 1 {
                "1 path differs".to_owned()
            } else {
                format!("{count} paths differ")
            };
            Fact::violated(None, format!("{what} from the commit {commit}"))
        }
        Err(error) => Fact::not_established(
            NotEstablished::UnsupportedRepository,
            format!(
                "whether the files are those of the commit {commit} cannot be determined: {error}"
            ),
        ),
    };
    facts
}

/// Whether the files of a git skill are those of the commit that its tag is pinned at. There is no clone to compare them with.
fn pinned_files(subject: &Subject, evidence: &Evidence, lock: &Lock) -> Fact<Vec<String>> {
    let record = subject
        .record
        .as_ref()
        .filter(|_| subject.source == Source::Git);
    let name =
        record.and_then(|record| Some((inventory::git_repository(record)?, tag_name(record)?)));
    let Some(pin) = name.and_then(|(repository, tag)| lock.release(&repository, tag)) else {
        return Fact::NotApplicable;
    };
    let recorded = record
        .and_then(|record| record.git_commit.as_deref())
        .unwrap_or_default();
    // Another commit is reported as that, and a tree without a digest too.
    let (true, Some(tree)) = (
        recorded.eq_ignore_ascii_case(pin.commit.as_str()),
        evidence.tree.tree(),
    ) else {
        return Fact::NotApplicable;
    };
    match pin.tree {
        Some(pinned) if pinned == tree.digest => Fact::Verified(Vec::new()),
        Some(_) => Fact::violated(
            None,
            format!(
                "the files are not those of the commit {}, at which its tag is pinned",
                pin.commit
            ),
        ),
        None => {
            let tag = text::excerpt(&pin.tag, 100);
            let why = format!(
                "the pin of {tag} does not say what its files are: pin it again by its name, from a whole clone"
            );
            Fact::not_established(NotEstablished::UnsupportedRepository, why)
        }
    }
}

fn compare(
    repository: &Repository,
    commit: &GitOid,
    root: &Path,
    worktree: &Manifest,
) -> std::result::Result<CheckoutState, GitError> {
    // npm installs into the checkout. What it installs has a digest of its own, and its lock is no code when it is one.
    let npm_lock = worktree
        .get(NPM_LOCK)
        .is_some_and(|entry| is_npm_lock(root, entry));
    let left_out = |path: &str| (npm_lock && path == NPM_LOCK) || path.starts_with("node_modules/");
    let mut tree = repository.commit_tree(commit, &LIMITS)?;
    tree.entries.retain(|entry| !left_out(&entry.path));
    let mut kept: Vec<TreeEntry> = worktree
        .entries()
        .iter()
        .filter(|entry| !left_out(&entry.path))
        .cloned()
        .collect();
    if worktree.is_without_modes() {
        let plain: BTreeSet<&str> = tree
            .entries
            .iter()
            .filter(|entry| entry.mode == Mode::Regular)
            .map(|entry| entry.path.as_str())
            .collect();
        for entry in kept
            .iter_mut()
            .filter(|entry| plain.contains(entry.path.as_str()))
        {
            entry.mode = Mode::Regular;
        }
    }
    let kept = Manifest::new(kept).map_err(|error| GitError::Unsafe {
        place: "the work tree".to_owned(),
        why: format!("holds {error}"),
    })?;
    git::compare_checkout(repository, &tree, &kept, &LIMITS)
}

/// Whether the file that was hashed is a lock as npm writes it, and nothing that could run.
fn is_npm_lock(root: &Path, entry: &TreeEntry) -> bool {
    let bytes = read::bytes(&root.join(NPM_LOCK), NPM_LOCK_LIMIT)
        .ok()
        .filter(|bytes| BlobId::of(bytes) == entry.id);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let lock = text.and_then(|text| json::strict(&text).ok());
    entry.mode == Mode::Regular
        && lock.is_some_and(|lock| {
            lock.get("lockfileVersion")
                .is_some_and(|version| version.is_u64())
                && lock.get("packages").is_some()
        })
}

/// The verdict about the tag that a git subject was installed from, when a release rule is for it.
///
/// # Errors
/// When a trust file of the operator cannot be read, or lies in the checkout.
pub(crate) fn tag(
    subject: &Subject,
    lock: &Lock,
    rules: &ReleaseRules<'_>,
    now: Timestamp,
) -> Result<Option<TagFacts>> {
    let Some(record) = subject
        .record
        .as_ref()
        .filter(|_| subject.source == Source::Git)
    else {
        return Ok(None);
    };
    let (Some(repository), Some(name)) = (inventory::git_repository(record), tag_name(record))
    else {
        return Ok(None);
    };
    let Some((rule, loaded)) = rules.get(&repository, name)? else {
        return Ok(None);
    };
    let remembered = pins(lock, subject, &repository, name);
    let verdict = match (lock.release(&repository, name), open(subject, name)) {
        // OpenClaw keeps no clone of a skill. What the operator pinned from one is used instead.
        (Some(pinned), _) if subject.kind == Kind::Skill => worst(
            remembered
                .iter()
                .map(|pins| release::verify_pinned(pinned, &loaded, pins, now)),
        ),
        (_, Ok(clone)) => {
            refuse_own_trust(&clone, rule.files())?;
            worst(
                remembered
                    .iter()
                    .filter_map(|pins| release::verify(&clone, name, &loaded, pins, now)),
            )
        }
        (_, Err(error)) => Some(release::verify_unreadable(name, &error)),
    };
    let verdict = verdict.unwrap_or_else(|| {
        let why = format!(
            "the clone has no tag `{}`, which the record names",
            text::excerpt(name, 100)
        );
        release::verify_unreadable(name, &GitError::NotARepository(why))
    });
    Ok(Some(TagFacts {
        subject: Some(subject.id.clone()),
        repository: Some(repository),
        verdict,
        require: rule.require,
        line: rule.line,
        listed: false,
    }))
}

/// The tag of the spec; none for a commit id. A branch matches no sensible pattern of release tags.
fn tag_name(record: &Record) -> Option<&str> {
    let reference = record.git_ref.as_deref()?;
    let reference = reference.strip_prefix("refs/tags/").unwrap_or(reference);
    (!reference.is_empty() && reference.parse::<GitOid>().is_err()).then_some(reference)
}

fn open(subject: &Subject, name: &str) -> std::result::Result<Repository, GitError> {
    if is_checkout(subject) {
        return Repository::open(&subject.place.absolute);
    }
    let why = format!(
        "{} holds no git repository to look for the tag in",
        subject.place.shown
    );
    Err(GitError::NotARepository(match subject.kind {
        Kind::Skill => {
            let name = text::excerpt(name, 100);
            format!("{why}; pin {name} from a clone of your own")
        }
        _ => why,
    }))
}

/// The verdicts under each set of pins; of several the worst. A tag that is gone is no reason to ask for less.
fn worst(verdicts: impl Iterator<Item = TagVerdict>) -> Option<TagVerdict> {
    verdicts.max_by_key(|verdict| verdict.outcome)
}

/// The lock may know a tag twice: as a release, and as what a subject was installed from. Each has to hold.
fn pins(lock: &Lock, subject: &Subject, repository: &str, name: &str) -> Vec<Vec<LockedRelease>> {
    let releases: Vec<LockedRelease> = lock
        .releases()
        .iter()
        .filter(|release| release.repository == repository)
        .cloned()
        .collect();
    let own = lock
        .package(&subject.id)
        .and_then(|entry| own_pin(entry, subject, repository, name));
    let with_own = own.map(|own| {
        let others = releases
            .iter()
            .filter(|release| release.tag != name)
            .cloned();
        others.chain([own]).collect()
    });
    [Some(releases), with_own].into_iter().flatten().collect()
}

/// What the entry of the subject says of the tag, when it was locked from the same one.
fn own_pin(
    entry: &LockedPackage,
    subject: &Subject,
    repository: &str,
    name: &str,
) -> Option<LockedRelease> {
    let locked_from = entry
        .spec
        .as_deref()?
        .strip_prefix(subject.id.as_str())?
        .strip_prefix('@')?;
    let same = locked_from
        .strip_prefix("refs/tags/")
        .unwrap_or(locked_from)
        == name;
    let tag_object = entry.tag_object.clone().filter(|_| same)?;
    Some(LockedRelease {
        repository: repository.to_owned(),
        tag: name.to_owned(),
        tag_object: Some(tag_object),
        commit: entry.commit.clone()?,
        signer: entry.signer.clone(),
        tree: None,
        line: entry.line,
    })
}

/// OpenClaw keeps the clone of a plugin; of a skill only its files.
fn is_checkout(subject: &Subject) -> bool {
    let folder = subject.place.absolute.join(".git");
    subject.source == Source::Git
        && subject.kind != Kind::Skill
        && folder.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// The recorded commit is not the one that a tag leads to.
pub(crate) fn elsewhere(subject: &Subject, tag: Option<&TagFacts>) -> Option<GitOid> {
    let found = tag?.verdict.commit.as_ref()?;
    let recorded = subject.record.as_ref()?.git_commit.as_deref();
    (!recorded.is_some_and(|recorded| recorded.eq_ignore_ascii_case(found.as_str())))
        .then(|| found.clone())
}
