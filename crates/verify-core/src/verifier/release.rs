//! Release tags of a clone, or one tag object: who signed them, and whether they are still what was pinned.

use std::path::{Path, PathBuf};

use super::relock::contradiction;
use super::{Case, Scope, Verifier};
use crate::error::{Error, Input, Result};
use crate::evidence::{self, Evidences, TagFacts};
use crate::fact::Fact;
use crate::git::{GitError, Repository, is_valid_tag_name};
use crate::inventory::Inventory;
use crate::lock::{Lock, LockChange, LockedRelease, changes};
use crate::policy::{self, Gitsign};
use crate::provenance::release::Released;
use crate::release::{self, ReleaseRule, TagVerdict};
use crate::report::Report;
use crate::rules::Stage;
use crate::subject::SubjectId;
use crate::text;

/// A question about release tags.
#[derive(Clone, Debug)]
pub struct ReleaseQuery {
    /// Where the tags are.
    pub source: ReleaseSource,
    /// The tag; every one that a rule matches when none is given. For an object the name that it has to have.
    pub tag: Option<String>,
    /// The repository's id, such as `github.com/acme/notes`. Never taken from the clone. May be left out when all release rules of
    /// the policy are about one repository, or when the trust is given here.
    pub repository: Option<String>,
    /// An OpenSSH `allowed_signers` file to trust instead of the policy's rules.
    pub signers: Option<PathBuf>,
    /// Files of OpenPGP certificates to trust instead of the policy's rules.
    pub openpgp: Vec<PathBuf>,
    /// Identity of a gitsign certificate to trust instead of the policy's rules.
    pub gitsign: Option<Gitsign>,
    /// What GitHub's attestation of this release proves ([`verify_release`](crate::provenance::release::verify_release)), to be
    /// trusted instead of the policy's rules. Needs a tag and a repository.
    pub attestation: Option<Fact<Released>>,
    /// Whether to make a lock with the tags pinned.
    pub pin: bool,
    /// Pins, as `<repository>@<tag>`, that may change or go back to an older release.
    pub accept: Vec<String>,
}

/// Where tags are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReleaseSource {
    /// A local repository, with a work tree or bare.
    Clone(PathBuf),
    /// The bytes of one tag object, as `git cat-file tag` prints them. Whether its commit exists is not checked.
    Object(Vec<u8>),
}

/// What is known about the tags.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Releases {
    /// Findings and tags; no subjects.
    pub report: Report,
    /// The lock with the tags pinned, when that was asked for.
    pub pinning: Option<Pinning>,
}

/// A lock with tags pinned. Nothing is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pinning {
    /// The new lock.
    pub lock: Lock,
    /// How it differs from the one there is.
    pub changes: Vec<LockChange>,
    /// Tags that cannot be pinned: they are not verified.
    pub refused: Vec<String>,
    /// Changes that need the operator's word and do not have it. A caller that writes the lock has to stop when there is one.
    pub unaccepted: Vec<LockChange>,
}

/// The operator's files for the repository in question.
struct Trusted {
    /// The repository's id.
    repository: Option<String>,
    /// The rules for it, the most specific first.
    rules: Vec<(policy::ReleasePolicy, ReleaseRule)>,
    /// What replaces a signature.
    attestation: Option<Fact<Released>>,
}

