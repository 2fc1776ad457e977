//! Asks the rules, and gives what they say its level, its remedy and its exception.

use std::collections::{BTreeMap, BTreeSet};

use super::outcomes::Said;
use super::{
    Check, Group, Judged, Rule, Stage, Whole, catalogue, hygiene, integrity, pinning, remedies,
    review, rule,
};
use crate::digest::Sha256Digest;
use crate::fact::Outcome;
use crate::finding::{About, Declared, Draft, Finding, Level, Observed, Remedy, Suppression};
use crate::inventory::staged::request::Extent;
use crate::policy::{Digests, ExceptionTarget};
use crate::subject::SubjectId;

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
    as_grave_as_what_it_covered(whole, flags, &mut judge.findings);
    // Before an install all that will be asked is said at once.
    if whole.stage == Stage::Installed {
        one_for_what_is_new(&mut judge.findings);
        one_way_to_lock(&mut judge.findings);
    }
    sort(&mut judge.findings);
    Judgement {
        findings: judge.findings,
        outcomes: judge.outcomes,
    }
}

/// By level (most severe first), what is known to be bad before what is not known, malware before all; then group, id, subject.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by_cached_key(|f| {
        let rule = rule(f.id);
        let malware = rule.is_some_and(|rule| rule.fixed && rule.group == Group::Advisory);
        (
            std::cmp::Reverse(f.level),
            !malware,
            f.outcome == Outcome::NotEstablished,
            rule.map(|rule| rule.group),
            f.id,
            f.subject.clone(),
            f.message.clone(),
        )
    });
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

/// A subject with a change that has to be accepted by name is locked in no other way, so every finding that locking it clears says so.
/// That the lock holds no digest of what its commands start is not said again where the commands themselves are not the locked ones.
fn one_way_to_lock(findings: &mut Vec<Finding>) {
    let must_accept = |finding: &Finding| match &finding.remedy {
        Remedy::Lock {
            subject,
            accept: true,
            ..
        } if finding.level == Level::Deny => subject.clone(),
        _ => None,
    };
    let accepted: BTreeSet<SubjectId> = findings.iter().filter_map(must_accept).collect();
    let commands: BTreeSet<SubjectId> = findings
        .iter()
        .filter(|finding| finding.id == integrity::definition_mismatch::RULE.id)
        .filter_map(must_accept)
        .collect();
    findings.retain(|finding| {
        let changed = finding
            .subject
            .as_ref()
            .is_some_and(|id| commands.contains(id));
        !changed || finding.id != pinning::unpinned::RULE.id || finding.code.is_some()
    });
    for finding in findings {
        if let Remedy::Lock {
            subject: Some(id),
            accept,
            update: false,
            ..
        } = &mut finding.remedy
            && accepted.contains(&*id)
        {
            *accept = true;
        }
    }
}

/// An expired exception is at most as grave as what it covered: what only warns without it does not deny with it. Where a rule that it
/// names does not speak at this stage, or the operator chose the level, that is not known better.
fn as_grave_as_what_it_covered(
    whole: &Whole<'_>,
    flags: &[(String, Level)],
    findings: &mut [Finding],
) {
    let expired = hygiene::exception_expired::RULE.id;
    let chosen = flags.iter().any(|(id, _)| id == expired) || whole.policy.level(expired).is_some();
    if chosen {
        return;
    }
    let speaks = |id: &String| rule(id).is_some_and(|rule| rule.stages.contains(whole.stage));
    let mut capped = Vec::new();
    for (at, finding) in findings
        .iter()
        .enumerate()
        .filter(|(_, it)| it.id == expired)
    {
        let line = finding.locations.first().map(|place| place.line);
        let mut exceptions = whole.policy.exceptions().iter();
        let exception = exceptions
            .find(|it| Some(&it.package) == finding.subject.as_ref() && Some(it.line) == line);
        let Some(exception) = exception.filter(|it| it.allow.iter().all(speaks)) else {
            continue;
        };
        let covered = findings.iter().filter(|other| {
            other.subject == finding.subject
                && exception.allow.iter().any(|id| id == other.id)
                && other.suppressed.is_none()
        });
        let most = covered.map(|other| other.level).max();
        capped.push((at, most.unwrap_or(Level::Note).max(Level::Warn)));
    }
    for (at, most) in capped {
        if let Some(finding) = findings.get_mut(at) {
            finding.level = finding.level.min(most);
        }
    }
}

impl Judge<'_> {
    /// The level of a draft, with what another rule says of the same and what the stage allows at most.
    fn graded(&self, rule: &'static Rule, draft: &Draft) -> Level {
        let level = self.level(rule, draft);
        if level == Level::Allow {
            return level;
        }
        let other = draft.graded_as.and_then(catalogue::rule);
        let level = match other.map(|other| self.level(other, &Draft::new(""))) {
            Some(Level::Allow) => Level::Allow,
            Some(Level::Deny) => Level::Deny,
            _ => level,
        };
        draft.at_most.map_or(level, |most| level.min(most))
    }

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
        let mut level = self.graded(rule, &draft);
        if level == Level::Allow {
            // One run that leaves a finding out says nothing of the exceptions for it.
            if self.by_flag(rule).is_some() {
                self.exception(rule, &draft);
            }
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
        let judged = draft.subject.as_ref().and_then(|id| self.judged.get(id));
        let subject = judged.map(|judged| judged.subject);
        let remedy = remedies::known(self.whole.stage, rule, level, subject, remedy);
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
            mutable: draft.mutable,
            restore: draft.restore,
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

    /// The level that the command line gives.
    fn by_flag(&self, rule: &Rule) -> Option<Level> {
        let mut given = self.flags.iter().rev();
        given.find(|(id, _)| id == rule.id).map(|(_, level)| *level)
    }

    /// Order of authority: the rule's default, `[levels]`, what a `[[rule]]` demands, the command line. Only what is not fixed can
    /// come out lower than its default here: policy and flags that try otherwise were refused when they were read.
    fn level(&self, rule: &Rule, draft: &Draft) -> Level {
        if let Some(level) = self.by_flag(rule) {
            return level;
        }
        let default = draft.level.unwrap_or(rule.level);
        match self.whole.policy.level(rule.id) {
            _ if draft.demanded => default.max(Level::Deny),
            Some((level, _)) => level,
            None => default,
        }
    }

    fn exception(&mut self, rule: &Rule, draft: &Draft) -> Option<Suppression> {
        // The one fixed finding that can be wrong: it repeats a list that others maintain.
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
/// Who looked is not part of it: the same machine gives every user the same.
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
