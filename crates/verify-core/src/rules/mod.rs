//! Rules: pure functions of a subject, the evidence about it and policy. One file a rule; the catalogue names every rule once.

mod access;
mod advisory;
mod catalogue;
pub(crate) mod checklist;
mod execution;
mod exposure;
mod hygiene;
mod integrity;
mod machine;
pub(crate) mod outcomes;
mod pinning;
mod platform;
mod provenance;
mod remedies;
mod review;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

#[cfg(feature = "sbom")]
pub(crate) use advisory::finding_of as finding_of_advisory;
pub use catalogue::{catalogue, rule};
pub use provenance::finding_of;

/// The finding of what could not be found out.
pub(crate) const NOT_ESTABLISHED: &str = provenance::not_established::RULE.id;
/// The finding of what was never reviewed.
pub(crate) const UNREVIEWED: &str = review::unreviewed::RULE.id;
/// The finding of what was reviewed, and that no longer counts.
pub(crate) const REVIEW_EXPIRED: &str = review::review_expired::RULE.id;
/// The finding of what only a machine reviewed.
pub(crate) const AGENT_REVIEWED_ONLY: &str = review::agent_reviewed_only::RULE.id;
/// The findings of exceptions that are not needed any more.
pub(crate) const NEEDLESS: [&str; 2] = [
    hygiene::exception_expired::RULE.id,
    hygiene::exception_unused::RULE.id,
];
pub(crate) use outcomes::Said;

use crate::advisories::AdvisoriesUsed;
use crate::digest::Sha256Digest;
use crate::evidence::{Evidence, TagFacts};
use crate::fact::Outcome;
use crate::finding::{
    About, Declared, Draft, Finding, Level, Location, Observed, Remedy, RemedyKind, Suppression,
};
use crate::inventory::machine::Machine;
use crate::inventory::staged::request::Extent;
use crate::inventory::{Inventory, Observation, Subject};
use crate::lock::{Lock, LockedPackage};
use crate::policy::{
    Digests, Exception, ExceptionTarget, OriginProof, Policy, RequirementOrigin, Requirements,
    RuleInfo,
};
use crate::review::Reviews;
use crate::subject::{Kind, Source, SubjectId};

/// One rule of the catalogue.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Stable id; a retired one is never used again.
    pub id: &'static str,
    /// The group it belongs to.
    pub group: Group,
    /// Its level where policy says nothing.
    pub level: Level,
    /// Whether no policy, flag or exception may lower it.
    pub fixed: bool,
    /// At which stages it speaks.
    pub stages: Stages,
    /// What clears its findings, unless a finding says otherwise.
    pub clears: RemedyKind,
    /// When it fires, in one line.
    pub summary: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// How it judges.
    pub(crate) check: Check,
}

/// What of a subject is there when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// It is installed.
    Installed,
    /// Its files are staged, and OpenClaw asks whether to install them.
    Staged,
    /// It is an archive that is not installed.
    Packed,
    /// Only its name is known, and what a registry or a clone says of it.
    Announced,
    /// Only what the lock says of it is known.
    LockOnly,
    /// The question is how the machine is set up, not what is installed on it.
    Host,
}

/// The stages at which a rule speaks: one at least, so that a rule cannot be forgotten everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    first: Stage,
    more: &'static [Stage],
}

impl Stages {
    /// At every stage.
    pub const ALL: Self = Self::of(
        Stage::Installed,
        &[
            Stage::Staged,
            Stage::Packed,
            Stage::Announced,
            Stage::LockOnly,
            Stage::Host,
        ],
    );

    /// At these stages.
    #[must_use]
    pub const fn of(first: Stage, more: &'static [Stage]) -> Self {
        Self { first, more }
    }

    /// Whether `stage` is one of them.
    #[must_use]
    pub fn contains(self, stage: Stage) -> bool {
        self.first == stage || self.more.contains(&stage)
    }
}

