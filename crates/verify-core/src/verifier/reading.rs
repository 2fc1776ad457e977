//! What is left to be read, and what a reviewer has to read of one subject.

mod base;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::relock::as_kept;
use super::since_lock::AgainstLock;
use super::{Scope, Verifier};
use crate::digest::TreeDigest;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::evidence::review::{self as facts, ReadPart, ReviewStatus};
use crate::finding::Remedy;
use crate::inventory::staged::copy::StagedCopy;
use crate::inventory::{Inventory, Subject};
use crate::lock::Lock;
use crate::review::diff::{self, Cost, CostLimits, Difference};
use crate::review::{Content, ContentStore, Contents, Criteria, Publisher};
use crate::rules;
use crate::subject::{Kind, SubjectId};
use crate::text;
use crate::tree::{self, Manifest, ManifestStore};

/// Every review that policy requires and that is missing, the cheapest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Backlog {
    /// Always `openclaw-verify.backlog/1`.
    pub schema: &'static str,
    /// The cheapest first.
    pub items: Vec<BacklogItem>,
    /// All of it, each file once.
    pub total: Cost,
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BacklogItem {
    /// The subject.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Version as its own files say, safe to show.
    pub version: Option<String>,
    /// `tree`, `definition`, `dependencies` or `siblings`.
    pub part: &'static str,
    /// The finding that this would clear.
    pub finding: &'static str,
    /// What a review has to say.
    pub wanted: Criteria,
    /// Digest of what is installed.
    pub content: String,
    /// Digest of what is known already; none where all has to be read.
    pub from: Option<String>,
    /// Its version.
    pub since: Option<String>,
    /// Where its files are.
    pub place: Option<String>,
    /// How much there is to read.
    pub cost: Cost,
    /// The plugin in this list whose reading covers this too, because it holds the very same files. The total leaves it out.
    pub within: Option<SubjectId>,
    /// Who published exactly these files, as verified in this run: trust in one of them can replace the review.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publishers: Vec<Publisher>,
    /// What has to be read, as data.
    pub remedy: Remedy,
}

/// From what on something is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Since<'a> {
    /// From whatever leaves least to read.
    Cheapest,
    /// From nothing: all of it.
    Nothing,
    /// From what was reviewed under this version, or from this digest.
    Version(&'a str),
    /// From what is locked, whether or not that was reviewed.
    Locked,
    /// From another generation of it that is still on the disk.
    Generation,
    /// From the files of this archive, such as the published one that a registry gave.
    Archive(&'a Path),
}

/// What a reviewer has to read of one subject.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReviewMaterial {
    /// Always `openclaw-verify.reading/1`.
    pub schema: &'static str,
    /// The subject.
    pub subject: SubjectId,
    /// Version as its own files say, safe to show.
    pub version: Option<String>,
    /// Where it is.
    pub path: String,
    /// Digest of what is installed and shown.
    #[serde(serialize_with = "as_text")]
    pub content: Content,
    /// Digest of what is known already; none when all is shown.
    pub from: Option<TreeDigest>,
    /// Its version.
    pub since: Option<String>,
    /// Whether `from` was reviewed. A review of the difference alone counts only where it was.
    pub from_reviewed: bool,
    /// Where its files are.
    pub place: Option<String>,
    /// What policy requires a review to say; none where it wants none.
    pub wanted: Option<Criteria>,
    /// How it stands to the lock; none where there is no lock.
    pub lock: Option<AgainstLock>,
    /// Digest of the dependencies, where they are shown too.
    pub dependencies: Option<TreeDigest>,
    /// The definition of an MCP server, without secrets.
    pub definition: Option<String>,
    /// What to read of its own files.
    pub difference: Difference,
    /// Digest of the dependencies that are known already, where only what differs from them is shown.
    pub dependencies_from: Option<TreeDigest>,
    /// The packages among its dependencies, where those are shown.
    pub dependency_packages: Option<Packages>,
    /// What to read of its dependencies.
    pub dependency_files: Option<Difference>,
    #[serde(skip)]
    installed: Vec<Contents<'static>>,
}

