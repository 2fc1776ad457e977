//! Who has read what is installed, and who says that it must not run.

mod context;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;

pub(crate) use context::ReviewContext;

use super::{Evidence, Part};
use crate::digest::TreeDigest;
use crate::finding::Location;
use crate::inventory::Subject;
use crate::policy::{Dependencies, Policy};
use crate::review::diff::{self, Cost};
use crate::review::{Content, Contents, Criteria, EntryOrigin, Question, Violation};
use crate::subject::{Kind, SubjectId};
use crate::text;
use crate::tree::Manifest;

/// What reviews say about one subject.
#[derive(Debug, Default)]
pub(crate) struct ReviewFacts {
    /// Entries that say that it must not run. Looked for whatever policy requires.
    pub violations: Vec<ReviewEntry>,
    /// What policy requires to have been read, and whether it was. Empty where policy requires nothing, or where there is no digest.
    pub required: Vec<RequiredReview>,
    /// Policy requires a review, and what is installed has no digest that one could name.
    pub undigested: bool,
}

/// One thing that policy requires to have been read.
#[derive(Debug)]
pub(crate) struct RequiredReview {
    /// What.
    pub part: ReadPart,
    /// Its digest.
    pub content: Content,
    /// What a review has to say.
    pub wanted: Criteria,
    /// Whether one does.
    pub status: ReviewStatus,
    /// The least that is left to read, where there is no review.
    pub next: Option<Next>,
    /// A plugin that holds the very same files and has to be read as well: reading that one reads this.
    pub within: Option<SubjectId>,
    /// Entries about it that do not suffice, where there is no review.
    pub insufficient: Vec<Insufficient>,
}

/// An entry about what has to be read that does not make it count, and why.
#[derive(Debug)]
pub(crate) enum Insufficient {
    /// It vouches for no more than this.
    Criteria(Criteria, ReviewEntry),
    /// It trusts another publisher than the verified one, or none was verified.
    Publisher {
        trusted: String,
        is_verified: bool,
        at: Location,
    },
}

/// The cheapest thing to read.
#[derive(Debug)]
pub(crate) struct Next {
    /// What is known already; none to read all.
    pub from: Option<TreeDigest>,
    /// Its version, for people.
    pub version: Option<String>,
    /// Where the known files are, in words.
    pub place: Option<String>,
    /// How much there is to read.
    pub cost: Cost,
}

/// Which part of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadPart {
    /// Its own files, or its definition.
    Own,
    /// Its dependencies.
    Dependencies,
    /// What npm hoisted beside the host package.
    Siblings,
}

/// Whether something was read.
#[derive(Debug)]
pub(crate) enum ReviewStatus {
    /// By people, in these steps from nothing to what is installed.
    Reviewed(Vec<ReviewEntry>),
    /// As a part of a plugin that was read by people.
    WithPlugin,
    /// It comes from a trusted publisher, by these entries; the one that lasts longest comes first.
    Trusted(Vec<ReviewEntry>),
    /// Only by machines, at least in one step; these are theirs.
    AgentOnly(Vec<ReviewEntry>),
    /// These steps no longer count.
    Expired(Vec<ReviewEntry>),
    /// Not reviewed.
    Unreviewed,
}

/// One entry of a reviews file. Texts are safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReviewEntry {
    /// Who wrote it.
    pub by: String,
    /// The machine that read it.
    pub model: Option<String>,
    /// From when on it counts.
    pub date: Date,
    /// The last day on which it counts.
    pub until: Option<Date>,
    /// Why, for a violation.
    pub reason: String,
    /// Where it stands.
    pub at: Location,
}

impl ReviewStatus {
    /// Whether what policy requires has been read.
    pub(crate) fn counts(&self) -> bool {
        matches!(
            self,
            Self::Reviewed(_) | Self::WithPlugin | Self::Trusted(_)
        )
    }
}

/// Adds to `all` what the reviews say. Asked last, because trust stands on verified origin.
pub(crate) fn judge(
    all: &mut BTreeMap<SubjectId, Evidence>,
    subjects: &[Subject],
    policy: &Policy,
    given: &ReviewContext<'_>,
) {
    for subject in subjects {
        let Some(evidence) = all.get_mut(&subject.id) else {
            continue;
        };
        evidence.review = facts(subject, evidence, policy, given);
    }
    read_with_plugin(all, subjects);
    read_with_locked_plugin(all, subjects);
    for subject in subjects {
        let Some(evidence) = all.get_mut(&subject.id) else {
            continue;
        };
        let mut readings = std::mem::take(&mut evidence.review.required);
        for reading in readings
            .iter_mut()
            .filter(|reading| !reading.status.counts())
        {
            reading.next = next(subject, evidence, reading, given);
        }
        evidence.review.required = readings;
    }
}