/// The groups of rules; the outcomes of a subject are reported by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Is it what was locked, recorded and published?
    Integrity,
    /// Would a reinstall bring the same?
    Pinning,
    /// Who signed and published it?
    Provenance,
    /// Has it been reviewed?
    Review,
    /// Is something bad known about it?
    Advisory,
    /// Are the operator's own files in order?
    Hygiene,
    /// Who can reach the gateway?
    Exposure,
    /// Who may talk to the agent, and as whom?
    Access,
    /// What may the agent run, and where?
    Execution,
    /// Who can read secrets, and change what decides?
    Secrets,
    /// What does OpenClaw run as, and on what?
    Platform,
}

impl Group {
    /// The name in documentation and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Pinning => "pinning",
            Self::Provenance => "provenance",
            Self::Review => "review",
            Self::Advisory => "advisory",
            Self::Hygiene => "hygiene",
            Self::Exposure => "exposure",
            Self::Access => "access",
            Self::Execution => "execution",
            Self::Secrets => "secrets",
            Self::Platform => "platform",
        }
    }
}

/// How a rule judges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// One subject at a time.
    Subject(fn(&View<'_>) -> Vec<Draft>),
    /// The installation or the operator's files as a whole.
    Whole(fn(&Whole<'_>) -> Vec<Draft>),
    /// After all others: it judges which exceptions were used.
    Last(fn(&Whole<'_>, &[bool]) -> Vec<Draft>),
}

/// One subject with everything that is known about it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// What can be proven about it.
    pub evidence: &'a Evidence,
    /// What policy requires of it.
    pub requirements: &'a Requirements<'a>,
    /// Its entry in the lock.
    pub locked: Option<&'a LockedPackage>,
    /// Everything else.
    pub whole: &'a Whole<'a>,
}

/// One subject that is judged in this run.
pub(crate) struct Judged<'a> {
    pub subject: &'a Subject,
    pub evidence: &'a Evidence,
    pub requirements: Requirements<'a>,
}

/// The installation and the operator's files.
pub(crate) struct Whole<'a> {
    /// What is there.
    pub inventory: &'a Inventory,
    /// What the files showed that belongs to no subject.
    pub observed: &'a [Observation],
    /// The subjects that are judged, sorted by id.
    pub judged: &'a [Judged<'a>],
    /// What was pinned.
    pub lock: &'a Lock,
    /// What is allowed.
    pub policy: &'a Policy,
    /// The operator's own reviews file.
    pub reviews: &'a Reviews,
    /// How the operator's files are named in locations.
    pub names: &'a Names,
    /// The index of advisories that was looked into, where there was one.
    pub advisories: Option<&'a AdvisoriesUsed>,
    /// The day as of which everything is judged (UTC).
    pub today: Date,
    /// What of the subjects is there.
    pub stage: Stage,
    /// How much of it.
    pub extent: Extent,
    /// Whether every subject is judged. Otherwise nothing may be said about entries that match none.
    pub full: bool,
    /// Whether the operator allowed the network, and so asked for what only a registry knows.
    pub online: bool,
    /// Release tags that were asked about, rather than found behind an installed subject.
    pub releases: &'a [TagFacts],
}

/// The operator's files as they are to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub policy: String,
    pub lock: String,
    pub reviews: String,
}