/// The packages of a `node_modules` folder, each by its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Packages {
    /// How many are installed.
    pub installed: usize,
    /// Those of which a file was added, removed or changed, safe to show. Of all others every byte is known already.
    pub differ: Vec<String>,
}

impl Verifier {
    /// Everything that is left to read, the cheapest first.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub fn backlog(&self) -> Result<Backlog> {
        if self.options.state_dir.is_none() {
            return Err(Error::environment(
                "without an installation there is nothing to read",
                "look at an installation",
            ));
        }
        let inventory = self.inventory()?;
        let lock = self.lock.clone().unwrap_or_default();
        let evidence =
            self.evidence_counting(&inventory, &lock, &Scope::Everything, CostLimits::BACKLOG)?;
        let mut items: Vec<BacklogItem> = Vec::new();
        for subject in &inventory.subjects {
            let Some(evidence) = evidence.get(&subject.id) else {
                continue;
            };
            items.extend(
                evidence
                    .review
                    .required
                    .iter()
                    .filter_map(|reading| item(subject, evidence, reading)),
            );
        }
        items.sort_by(|a, b| {
            (a.cost.key(), &a.subject, a.part).cmp(&(b.cost.key(), &b.subject, b.part))
        });
        let counted = || {
            items
                .iter()
                .filter(|item| item.within.is_none())
                .map(|item| item.cost)
        };
        let total = Cost {
            lines: counted().map(|cost| cost.lines).sum(),
            files: counted().map(|cost| cost.files).sum(),
        };
        Ok(Backlog {
            schema: "openclaw-verify.backlog/1",
            items,
            total,
        })
    }

    /// What has to be read of a subject; with `dependencies` also all of those.
    ///
    /// # Errors
    /// When it is not installed, has no digest, changes while it is read, or nothing reviewed as `since` can be had.
    pub fn review_material(
        &self,
        id: &SubjectId,
        since: Since<'_>,
        dependencies: bool,
    ) -> Result<ReviewMaterial> {
        self.reading_in(&self.inventory()?, id, since, dependencies)
    }

    /// The same of what is not installed yet: a copy that the gate kept, or an archive that was staged with
    /// [`StagedCopy::of_archive`]. Its files have to stay where they are as long as the reading is used.
    ///
    /// # Errors
    /// As [`Verifier::review_material`], and when what was kept is not `id`.
    pub fn review_material_of_copy(
        &self,
        id: &SubjectId,
        kept: &StagedCopy,
        since: Since<'_>,
        dependencies: bool,
    ) -> Result<ReviewMaterial> {
        let (subject, ids) = self.staged_as(id, kept)?;
        let inventory = Inventory::of(subject);
        let scope = Scope::default();
        if let Some(evidence) = self.evidence(&inventory, &Lock::default(), &scope)?.get(id) {
            as_kept(kept, &ids, evidence)?;
        }
        self.reading_in(&inventory, id, since, dependencies)
    }

    fn reading_in(
        &self,
        inventory: &Inventory,
        id: &SubjectId,
        since: Since<'_>,
        dependencies: bool,
    ) -> Result<ReviewMaterial> {
        let Some(subject) = inventory.subjects.iter().find(|subject| subject.id == *id) else {
            return Err(Error::environment(
                format!("{id} is not installed, so there is nothing to read"),
                "the report of a check lists the ids of all subjects; of what is not installed yet a copy has to be named",
            ));
        };
        let scope = Scope::Kinds(vec![subject.kind], vec![id.clone()]);
        let all =
            self.evidence_counting(inventory, &Lock::default(), &scope, CostLimits::BACKLOG)?;
        let no_digest = || Error::Subject {
            place: subject.place.shown.clone(),
            why: format!("{id} has no digest, so no review could name it"),
            help: Some("a check says why".to_owned()),
        };
        let evidence = all.get(id).ok_or_else(no_digest)?;
        let content = match &subject.mcp {
            Some(mcp) => Content::Definition(mcp.digest),
            None => Content::Tree(evidence.tree.tree().ok_or_else(no_digest)?.digest),
        };
        let own = facts::own(evidence);
        let mut reading = ReviewMaterial {
            schema: "openclaw-verify.reading/1",
            subject: id.clone(),
            version: subject
                .version
                .as_deref()
                .map(|version| text::excerpt(version, 200)),
            path: subject.place.shown.clone(),
            content,
            from: None,
            since: None,
            from_reviewed: false,
            place: None,
            wanted: own.map(|reading| reading.wanted),
            lock: self.against_lock(subject, evidence, content),
            dependencies: None,
            definition: subject
                .mcp
                .as_ref()
                .map(|mcp| text::visible(&mcp.spec).into_owned()),
            difference: Difference::default(),
            dependencies_from: None,
            dependency_packages: None,
            dependency_files: None,
            installed: Vec::new(),
        };
        self.add_own(&mut reading, subject, evidence, since)?;
        if dependencies {
            self.add_dependencies(&mut reading, subject, evidence, since)?;
        }
        Ok(reading)
    }

    /// The subject's own files, and what changed in them.
    fn add_own(
        &self,
        reading: &mut ReviewMaterial,
        subject: &Subject,
        evidence: &Evidence,
        since: Since<'_>,
    ) -> Result<()> {
        if let Some(installed) = facts::installed(subject, evidence, ReadPart::Own) {
            let base = self.base(subject, evidence, ReadPart::Own, &installed, since)?;
            reading.difference =
                diff::difference(base.as_ref().map(|base| &base.contents), &installed)
                    .map_err(changed(subject))?;
            if let Some(base) = base {
                reading.from = Some(base.digest);
                reading.since = base.version;
                reading.from_reviewed = base.reviewed;
                reading.place = Some(base.contents.place);
            }
            reading.installed.push(installed.into_owned());
        }
        Ok(())
    }

    /// The packages that it brings along, and what changed in them.
    fn add_dependencies(
        &self,
        reading: &mut ReviewMaterial,
        subject: &Subject,
        evidence: &Evidence,
        since: Since<'_>,
    ) -> Result<()> {
        let installed =
            facts::installed(subject, evidence, ReadPart::Dependencies).ok_or_else(|| {
                Error::environment(
                    format!("{} has no dependencies of its own", subject.id),
                    "ask for its own files only",
                )
            })?;
        let base = self.base(subject, evidence, ReadPart::Dependencies, &installed, since)?;
        let old = base.as_ref().map(|base| &base.contents);
        reading.dependencies = evidence.dependencies.tree().map(|tree| tree.digest);
        reading.dependency_files =
            Some(diff::difference(old, &installed).map_err(changed(subject))?);
        reading.dependency_packages = Some(Packages::between(
            old.map(|old| old.manifest.as_ref()),
            &installed.manifest,
        ));
        reading.dependencies_from = base.map(|base| base.digest);
        reading.installed.push(installed.into_owned());
        Ok(())
    }
}