/// The cheapest way from what people have read to what is installed.
fn next(
    subject: &Subject,
    evidence: &Evidence,
    reading: &RequiredReview,
    given: &ReviewContext<'_>,
) -> Option<Next> {
    let installed = match installed(subject, evidence, reading.part) {
        Some(installed) => installed,
        None if evidence.stated.is_some() => return None,
        // A definition is one thing to read.
        None => {
            return Some(Next {
                from: None,
                version: None,
                place: None,
                cost: Cost {
                    lines: None,
                    files: 1,
                },
            });
        }
    };
    let whole = diff::cost(None, &installed, given.limits)?;
    let mut best = Next {
        from: None,
        version: None,
        place: None,
        cost: whole,
    };
    let known = known(
        &subject.id,
        reading.part,
        reading.content,
        reading.wanted,
        given,
    );
    let found = given.find(subject, reading.part, &known);
    for (digest, base) in &found {
        if let Some(cost) = diff::cost(Some(base), &installed, given.limits)
            .filter(|cost| cost.key() < best.cost.key())
        {
            let version = known
                .iter()
                .find(|known| known.digest == *digest)
                .and_then(|known| known.version.clone());
            best = Next {
                from: Some(*digest),
                version,
                place: Some(base.place.clone()),
                cost,
            };
        }
    }
    Some(best)
}

/// A tree that people have read.
#[derive(Clone, Debug)]
pub(crate) struct ReviewedTree {
    pub digest: TreeDigest,
    /// The version under which they did, for people.
    pub version: Option<String>,
}

/// The trees of a part of a subject other than `content` that people have read as it is wanted.
pub(crate) fn known(
    subject: &SubjectId,
    part: ReadPart,
    content: Content,
    wanted: Criteria,
    given: &ReviewContext<'_>,
) -> Vec<ReviewedTree> {
    let reviewed: Vec<(TreeDigest, Option<&str>)> = match part {
        ReadPart::Own => {
            let reviewed = given
                .index
                .gap(subject, content, wanted)
                .reviewed
                .into_iter();
            let trees = reviewed.filter_map(|known| match known {
                Content::Tree(tree) => Some((tree, given.index.version_of(subject, known))),
                Content::Definition(_) => None,
            });
            trees.collect()
        }
        ReadPart::Dependencies | ReadPart::Siblings => {
            given.index.known_dependencies(subject, wanted)
        }
    };
    let others = reviewed
        .into_iter()
        .filter(|(digest, _)| Content::Tree(*digest) != content);
    others
        .map(|(digest, version)| ReviewedTree {
            digest,
            version: version.map(|version| text::excerpt(version, 60)),
        })
        .collect()
}

/// What was reviewed before and leaves the least to read: its version, else its digest. Only own files are compared with it.
pub(crate) fn known_version(reading: &RequiredReview) -> Option<String> {
    let next = reading.next.as_ref()?;
    let from = next.from.filter(|_| reading.part == ReadPart::Own)?;
    Some(next.version.clone().unwrap_or_else(|| from.to_string()))
}

/// What is installed of a part, to be read; none for a definition.
pub(crate) fn installed<'a>(
    subject: &Subject,
    evidence: &'a Evidence,
    part: ReadPart,
) -> Option<Contents<'a>> {
    let (spec, measured) = match part {
        ReadPart::Own => (&subject.trees.tree, &evidence.tree),
        ReadPart::Dependencies => (&subject.trees.dependencies, &evidence.dependencies),
        ReadPart::Siblings => (&subject.trees.siblings, &evidence.siblings),
    };
    let manifest = &measured.tree()?.manifest;
    Some(Contents::folder(
        Cow::Borrowed(manifest),
        spec.as_ref()?.root.clone(),
        format!("installed at {}", subject.place.shown),
    ))
}

impl ReviewFacts {
    fn require(
        &mut self,
        part: ReadPart,
        content: Content,
        wanted: Criteria,
        status: ReviewStatus,
    ) {
        self.required.push(RequiredReview {
            part,
            content,
            wanted,
            status,
            next: None,
            within: None,
            insufficient: Vec::new(),
        });
    }
}