impl Whole<'_> {
    /// Everything that was observed about the installation as a whole.
    pub(crate) fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.inventory.observations.iter().chain(self.observed)
    }

    /// Every judged subject.
    pub(crate) fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.judged.iter().map(|judged| View {
            subject: judged.subject,
            evidence: judged.evidence,
            requirements: &judged.requirements,
            locked: self.lock.package(&judged.subject.id),
            whole: self,
        })
    }

    /// How the machine is set up, where that is the question.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        self.inventory.machine.as_ref()
    }

    /// Whether an exception is about what is judged here: the machine, or what is installed on it.
    pub(crate) fn is_about(&self, exception: &Exception) -> bool {
        (exception.package == SubjectId::machine()) == self.machine().is_some()
    }

    /// The one subject that the question is about, before it is installed.
    pub(crate) fn asked_about(&self) -> Option<&SubjectId> {
        let before = matches!(self.stage, Stage::Announced | Stage::Staged | Stage::Packed);
        self.judged
            .first()
            .filter(|_| before)
            .map(|judged| &judged.subject.id)
    }

    /// A place in the policy.
    pub(crate) fn in_policy(&self, line: usize) -> Option<Location> {
        Some(Location {
            file: self.names.policy.clone(),
            line,
        })
    }

    /// A place in the operator's reviews file.
    pub(crate) fn in_reviews(&self, line: usize) -> Option<Location> {
        Some(Location {
            file: self.names.reviews.clone(),
            line,
        })
    }

    /// The place of a subject in the lock; its first line when it has no entry.
    pub(crate) fn in_lock(&self, subject: Option<&SubjectId>) -> Option<Location> {
        let line = subject
            .and_then(|id| self.lock.package(id))
            .map_or(1, |entry| entry.line);
        Some(Location {
            file: self.names.lock.clone(),
            line,
        })
    }
}

impl View<'_> {
    /// A violation about this subject, located at its line of the lock.
    pub(crate) fn draft(&self, message: impl Into<String>) -> Draft {
        // Of an archive that is not locked there is no line of the lock to point at.
        let located = self.whole.stage != Stage::Packed || self.locked.is_some();
        let place = located.then(|| self.whole.in_lock(Some(&self.subject.id)));
        Draft::new(message)
            .subject(&self.subject.id)
            .at(place.flatten())
    }

    /// A draft that asks for a lock or a review, or silence where neither can be had: while something of the subject has no digest, that
    /// is the one thing to say of it, and it is said at a level that nothing lowers.
    pub(crate) fn once_digested(&self, draft: Draft) -> Draft {
        if self.whole.stage == Stage::Installed && self.evidence.is_unsafe() {
            draft.at_most(Level::Allow)
        } else {
            draft
        }
    }

    /// Whether the subject is proven to come from whom its name says.
    pub(crate) fn proof(&self) -> OriginProof {
        self.evidence.origin_proof()
    }

    /// The operator's rule that asks for less of this name and does not count, because a name proves nothing: the line of the policy, and
    /// what would make it count. None where the rule counts, or asks for no less than the preset.
    pub(crate) fn rule_without_proof(&self) -> Option<(usize, &'static str)> {
        let RequirementOrigin::Policy { line } = self.requirements.from else {
            return None;
        };
        if !self.requirements.needs_proof() || self.proof() == OriginProof::Verified {
            return None;
        }
        let way = match (self.subject.kind, self.subject.source) {
            (_, Source::Npm | Source::NpmPack) => {
                "its registry knows who published it: check once with the network allowed, then lock that"
            }
            (_, Source::Git) => "a signed tag proves it: a [[release]] of the policy says whose",
            (Kind::Skill, _) => {
                "a signature proves it: a [[skill-signer]] of the policy says whose"
            }
            _ => "nothing proves where it came from, so only a review clears it",
        };
        Some((line, way))
    }

    /// The draft with the rule that does not count, where there is one.
    pub(crate) fn with_rule_without_proof(&self, draft: Draft) -> Draft {
        match self.rule_without_proof() {
            None => draft,
            Some((line, way)) => draft
                .evidence(format!(
                    "the [[rule]] in line {line} asks for less and does not count: its origin is not verified"
                ))
                .evidence(format!("  {way}"))
                .at(self.whole.in_policy(line)),
        }
    }
}

/// What the rules said.
pub(crate) struct Judgement {
    /// Sorted by level (most severe first), group, id, subject.
    pub findings: Vec<Finding>,
    /// The outcome by subject and group, before levels and exceptions: those decide what counts, not what is true.
    pub outcomes: Said,
}

