//! The graph of digests: full reviews lead from nothing to a digest, deltas from one digest to another. A subject is reviewed when a
//! path of reviews reaches what is installed.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::civil::Date;

use super::{Content, Criteria, Review, Reviews, Trust, Violated, Violation};
use crate::digest::TreeDigest;
use crate::subject::SubjectId;

/// All reviews that count for the operator, ready to be asked. Built once for a run.
///
/// Of imported files only reviews and violations count: whom others trust is not whom the operator trusts.
#[derive(Debug)]
pub struct ReviewIndex<'r> {
    today: Date,
    packages: HashMap<&'r SubjectId, ReviewChains<'r>>,
    tree_violations: HashMap<TreeDigest, Vec<(EntryOrigin<'r>, &'r Violation)>>,
    /// By [`violated_name`].
    version_violations: HashMap<String, Vec<(EntryOrigin<'r>, &'r Violation)>>,
    trusts: Vec<&'r Trust>,
}

/// Whose file an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryOrigin<'r> {
    /// The operator's own.
    Own,
    /// The import of this name.
    Import(&'r str),
}

/// One review that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step<'r> {
    /// Whose file it is in.
    pub origin: EntryOrigin<'r>,
    /// The review.
    pub review: &'r Review,
}

/// Who published what is installed, as verified in this run: by provenance, or by a tag signature.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Publisher {
    /// `github:<owner>/<repository>`, or the tag signer such as `ssh:SHA256:…`.
    pub id: String,
    /// The workflow that built it; none for a tag signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
}

/// What is asked about one subject.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The subject.
    pub subject: &'q SubjectId,
    /// What is installed.
    pub content: Content,
    /// Every version that its files or a record claim. Only violations look at it: one that is affected is enough, and none at all is
    /// affected by everything.
    pub versions: &'q [&'q str],
    /// Digests of its dependencies. Only violations look at them; see [`ReviewIndex::dependencies`].
    pub dependencies: &'q [TreeDigest],
    /// What a review has to say.
    pub wanted: Criteria,
    /// Verified publishers of exactly this content. Never what a record claims.
    pub publishers: &'q [Publisher],
}