fn facts(
    subject: &Subject,
    evidence: &Evidence,
    policy: &Policy,
    given: &ReviewContext<'_>,
) -> ReviewFacts {
    let own = content(subject, evidence);
    let stated = evidence.stated.as_ref();
    let digest =
        |part: &Part, stated: Option<TreeDigest>| part.tree().map(|tree| tree.digest).or(stated);
    let dependencies = digest(
        &evidence.dependencies,
        stated.and_then(|entry| entry.dependencies),
    );
    let siblings = digest(&evidence.siblings, stated.and_then(|entry| entry.siblings));
    let all: Vec<TreeDigest> = dependencies.into_iter().chain(siblings).collect();
    let versions = versions(subject, evidence);

    let mut facts = ReviewFacts {
        violations: violations(subject, own, &versions, &all, given),
        ..ReviewFacts::default()
    };
    // What must not run needs no reader.
    if !facts.violations.is_empty() || (stated.is_none() && !evidence.present(subject)) {
        return facts;
    }
    let proof = evidence.origin_proof();
    let requirements = policy.requirements(&subject.id, subject.kind, subject.source);
    if let Some(wanted) = requirements.review(proof) {
        let publishers = evidence.publishers();
        match own {
            Some(content) => {
                let question = Question {
                    subject: &subject.id,
                    content,
                    versions: &versions,
                    dependencies: &[],
                    wanted,
                    publishers: &publishers,
                };
                let status = given.status(given.index.judge(&question));
                let is_open = matches!(status, ReviewStatus::Unreviewed);
                facts.require(ReadPart::Own, content, wanted, status);
                if let Some(reading) = facts.required.last_mut().filter(|_| is_open) {
                    reading.insufficient = given.insufficient(&question);
                }
            }
            None => facts.undigested = true,
        }
    }
    if requirements.dependencies == Dependencies::Reviewed {
        let wanted = requirements.review(proof).unwrap_or(Criteria::SafeToRun);
        for (part, spec, digest) in [
            (ReadPart::Dependencies, &evidence.dependencies, dependencies),
            (ReadPart::Siblings, &evidence.siblings, siblings),
        ] {
            let Some(digest) = digest else {
                facts.undigested |= spec.unreadable();
                continue;
            };
            let status = given.status(given.index.dependencies(&subject.id, digest, wanted));
            facts.require(part, Content::Tree(digest), wanted, status);
        }
    }
    facts
}

/// The entries that say that it must not run, each once. What is staged may become any of several subjects: what must not run under
/// one of the names must not be installed.
fn violations(
    subject: &Subject,
    own: Option<Content>,
    versions: &[&str],
    dependencies: &[TreeDigest],
    given: &ReviewContext<'_>,
) -> Vec<ReviewEntry> {
    let ids = std::iter::once(&subject.id).chain(&subject.may_become);
    let mut found: Vec<(EntryOrigin, &Violation)> = Vec::new();
    for id in ids {
        for entry in given.index.violations(id, own, versions, dependencies) {
            let is_known = found
                .iter()
                .any(|(_, known)| std::ptr::eq::<Violation>(*known, entry.1));
            if !is_known {
                found.push(entry);
            }
        }
    }
    let entries = found.iter().map(|(origin, violation)| ReviewEntry {
        by: text::excerpt(&violation.by, 120),
        model: None,
        date: violation.date,
        until: None,
        reason: text::excerpt(&violation.reason, 300),
        at: given.at(*origin, violation.line),
    });
    entries.collect()
}

/// What is installed: its files, or its definition.
fn content(subject: &Subject, evidence: &Evidence) -> Option<Content> {
    match &subject.mcp {
        Some(mcp) => Some(Content::Definition(mcp.digest)),
        None => match &evidence.stated {
            Some(entry) => entry
                .tree
                .map(Content::Tree)
                .or(entry.definition.map(Content::Definition)),
            None => evidence.tree.bound_digest().map(Content::Tree),
        },
    }
}