/// Asks every rule that speaks at the stage.
pub(crate) fn judge(whole: &Whole<'_>, flags: &[(String, Level)]) -> Judgement {
    let mut judge = Judge {
        whole,
        flags,
        judged: whole
            .judged
            .iter()
            .map(|judged| (&judged.subject.id, judged))
            .collect(),
        used: vec![false; whole.policy.exceptions().len()],
        findings: Vec::new(),
        outcomes: BTreeMap::new(),
    };
    let asked = catalogue()
        .iter()
        .filter(|rule| rule.stages.contains(whole.stage));
    let (last, first): (Vec<&Rule>, Vec<&Rule>) =
        asked.partition(|rule| matches!(rule.check, Check::Last(_)));
    for rule in first.into_iter().chain(last) {
        let drafts: Vec<Draft> = match rule.check {
            Check::Subject(check) => whole.views().flat_map(|view| check(&view)).collect(),
            Check::Whole(check) => check(whole),
            Check::Last(check) => check(whole, &judge.used),
        };
        for draft in drafts {
            judge.settle(rule, draft);
        }
    }
    // Before an install all that will be asked is said at once.
    if whole.stage == Stage::Installed {
        one_for_what_is_new(&mut judge.findings);
    }
    judge.findings.sort_by_cached_key(|f| {
        (
            std::cmp::Reverse(f.level),
            rule(f.id).map(|rule| rule.group),
            f.id,
            f.subject.clone(),
            f.message.clone(),
        )
    });
    Judgement {
        findings: judge.findings,
        outcomes: judge.outcomes,
    }
}

/// What policy has to know about the catalogue.
#[must_use]
pub fn infos() -> Vec<RuleInfo<'static>> {
    catalogue()
        .iter()
        .map(|rule| RuleInfo {
            id: rule.id,
            group: rule.group.as_str(),
            fixed: rule.fixed,
        })
        .collect()
}

struct Judge<'a> {
    whole: &'a Whole<'a>,
    flags: &'a [(String, Level)],
    judged: BTreeMap<&'a SubjectId, &'a Judged<'a>>,
    used: Vec<bool>,
    findings: Vec<Finding>,
    outcomes: BTreeMap<(SubjectId, Group), Outcome>,
}

/// One finding for what is new: that it is not locked. That the lock has no digest of it, and that no one can have reviewed what no
/// lock names, is the same thing said again; the review is asked for as soon as it is locked. Only where the first is a deny that counts.
fn one_for_what_is_new(findings: &mut Vec<Finding>) {
    let new: BTreeSet<SubjectId> = findings
        .iter()
        .filter(|finding| finding.id == integrity::not_locked::RULE.id)
        .filter(|finding| finding.level == Level::Deny && finding.suppressed.is_none())
        .filter_map(|finding| finding.subject.clone())
        .collect();
    let again = [pinning::unpinned::RULE.id, review::unreviewed::RULE.id];
    findings.retain(|finding| {
        let known = finding.subject.as_ref().is_none_or(|id| !new.contains(id));
        known || !again.contains(&finding.id) || finding.code.is_some()
    });
}