/// What the reviews say about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReviewVerdict<'r> {
    /// An entry says that it must not run. No other entry counts then.
    Violation(Vec<(EntryOrigin<'r>, &'r Violation)>),
    /// People have read it, in these steps from nothing to what is installed.
    Reviewed(Vec<Step<'r>>),
    /// Its verified publisher is trusted, by these entries; the one that lasts longest comes first.
    Trusted(Vec<&'r Trust>),
    /// Read, but at least one step only by a machine.
    AgentOnly(Vec<Step<'r>>),
    /// Read, but at least one step no longer counts.
    Expired(Vec<Step<'r>>),
    /// Its verified publisher was trusted, until this entry expired.
    TrustEnded(&'r Trust),
    /// There is no review of it.
    Unreviewed,
}

/// Between which digests a review would close the gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Digests that are reviewed by people: a delta may start here.
    pub reviewed: Vec<Content>,
    /// Digests from which reviews lead to what is installed: a review may end here. What is installed comes first.
    pub leads_here: Vec<Content>,
}

/// What is known about one subject.
#[derive(Debug, Default)]
struct ReviewChains<'r> {
    /// By where they start; none is nothing.
    steps: HashMap<Option<Content>, Vec<Step<'r>>>,
}

/// The name by which a violation finds its subject. Hosts of git repositories take a path in any case of letters, so nothing gets past a
/// violation by another spelling.
fn violated_name(subject: &SubjectId) -> String {
    match subject.scheme() {
        "git" => subject.as_str().to_ascii_lowercase(),
        _ => subject.as_str().to_owned(),
    }
}

/// Whether an entry trusts with at least `wanted` of the subject, whomever it trusts.
fn covers(trust: &Trust, subject: &SubjectId, wanted: Criteria) -> bool {
    let mut packages = trust.packages.iter();
    trust.criteria >= wanted && packages.any(|pattern| pattern.matches(subject.as_str()))
}

fn is_about(trust: &Trust, publisher: &Publisher) -> bool {
    publisher.id == trust.publisher
        && (trust.workflow.is_none() || trust.workflow == publisher.workflow)
}

impl Publisher {
    /// The publisher of verified provenance: `github.com/a/b`, with or without `https://` before it, is `github:a/b`.
    #[must_use]
    pub fn of_build(repository: &str, workflow: &str) -> Self {
        let place = repository.strip_prefix("https://").unwrap_or(repository);
        let id = match place.strip_prefix("github.com/") {
            Some(name) => format!("github:{name}"),
            None => place.to_owned(),
        };
        Self {
            id,
            workflow: Some(workflow.to_owned()),
        }
    }

    /// The publisher of a verified tag signature, by its signer, such as `ssh:SHA256:…`.
    #[must_use]
    pub fn of_tag(signer: &str) -> Self {
        Self {
            id: signer.to_owned(),
            workflow: None,
        }
    }
}

impl<'r> ReviewIndex<'r> {
    /// The index of the operator's own file and of the imported ones, by name.
    #[must_use]
    pub fn build(own: &'r Reviews, imports: &[(&'r str, &'r Reviews)], today: Date) -> Self {
        let mut index = Self {
            today,
            packages: HashMap::new(),
            tree_violations: HashMap::new(),
            version_violations: HashMap::new(),
            trusts: own.trusts.iter().collect(),
        };
        index.add(EntryOrigin::Own, own);
        imports
            .iter()
            .for_each(|(name, reviews)| index.add(EntryOrigin::Import(name), reviews));
        index
    }

    /// What the reviews say about a subject.
    #[must_use]
    pub fn judge(&self, question: &Question<'_>) -> ReviewVerdict<'r> {
        let Question {
            subject,
            content,
            versions,
            dependencies,
            wanted,
            publishers,
        } = *question;
        // Before everything else: no review and no trust outweighs a violation, by whatever author.
        let violations = self.violations(subject, Some(content), versions, dependencies);
        if !violations.is_empty() {
            return ReviewVerdict::Violation(violations);
        }
        let path = |counts: &dyn Fn(&Review) -> bool| {
            self.path(subject, content, |r| r.criteria >= wanted && counts(r))
        };
        let current = |r: &Review| !r.expired(self.today);
        // Strongest first. A chain of people's reviews names these very bytes; trust covers whatever the publisher
        // signs next, and a chain with a machine in it is only as good as that step. What no longer counts comes last
        // and only says why: an expired step never completes a chain, else old reviews would hold for ever.
        let (trusted, ended): (Vec<&Trust>, Vec<&Trust>) = self
            .trusts(subject, wanted, publishers)
            .into_iter()
            .partition(|trust| trust.in_force(self.today));
        if let Some(steps) = path(&|r| current(r) && r.agent.is_none()) {
            ReviewVerdict::Reviewed(steps)
        } else if !trusted.is_empty() {
            ReviewVerdict::Trusted(trusted)
        } else if let Some(steps) = path(&current) {
            ReviewVerdict::AgentOnly(steps)
        } else if let Some(steps) = path(&|_| true) {
            ReviewVerdict::Expired(steps)
        } else if let Some(trust) = ended.iter().find(|trust| trust.until < self.today) {
            ReviewVerdict::TrustEnded(trust)
        } else {
            ReviewVerdict::Unreviewed
        }
    }

    /// What the reviews say about the dependencies of a subject: they count only as a whole and only where a reader names their digest.
    /// A publisher who is trusted with a package is not trusted with what it depends on.
    #[must_use]
    pub fn dependencies(
        &self,
        subject: &SubjectId,
        digest: TreeDigest,
        wanted: Criteria,
    ) -> ReviewVerdict<'r> {
        if let Some(violations) = self.tree_violations.get(&digest) {
            return ReviewVerdict::Violation(violations.clone());
        }
        let mut read: Vec<Step<'r>> = self
            .packages
            .get(subject)
            .into_iter()
            .flat_map(|p| p.steps.values().flatten())
            .copied()
            .collect();
        read.retain(|step| {
            step.review.dependencies == Some(digest) && step.review.criteria >= wanted
        });
        // The order of a hash map changes with each run, and a report must not.
        read.sort_by_key(|step| (step.origin, step.review.line));
        let current = |step: &&Step<'r>| !step.review.expired(self.today);
        if let Some(step) = read
            .iter()
            .filter(current)
            .find(|step| step.review.agent.is_none())
        {
            ReviewVerdict::Reviewed(vec![*step])
        } else if let Some(step) = read.iter().find(current) {
            ReviewVerdict::AgentOnly(vec![*step])
        } else if let Some(step) = read.first() {
            ReviewVerdict::Expired(vec![*step])
        } else {
            ReviewVerdict::Unreviewed
        }
    }

    /// Everything that says that a subject must not run. Asked even where policy requires no review, and where what is installed has no
    /// digest.
    #[must_use]
    pub fn violations(
        &self,
        subject: &SubjectId,
        content: Option<Content>,
        versions: &[&str],
        dependencies: &[TreeDigest],
    ) -> Vec<(EntryOrigin<'r>, &'r Violation)> {
        let by_version = self
            .version_violations
            .get(&violated_name(subject))
            .into_iter()
            .flatten();
        let by_version =
            by_version.filter(|(_, v)| matches!(&v.what, Violated::Versions(affected) if affected.contain_any(versions)));
        let own = match content {
            Some(Content::Tree(tree)) => Some(tree),
            Some(Content::Definition(_)) | None => None,
        };
        let by_tree = own
            .iter()
            .chain(dependencies)
            .filter_map(|tree| self.tree_violations.get(tree))
            .flatten();
        by_version.chain(by_tree).copied().collect()
    }

    /// Where a review is missing between what people have read and what is installed.
    #[must_use]
    pub fn gap(&self, subject: &SubjectId, content: Content, wanted: Criteria) -> Gap {
        // Two searches, because a missing review is an edge between two sets: forwards from nothing along reviews that
        // count, and backwards from what is installed along the same. One review from any of the first to any of the
        // second closes the gap, and the caller takes the cheapest.
        // No review clears what must not run.
        let end = if self.is_violated(content) {
            Vec::new()
        } else {
            vec![content]
        };
        let Some(package) = self.packages.get(subject) else {
            return Gap {
                reviewed: Vec::new(),
                leads_here: end,
            };
        };
        let counts =
            |r: &Review| r.criteria >= wanted && r.agent.is_none() && !r.expired(self.today);
        let mut reviewed: Vec<Content> = self.reach(package, counts).into_keys().collect();
        reviewed.sort_unstable();

        let mut into: HashMap<Content, Vec<Content>> = HashMap::new();
        for review in package
            .steps
            .values()
            .flatten()
            .map(|s| s.review)
            .filter(|r| counts(r))
        {
            // A full review has no `from`: it needs no step before it, so nothing leads into it from here.
            if let Some(from) = review.from {
                into.entry(review.content).or_default().push(from);
            }
        }
        let mut leads_here = end;
        // Reviews of a downgrade can make circles, so each digest is visited once.
        let mut seen = HashSet::from([content]);
        let mut next = 0;
        while let Some(to) = leads_here.get(next).copied() {
            next += 1;
            let mut before: Vec<Content> = into
                .get(&to)
                .into_iter()
                .flatten()
                .copied()
                .filter(|from| !self.is_violated(*from) && seen.insert(*from))
                .collect();
            before.sort_unstable();
            leads_here.append(&mut before);
        }
        Gap {
            reviewed,
            leads_here,
        }
    }

    /// Digests of dependencies that people have read with the subject as it is wanted, with the version of the subject that such a review
    /// names, in the order of their bytes.
    #[must_use]
    pub fn known_dependencies(
        &self,
        subject: &SubjectId,
        wanted: Criteria,
    ) -> Vec<(TreeDigest, Option<&'r str>)> {
        let steps = self
            .packages
            .get(subject)
            .into_iter()
            .flat_map(|package| package.steps.values().flatten());
        let counts =
            |r: &Review| r.criteria >= wanted && r.agent.is_none() && !r.expired(self.today);
        let mut known: Vec<(TreeDigest, Option<&'r str>)> = steps
            .filter(|step| counts(step.review))
            .filter_map(|step| {
                Some((
                    step.review.dependencies?,
                    step.review.version.as_deref().map(target),
                ))
            })
            .filter(|(digest, _)| !self.tree_violations.contains_key(digest))
            .collect();
        known.sort_unstable();
        known.dedup_by_key(|(digest, _)| *digest);
        known
    }

    /// The version that a review of this content names, for people.
    #[must_use]
    pub fn version_of(&self, subject: &SubjectId, content: Content) -> Option<&'r str> {
        let steps = self.packages.get(subject)?.steps.values().flatten();
        let named = steps
            .filter(|step| step.review.content == content)
            .filter_map(|step| {
                let version = step.review.version.as_deref()?;
                Some((step.origin, step.review.line, target(version)))
            });
        named.min().map(|(_, _, version)| version)
    }

    /// Whether these bytes must not run, whatever they are called.
    fn is_violated(&self, content: Content) -> bool {
        matches!(content, Content::Tree(tree) if self.tree_violations.contains_key(&tree))
    }

    fn add(&mut self, origin: EntryOrigin<'r>, reviews: &'r Reviews) {
        for review in &reviews.reviews {
            let steps = &mut self.packages.entry(&review.package).or_default().steps;
            steps
                .entry(review.from)
                .or_default()
                .push(Step { origin, review });
        }
        for violation in &reviews.violations {
            match &violation.what {
                Violated::Versions(_) => {
                    self.version_violations
                        .entry(violated_name(&violation.package))
                        .or_default()
                        .push((origin, violation));
                }
                Violated::Trees(trees) => {
                    for tree in trees {
                        self.tree_violations
                            .entry(*tree)
                            .or_default()
                            .push((origin, violation));
                    }
                }
            }
        }
    }

    /// Entries in force that trust other publishers with the subject than those that were verified.
    #[must_use]
    pub fn trusted_otherwise(
        &self,
        subject: &SubjectId,
        wanted: Criteria,
        publishers: &[Publisher],
    ) -> Vec<&'r Trust> {
        let trusts = self.trusts.iter().copied();
        trusts
            .filter(|trust| trust.in_force(self.today) && covers(trust, subject, wanted))
            .filter(|trust| !publishers.iter().any(|p| is_about(trust, p)))
            .collect()
    }

    /// Every entry that trusts one of `publishers` with the subject, whatever its days; the one that ends last comes first.
    fn trusts(
        &self,
        subject: &SubjectId,
        wanted: Criteria,
        publishers: &[Publisher],
    ) -> Vec<&'r Trust> {
        let trusts = self.trusts.iter().copied();
        let mut trusts: Vec<&'r Trust> = trusts
            .filter(|trust| covers(trust, subject, wanted))
            .filter(|trust| publishers.iter().any(|p| is_about(trust, p)))
            .collect();
        trusts.sort_by_key(|trust| (std::cmp::Reverse(trust.until), trust.line));
        trusts
    }

    /// A shortest path of reviews that count, from nothing to `content`. Shortest, because every step is shown to the operator as a
    /// reason to trust these bytes.
    fn path(
        &self,
        subject: &SubjectId,
        content: Content,
        counts: impl Fn(&Review) -> bool,
    ) -> Option<Vec<Step<'r>>> {
        let reached = self.reach(self.packages.get(subject)?, counts);
        let mut steps = vec![*reached.get(&content)?];
        // Each step leads one closer to nothing, so this ends.
        while let Some(from) = steps.last().and_then(|step| step.review.from) {
            steps.push(*reached.get(&from)?);
        }
        steps.reverse();
        Some(steps)
    }

    /// Every digest that reviews that count reach from nothing, with the last step of a shortest path to it. Breadth first: the
    /// first step that reaches a digest is one of a shortest path, and circles end because a digest is queued once.
    fn reach(
        &self,
        package: &ReviewChains<'r>,
        counts: impl Fn(&Review) -> bool,
    ) -> HashMap<Content, Step<'r>> {
        let mut reached: HashMap<Content, Step<'r>> = HashMap::new();
        let mut queue = VecDeque::from([None]);
        while let Some(from) = queue.pop_front() {
            for step in package
                .steps
                .get(&from)
                .into_iter()
                .flatten()
                .filter(|step| counts(step.review))
            {
                let to = step.review.content;
                // The review that passed it was wrong, and what differs from it little is no better.
                if self.is_violated(to) {
                    continue;
                }
                reached.entry(to).or_insert_with(|| {
                    queue.push_back(Some(to));
                    *step
                });
            }
        }
        reached
    }
}

/// The version that was read: of `old -> new` the new one.
fn target(version: &str) -> &str {
    version.rsplit("->").next().unwrap_or(version).trim()
}