/// Every version that the subject's own files or OpenClaw's record claim. A violation that names one of them counts: its own files are
/// the attacker's text.
fn versions<'a>(subject: &'a Subject, evidence: &'a Evidence) -> Vec<&'a str> {
    let record = subject.record.as_ref();
    let recorded = record.map(|record| {
        [
            record.resolved_version.as_deref(),
            record.version.as_deref(),
        ]
    });
    let stated = evidence
        .stated
        .as_ref()
        .and_then(|entry| entry.version.as_deref());
    let mut versions: Vec<&str> = recorded
        .into_iter()
        .flatten()
        .chain([subject.version.as_deref(), stated])
        .flatten()
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// The same where only the lock is there. It does not say which files of a plugin a skill is, but which plugin it is of: one that was read
/// was read with its skills and hooks. Where no entry has the name of that plugin, nothing is known of it, and nothing is required.
fn read_with_locked_plugin(all: &mut BTreeMap<SubjectId, Evidence>, subjects: &[Subject]) {
    let stated = |id: &SubjectId| all.get(id).filter(|evidence| evidence.stated.is_some());
    let mut parts: Vec<(SubjectId, Option<(SubjectId, bool)>)> = Vec::new();
    for subject in subjects {
        let Some(of) = plugin_of(&subject.id) else {
            continue;
        };
        let unread = stated(&subject.id)
            .and_then(own)
            .is_some_and(|own| !own.status.counts());
        if !unread {
            continue;
        }
        let plugins = subjects.iter().filter(|plugin| {
            let named = plugin.id.name().rsplit('/').next() == Some(of);
            named && matches!(plugin.kind, Kind::Plugin | Kind::Bundle)
        });
        let read = plugins.map(|plugin| {
            let counts = stated(&plugin.id).and_then(own);
            // One of which no review is required has none.
            (
                plugin.id.clone(),
                counts.is_some_and(|own| own.status.counts()),
            )
        });
        parts.push((subject.id.clone(), read.max_by_key(|(_, counts)| *counts)));
    }
    for (id, plugin) in parts {
        let Some(evidence) = all.get_mut(&id) else {
            continue;
        };
        let required = &mut evidence.review.required;
        match plugin {
            None => required.retain(|reading| reading.part != ReadPart::Own),
            Some((plugin, counts)) => {
                for reading in required
                    .iter_mut()
                    .filter(|reading| reading.part == ReadPart::Own)
                {
                    if counts {
                        reading.status = ReviewStatus::WithPlugin;
                    } else {
                        reading.within = Some(plugin.clone());
                    }
                }
            }
        }
    }
}

/// The plugin that brings a skill or hook pack, by the name that OpenClaw gives it.
fn plugin_of(id: &SubjectId) -> Option<&str> {
    Some(id.name().strip_prefix("plugin.")?.split_once('/')?.0)
}

/// A skill or hook of a plugin is read with it, when the plugin's own listing holds the very same files: it was, when the plugin was,
/// and otherwise will be.
fn read_with_plugin(all: &mut BTreeMap<SubjectId, Evidence>, subjects: &[Subject]) {
    let mut by_root: BTreeMap<&Path, Vec<&Subject>> = BTreeMap::new();
    for subject in subjects {
        if let Some(tree) = &subject.trees.tree {
            by_root.entry(&tree.root).or_default().push(subject);
        }
    }
    let mut parts: Vec<(SubjectId, SubjectId, bool)> = Vec::new();
    for subject in subjects {
        let Some((part, part_root)) = all
            .get(&subject.id)
            .and_then(|evidence| own_unread(subject, evidence))
        else {
            continue;
        };
        let wanted = all
            .get(&subject.id)
            .and_then(|evidence| own(evidence))
            .map(|own| own.wanted);
        let above = part_root
            .ancestors()
            .skip(1)
            .filter_map(|root| by_root.get(root));
        let read = above.flatten().filter_map(|plugin| {
            let root = &plugin.trees.tree.as_ref()?.root;
            let prefix = part_root
                .strip_prefix(root)
                .ok()?
                .to_str()
                .filter(|path| !path.is_empty())?;
            let evidence = all.get(&plugin.id)?;
            let own = own(evidence).filter(|own| Some(own.wanted) >= wanted)?;
            holds(&evidence.tree.tree()?.manifest, prefix, part)
                .then(|| (own.status.counts(), &plugin.id))
        });
        // One that was read is enough.
        let whole = read.max_by_key(|(counts, id)| (*counts, std::cmp::Reverse(*id)));
        parts.extend(whole.map(|(counts, plugin)| (subject.id.clone(), plugin.clone(), counts)));
    }
    for (id, plugin, counts) in parts {
        let readings = all
            .get_mut(&id)
            .map(|evidence| &mut evidence.review.required);
        let own = readings
            .into_iter()
            .flatten()
            .find(|reading| reading.part == ReadPart::Own);
        match own {
            Some(reading) if counts => reading.status = ReviewStatus::WithPlugin,
            Some(reading) => reading.within = Some(plugin),
            None => {}
        }
    }
}

/// The reading of the subject's own files or definition.
pub(crate) fn own(evidence: &Evidence) -> Option<&RequiredReview> {
    evidence
        .review
        .required
        .iter()
        .find(|reading| reading.part == ReadPart::Own)
}

/// The listing and folder of a subject whose own files have no review of their own.
fn own_unread<'a>(
    subject: &'a Subject,
    evidence: &'a Evidence,
) -> Option<(&'a Manifest, &'a Path)> {
    let own = own(evidence)?;
    let root = &subject.trees.tree.as_ref()?.root;
    (!own.status.counts()).then_some((&evidence.tree.tree()?.manifest, root.as_path()))
}

/// Whether `whole` holds every file of `part` below `prefix`, with the same mode and bytes.
fn holds(whole: &Manifest, prefix: &str, part: &Manifest) -> bool {
    !part.entries().is_empty()
        && part.entries().iter().all(|entry| {
            let same = whole.get(&format!("{prefix}/{}", entry.path));
            same.is_some_and(|same| same.mode == entry.mode && same.id == entry.id)
        })
}