impl Judge<'_> {
    /// Gives a draft its level, its remedy and its exception.
    fn settle(&mut self, rule: &'static Rule, draft: Draft) {
        let remedy = draft
            .remedy
            .clone()
            .unwrap_or_else(|| rule.clears.about(draft.subject.as_ref()));
        if !self.is_asked(rule, &remedy, &draft) {
            return;
        }
        if let Some(subject) = &draft.subject {
            let outcome = self
                .outcomes
                .entry((subject.clone(), rule.group))
                .or_insert(Outcome::NotApplicable);
            *outcome = (*outcome).max(draft.outcome);
        }
        let mut level = self.level(rule, &draft);
        if level == Level::Allow {
            return;
        }
        match draft
            .graded_as
            .and_then(catalogue::rule)
            .map(|other| self.level(other, &Draft::new("")))
        {
            Some(Level::Allow) => return,
            Some(Level::Deny) => level = Level::Deny,
            _ => {}
        }
        if let Some(most) = draft.at_most {
            level = level.min(most);
        }
        if level == Level::Allow {
            return;
        }
        let mut suppressed = self.exception(rule, &draft);
        let mut evidence = draft.evidence;
        if rule.fixed
            && let Some(excepted) = suppressed.take()
        {
            // It is never silent: a warning for as long as the exception lasts.
            level = Level::Warn;
            evidence.push(format!(
                "excepted until {}: {}",
                excepted.until, excepted.reason
            ));
        }
        let remedy = remedies::known(self.whole, rule, level, draft.subject.as_ref(), remedy);
        self.findings.push(Finding {
            id: rule.id,
            code: draft.code,
            level,
            outcome: draft.outcome,
            subject: draft.subject,
            tag: draft.tag,
            message: draft.message,
            evidence,
            locations: draft.locations,
            definition: definition(rule, draft.code, &draft.declared, &draft.observed),
            declared: draft.declared,
            observed: draft.observed,
            help: if draft.help.is_empty() {
                rule.help.to_owned()
            } else {
                draft.help
            },
            remedy,
            about: draft.about,
            beside: draft.beside,
            suppressed,
        });
    }

    /// Whether the question makes sense for as much as is staged. What is only worth knowing is always said.
    fn is_asked(&self, rule: &Rule, remedy: &Remedy, draft: &Draft) -> bool {
        if draft.level == Some(Level::Note) && draft.at_most == Some(Level::Note) {
            return true;
        }
        match self.whole.extent {
            Extent::Whole => true,
            Extent::DependenciesFollow => !remedy.kind().is_decision(),
            Extent::PartOfHost => !rule.clears.is_decision(),
        }
    }

    /// Order of authority: the rule's default, `[levels]`, what a `[[rule]]` demands, the command line. Only what is not fixed can
    /// come out lower than its default here: policy and flags that try otherwise were refused when they were read.
    fn level(&self, rule: &Rule, draft: &Draft) -> Level {
        if let Some((_, level)) = self.flags.iter().rev().find(|(id, _)| id == rule.id) {
            return *level;
        }
        let default = draft.level.unwrap_or(rule.level);
        match self.whole.policy.level(rule.id) {
            _ if draft.demanded => default.max(Level::Deny),
            Some((level, _)) => level,
            None => default,
        }
    }

    fn exception(&mut self, rule: &Rule, draft: &Draft) -> Option<Suppression> {
        // The one fixed finding that can be wrong: of what a list says that somebody else keeps.
        if rule.fixed && rule.group != Group::Advisory {
            return None;
        }
        let subject = draft.subject.as_ref()?;
        let bound = definition(rule, draft.code, &draft.declared, &draft.observed);
        let digests = match bound {
            Some(definition) => Digests {
                definition: Some(definition),
                ..Digests::default()
            },
            None => {
                let judged = self.judged.get(subject)?;
                judged.evidence.digests(judged.subject)
            }
        };
        let target = ExceptionTarget {
            finding: rule.id,
            subject,
            digests,
            about_dependencies: draft.about == About::Dependencies,
            advisories: &draft.advisories,
        };
        let (index, exception) = self.whole.policy.exception_for(&target, self.whole.today)?;
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
        Some(Suppression {
            reason: crate::text::visible(&exception.reason).into_owned(),
            until: exception.until,
        })
    }
}

/// What an exception of a finding about the machine is bound to; none for findings about anything else.
///
/// Who looked is not part of it: the same machine is the same for whoever asks.
fn definition(
    rule: &Rule,
    code: Option<&str>,
    declared: &[Declared],
    observed: &[Observed],
) -> Option<Sha256Digest> {
    if declared.is_empty() && observed.is_empty() {
        return None;
    }
    let mut values: Vec<[&str; 2]> = declared
        .iter()
        .map(|declared| [declared.path.as_str(), declared.value.as_str()])
        .collect();
    values.sort_unstable();
    let mut seen: Vec<[&str; 2]> = observed
        .iter()
        .map(|observed| [observed.path.as_str(), observed.value.as_str()])
        .collect();
    seen.sort_unstable();
    let bound = match seen.is_empty() {
        true => serde_json::json!([rule.id, code, values]),
        false => serde_json::json!([rule.id, code, values, seen]),
    };
    Some(Sha256Digest::of(bound.to_string().as_bytes()))
}