impl Verifier {
    /// Verifies release tags. Needs no installation of OpenClaw.
    ///
    /// # Errors
    /// When no rule is for the tag, there is no such tag, the path holds no repository, or a file of the operator is wrong or lies in
    /// the repository. A repository that cannot be read safely is a finding instead.
    pub fn release(&self, query: &ReleaseQuery) -> Result<Releases> {
        if let Some(name) = query.tag.as_deref().filter(|name| !is_valid_tag_name(name)) {
            return Err(Error::environment(
                format!(
                    "`{}` is no name that git accepts for a tag",
                    text::excerpt(name, 200)
                ),
                "name one tag, without refs/tags/ and without patterns; leave it out for all tags that a rule is for",
            ));
        }
        let trusted = self.trusted(query)?;
        let clone = match &query.source {
            ReleaseSource::Clone(path) => Some(open(path)?),
            ReleaseSource::Object(_) => None,
        };
        if let Some(Ok(clone)) = &clone {
            self.refuse_own_files(clone, &trusted)?;
        }
        let lock = self.lock.clone().unwrap_or_default();
        let ask = |lock: &Lock| self.tags(query, clone.as_ref(), &trusted, &trusted.pins(lock));
        let mut tags = ask(&lock)?;
        let mut pinning = None;
        if query.pin {
            let accepted = |tag: &str| query.accept.contains(&trusted.id(tag));
            let (old, fresh) = (
                self.lock.clone().unwrap_or_default(),
                self.tags(query, clone.as_ref(), &trusted, &[]),
            );
            let candidates = tags.iter().map(|tag| match accepted(&tag.verdict.name) {
                true => fresh
                    .iter()
                    .flatten()
                    .find(|other| other.verdict.name == tag.verdict.name)
                    .unwrap_or(tag),
                false => tag,
            });
            // Hashing a commit's files takes a while, so it is done for a tag that was named, and not for all.
            let readable = clone
                .as_ref()
                .and_then(|clone| clone.as_ref().ok())
                .filter(|_| query.tag.is_some());
            let made = pin(&old, &trusted, candidates, readable, &query.accept)?;
            if made.unaccepted.is_empty() {
                // What was just pinned is judged as the next run will.
                tags = ask(&made.lock)?;
            }
            pinning = Some(made);
        }
        Ok(Releases {
            report: self.report_of(&lock, &tags),
            pinning,
        })
    }