impl Packages {
    fn between(old: Option<&Manifest>, new: &Manifest) -> Self {
        let nothing = Manifest::default();
        let installed: BTreeSet<&str> = new
            .entries()
            .iter()
            .map(|entry| package_of(&entry.path))
            .collect();
        let changes = tree::compare(old.unwrap_or(&nothing), new);
        let differ: BTreeSet<&str> = changes
            .iter()
            .map(|change| package_of(&change.path))
            .collect();
        Self {
            installed: installed.len(),
            differ: differ
                .into_iter()
                .map(|path| text::visible(path).into_owned())
                .collect(),
        }
    }
}

/// The folder of the package that a path in a `node_modules` folder belongs to.
fn package_of(path: &str) -> &str {
    const NESTED: &str = "/node_modules/";
    let start = path.rfind(NESTED).map_or(0, |at| at + NESTED.len());
    let name = path.get(start..).unwrap_or_default();
    let parts = if name.starts_with('@') { 1 } else { 0 };
    let end = name
        .match_indices('/')
        .nth(parts)
        .map_or(name.len(), |(at, _)| at);
    path.get(..start + end).unwrap_or(path)
}

impl ReviewMaterial {
    /// Keeps what is installed, so that a later reading can start from here. The caller decides when to
    /// [`ContentStore::prune`].
    ///
    /// # Errors
    /// When one of the two stores cannot be written.
    pub fn keep(&self, contents: &ContentStore, manifests: &ManifestStore) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::environment(
                format!("what was read cannot be kept: {error}"),
                "make room in the user's cache folder",
            )
        };
        for installed in &self.installed {
            installed.keep(contents).map_err(|error| failed(&error))?;
            manifests
                .put(&installed.manifest)
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// How much there is to read.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let own = self.difference.cost;
        let Some(more) = self
            .dependency_files
            .as_ref()
            .map(|difference| difference.cost)
        else {
            return own;
        };
        Cost {
            lines: own.lines.zip(more.lines).map(|(a, b)| a + b),
            files: own.files + more.files,
        }
    }
}