    fn trusted(&self, query: &ReleaseQuery) -> Result<Trusted> {
        let attestation = query.attestation.clone();
        if attestation.is_some() && (query.repository.is_none() || query.tag.is_none()) {
            return Err(Error::needs(
                "a release attestation is about one tag of one repository",
                "name a tag and the repository, such as github.com/acme/notes",
                Input::Repository,
            ));
        }
        let ad_hoc = query.signers.is_some()
            || !query.openpgp.is_empty()
            || query.gitsign.is_some()
            || attestation.is_some();
        if query.pin && query.repository.is_none() && ad_hoc {
            return Err(Error::needs(
                "a pin has to say which repository it is for",
                "name it, such as github.com/acme/notes",
                Input::Repository,
            ));
        }
        if ad_hoc {
            let rule = policy::ReleasePolicy::ad_hoc(
                query.signers.clone(),
                query.openpgp.clone(),
                query.gitsign.clone(),
            )
            .map_err(|error| Error::environment(error.to_string(), "please report this"))?;
            let loaded = ReleaseRule::load(&rule, &self.options.anchors)?;
            return Ok(Trusted {
                repository: query.repository.clone(),
                rules: vec![(rule, loaded)],
                attestation,
            });
        }
        let repository = match &query.repository {
            Some(repository) => repository.clone(),
            None => self.only_repository()?,
        };
        let rules: Vec<_> = self
            .policy
            .release_rules()
            .iter()
            .filter(|rule| rule.repository.matches(&repository))
            .collect();
        if rules.is_empty() {
            return Err(Error::needs(
                format!(
                    "no [[release]] of the policy is for {}",
                    text::excerpt(&repository, 200)
                ),
                "add one to openclaw-verify.toml, or say whom to trust",
                Input::Signers,
            ));
        }
        let rules = rules
            .into_iter()
            .map(|rule| {
                Ok((
                    rule.clone(),
                    ReleaseRule::load(rule, &self.options.anchors)?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Trusted {
            repository: Some(repository),
            rules,
            attestation,
        })
    }

    /// The repository that all release rules are about.
    fn only_repository(&self) -> Result<String> {
        let mut named: Vec<&str> = self
            .policy
            .release_rules()
            .iter()
            .map(|rule| rule.repository.as_str())
            .collect();
        named.sort_unstable();
        named.dedup();
        match named.as_slice() {
            [only] if !only.contains('*') => Ok((*only).to_owned()),
            [] => Err(Error::needs(
                "the policy has no [[release]], so no signer is trusted",
                "add one to openclaw-verify.toml, or say whom to trust",
                Input::Signers,
            )),
            _ => Err(Error::needs(
                "the policy has release rules for more than one repository",
                "say which this is, such as github.com/acme/notes; what the clone says of itself does not count",
                Input::Repository,
            )),
        }
    }

    /// Nothing that decides is taken from the repository under test.
    fn refuse_own_files(&self, clone: &Repository, trusted: &Trusted) -> Result<()> {
        evidence::refuse_own_trust(
            clone,
            trusted.rules.iter().flat_map(|(rule, _)| rule.files()),
        )?;
        let own = [&self.options.policy, &self.options.lock]
            .into_iter()
            .flatten()
            .find(|file| clone.contains(&file.path));
        match own {
            Some(file) => Err(Error::needs(
                format!(
                    "{} lies in the repository under test, which must not bring its own policy or pins",
                    file.shown
                ),
                "name the folder with your policy and lock",
                Input::Config,
            )),
            None => Ok(()),
        }
    }

    fn tags(
        &self,
        query: &ReleaseQuery,
        clone: Option<&std::result::Result<Repository, GitError>>,
        trusted: &Trusted,
        pins: &[LockedRelease],
    ) -> Result<Vec<TagFacts>> {
        let now = self.options.now;
        match (&query.source, clone, &query.tag) {
            (ReleaseSource::Object(bytes), _, name) => {
                let inside = release::parse_tag(bytes).ok().map(|tag| tag.name);
                let rule = match name.as_deref().or(inside.as_deref()) {
                    Some(name) => trusted.rule(name)?,
                    // Unreadable, whatever the rule.
                    None => trusted
                        .rules
                        .first()
                        .ok_or_else(|| no_rule("the tag object"))?,
                };
                Ok(vec![trusted.facts(
                    release::verify_object(bytes, name.as_deref(), &rule.1, pins, now),
                    &rule.0,
                    false,
                )])
            }
            (_, Some(Err(error)), name) => {
                let name = name.as_deref().unwrap_or_default();
                let rule = trusted.rules.first().ok_or_else(|| no_rule(name))?;
                Ok(vec![trusted.facts(
                    release::verify_unreadable(name, error),
                    &rule.0,
                    false,
                )])
            }
            (_, Some(Ok(clone)), Some(name)) => {
                let rule = trusted.rule(name)?;
                let verdict =
                    release::verify(clone, name, &rule.1, pins, now).ok_or_else(|| {
                        Error::environment(
                            format!("the repository has no tag `{}`", text::excerpt(name, 200)),
                            "without a name, all tags that a rule is for are listed",
                        )
                    })?;
                Ok(vec![trusted.facts(verdict, &rule.0, false)])
            }
            (_, Some(Ok(clone)), None) => trusted.all(clone, pins, now),
            (ReleaseSource::Clone(_), None, _) => Ok(Vec::new()),
        }
    }

    /// Only tags are judged: the rest of the operator's files is judged by a check.
    fn report_of(&self, lock: &Lock, tags: &[TagFacts]) -> Report {
        let inventory = Inventory::default();
        let case = Case {
            releases: tags,
            asked: Some(false),
            ..Case::new(Stage::Announced, &inventory, lock, &Scope::Everything)
        };
        self.report(&case, &Evidences::default())
    }
}

impl Trusted {
    /// The most specific rule for a tag.
    fn rule(&self, tag: &str) -> Result<&(policy::ReleasePolicy, ReleaseRule)> {
        self.rules
            .iter()
            .find(|(rule, _)| rule.tags.matches(tag))
            .ok_or_else(|| no_rule(tag))
    }

    fn all(
        &self,
        clone: &Repository,
        pins: &[LockedRelease],
        now: jiff::Timestamp,
    ) -> Result<Vec<TagFacts>> {
        let rule_for = |name: &str| self.rules.iter().find(|(rule, _)| rule.tags.matches(name));
        let verdicts = match release::verify_all(
            clone,
            |name| rule_for(name).map(|(_, rule)| rule),
            pins,
            now,
        ) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                let rule = self.rules.first().ok_or_else(|| no_rule("any tag"))?;
                return Ok(vec![self.facts(
                    release::verify_unreadable("", &error),
                    &rule.0,
                    true,
                )]);
            }
        };
        if verdicts.is_empty() {
            return Err(Error::NothingToVerify {
                what: "the repository has no tag that a release rule is for".to_owned(),
                help: Some("fetch its tags, or look at the `tags` pattern of the rule".to_owned()),
                needs: None,
            });
        }
        let facts = |verdict: TagVerdict| {
            let rule = self.rule(&verdict.name)?;
            Ok(self.facts(verdict, &rule.0, true))
        };
        verdicts.into_iter().map(facts).collect()
    }

    fn facts(&self, verdict: TagVerdict, rule: &policy::ReleasePolicy, listed: bool) -> TagFacts {
        let verdict = match &self.attestation {
            Some(found) => verdict.attested(found),
            None => verdict,
        };
        TagFacts {
            subject: self
                .repository
                .as_deref()
                .map(|repository| SubjectId::new("git", repository)),
            repository: self.repository.clone(),
            verdict,
            require: rule.require,
            line: rule.line,
            listed,
        }
    }

    /// What the lock remembers of the repository's tags.
    fn pins(&self, lock: &Lock) -> Vec<LockedRelease> {
        let Some(repository) = &self.repository else {
            return Vec::new();
        };
        lock.releases()
            .iter()
            .filter(|release| release.repository == *repository)
            .cloned()
            .collect()
    }

    /// How a pin is named in `--accept`.
    fn id(&self, tag: &str) -> String {
        format!("{}@{tag}", self.repository.as_deref().unwrap_or_default())
    }
}

/// The lock with these tags pinned.
fn pin<'a>(
    old: &Lock,
    trusted: &Trusted,
    tags: impl Iterator<Item = &'a TagFacts>,
    clone: Option<&Repository>,
    accept: &[String],
) -> Result<Pinning> {
    let repository = trusted.repository.as_deref().unwrap_or_default();
    let mut releases = old.releases().to_vec();
    let mut refused = Vec::new();
    for tag in tags {
        let Some(mut pin) = tag.verdict.to_pin(repository, tag.require) else {
            refused.push(tag.verdict.tag.clone());
            continue;
        };
        let known = old
            .release(repository, &pin.tag)
            .filter(|known| known.commit == pin.commit)
            .and_then(|known| known.tree);
        // A clone without all objects of the commit can still be asked about its tags.
        pin.tree = clone
            .and_then(|clone| evidence::commit_digest(clone, &pin.commit).ok())
            .or(known);
        releases.retain(|release| {
            (release.repository.as_str(), &release.tag) != (repository, &pin.tag)
        });
        releases.push(pin);
    }
    let lock =
        Lock::new(old.packages().to_vec(), releases).map_err(|error| contradiction(&error))?;
    let changes = changes(old, &lock);
    let unaccepted = changes
        .iter()
        .filter(|change| change.needs_accept && !accept.contains(&change.id))
        .cloned()
        .collect();
    Ok(Pinning {
        lock,
        changes,
        refused,
        unaccepted,
    })
}

/// The repository at `path`, or why it cannot be read safely, which is something to report.
///
/// # Errors
/// When there is no repository at all: then the call is wrong.
fn open(path: &Path) -> Result<std::result::Result<Repository, GitError>> {
    match Repository::open(path) {
        Err(error @ (GitError::NotARepository(_) | GitError::Io { .. })) => {
            Err(Error::environment(
                error.to_string(),
                "name the folder of a local clone, bare or with a work tree",
            ))
        }
        other => Ok(other),
    }
}

fn no_rule(tag: &str) -> Error {
    Error::needs(
        format!(
            "no [[release]] of the policy is for {}",
            text::excerpt(tag, 200)
        ),
        "widen the `tags` pattern of a rule, or say whom to trust",
        Input::Signers,
    )
}