fn item(
    subject: &Subject,
    evidence: &Evidence,
    reading: &facts::RequiredReview,
) -> Option<BacklogItem> {
    let finding = match &reading.status {
        ReviewStatus::Unreviewed => rules::UNREVIEWED,
        ReviewStatus::Expired(_) => rules::REVIEW_EXPIRED,
        ReviewStatus::AgentOnly(_) => rules::AGENT_REVIEWED_ONLY,
        _ => return None,
    };
    let next = reading.next.as_ref();
    Some(BacklogItem {
        subject: subject.id.clone(),
        kind: subject.kind,
        version: subject
            .version
            .as_deref()
            .map(|version| text::excerpt(version, 200)),
        part: match (reading.part, reading.content) {
            (ReadPart::Own, Content::Tree(_)) => "tree",
            (ReadPart::Own, Content::Definition(_)) => "definition",
            (ReadPart::Dependencies, _) => "dependencies",
            (ReadPart::Siblings, _) => "siblings",
        },
        finding,
        wanted: reading.wanted,
        content: reading.content.to_string(),
        from: next.and_then(|next| next.from).map(|from| from.to_string()),
        since: next.and_then(|next| next.version.clone()),
        place: next.and_then(|next| next.place.clone()),
        cost: next.map(|next| next.cost).unwrap_or_default(),
        within: reading.within.clone(),
        // Of dependencies only a review says anything.
        publishers: match reading.part {
            ReadPart::Own => evidence.publishers(),
            _ => Vec::new(),
        },
        remedy: Remedy::Review {
            subject: Some(subject.id.clone()),
            dependencies: reading.part != ReadPart::Own,
            since: facts::known_version(reading),
        },
    })
}

fn changed(subject: &Subject) -> impl Fn((String, crate::review::ContentsError)) -> Error {
    let place = subject.place.shown.clone();
    move |(path, why)| Error::Subject {
        place: place.clone(),
        why: format!("`{path}` {why}"),
        help: Some("run again when nothing is being installed or written there".to_owned()),
    }
}

fn as_text<S: serde::Serializer>(
    content: &Content,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(content)
}

#[cfg(test)]
mod tests {
    use super::package_of;

    #[test]
    fn a_file_belongs_to_the_nearest_package() {
        for (path, package) in [
            ("a/index.js", "a"),
            ("@s/a/lib/x.js", "@s/a"),
            ("a/node_modules/@s/b/x.js", "a/node_modules/@s/b"),
            (
                "a/node_modules/b/node_modules/c/x.js",
                "a/node_modules/b/node_modules/c",
            ),
            (".package-lock.json", ".package-lock.json"),
            (".bin/tool", ".bin"),
            ("@s", "@s"),
        ] {
            assert_eq!(package_of(path), package, "{path}");
        }
    }
}
