//! The decision: the same evidence, rules and report as for what is installed, about one subject that is not installed yet.

use super::decision::{Decision, Verdict};
use super::reason::{self, ReasonContext};
use super::spool::Spool;
use crate::error::Result;
use crate::evidence::{AnnouncedFacts, Evidence, Measured};
use crate::finding::{Finding, Level};
use crate::inventory::staged::protocol::Request;
use crate::inventory::staged::request::{self, Asked, Staged};
use crate::inventory::{Inventory, Subject};
use crate::lock::Lock;
use crate::report::Report;
use crate::review::diff::CostLimits;
use crate::rules::Stage;
use crate::subject::SubjectId;
use crate::tree::TreeError;
use crate::verifier::{Case, Scope, Verifier};

/// A decision and what it stands on.
pub(super) struct Decided {
    pub(super) decision: Decision,
    /// What was found about the staged files; none where there are none, or where they could not be judged.
    pub(super) report: Option<Report>,
}

impl Decided {
    fn without_files(decision: Decision) -> Self {
        Self {
            decision,
            report: None,
        }
    }

    fn unread(id: &SubjectId) -> Self {
        let why = "nothing was read of what is staged; please report this";
        Self::without_files(Decision::block(Some(id.clone()), why))
    }
}

impl Verifier {
    /// Decides about one install before it is committed. Reads what is staged, writes nothing.
    ///
    /// # Errors
    /// When no verdict could be reached: something changed while it was read, the operator's files are wrong, the caller cancelled.
    /// Nothing may be installed then.
    pub fn decide(&self, request: &Request) -> Result<Decision> {
        Ok(self.decide_with(request, None)?.decision)
    }

    pub(super) fn decide_with(&self, request: &Request, spool: Option<&Spool>) -> Result<Decided> {
        let empty = Lock::default();
        let lock = self.lock().unwrap_or(&empty);
        match request::read_request(request, lock, self.host()) {
            Err(why) => Ok(Decided::without_files(Decision::block(
                None,
                format!("cannot tell what would be installed: {why}"),
            ))),
            Ok(Asked::Probe) => Ok(Decided::without_files(Decision::allow(None))),
            Ok(Asked::Announced(announced)) => self
                .announced(*announced, lock, spool)
                .map(Decided::without_files),
            Ok(Asked::Staged(staged)) => self.staged(request, &staged, lock, spool),
        }
    }

    /// What a request stages, by what it says of itself.
    pub(super) fn staged_subject(&self, request: &Request) -> Option<Subject> {
        let empty = Lock::default();
        let lock = self.lock().unwrap_or(&empty);
        match request::read_request(request, lock, self.host()) {
            Ok(Asked::Staged(staged)) => {
                let is_locked = |id: &SubjectId| lock.package(id).is_some();
                Some(staged.subject_as(is_locked))
            }
            _ => None,
        }
    }

    /// What is only announced can be refused, and is otherwise judged when it is staged.
    fn announced(
        &self,
        announced: request::Announced,
        lock: &Lock,
        spool: Option<&Spool>,
    ) -> Result<Decision> {
        let request::Announced {
            subject,
            archive,
            commit,
        } = announced;
        let id = subject.id.clone();
        let evidence = Evidence {
            announced: Some(AnnouncedFacts {
                archive,
                commit,
                before: Vec::new(),
            }),
            ..Evidence::default()
        };
        let inventory = Inventory::of(subject);
        let tagged = self.tagged(&inventory, lock, Measured::one(&id, evidence))?;
        let evidence = self.reviewed_without_files(&inventory, tagged);
        let scope = Scope::Everything;
        let case = Case::new(Stage::Announced, &inventory, lock, &scope);
        let report = self.report(&case, &evidence).only_about(&id);
        let findings = report.counting().cloned().collect();
        if let (Some(spool), Some(archive)) = (spool, archive) {
            spool.announce(&id, archive, self.now());
        }
        Ok(conclude(&id, findings, |_| None))
    }

    fn staged(
        &self,
        request: &Request,
        staged: &Staged,
        lock: &Lock,
        spool: Option<&Spool>,
    ) -> Result<Decided> {
        let mut subject = staged.subject.clone();
        let mut measured = self.measured(&subject, lock)?;
        let Some(tree) = measured.tree(&subject.id) else {
            return Ok(Decided::unread(&subject.id));
        };
        // What is staged may become any of the ids: the one that was locked with these bytes, else one that was locked.
        let same = |id: &SubjectId| {
            tree.is_some() && lock.package(id).is_some_and(|entry| entry.tree == tree)
        };
        let is_locked = |id: &SubjectId| lock.package(id).is_some();
        let any_same = subject.may_become.iter().any(same);
        let as_locked = staged.subject_as(|id| if any_same { same(id) } else { is_locked(id) });
        if as_locked.id != subject.id {
            // Lock, reviews and policy are asked by id, so everything is looked at again under the one it has.
            subject = as_locked;
            measured = self.measured(&subject, lock)?;
        }
        let id = subject.id.clone();
        measured.announce(
            &id,
            AnnouncedFacts {
                before: spool.map_or_else(Vec::new, |spool| spool.announced(&id, self.now())),
                ..AnnouncedFacts::default()
            },
        );
        let inventory = Inventory::of(subject.clone());
        let tagged = self.tagged(&inventory, lock, measured)?;
        let evidence = self.reviewed(&inventory, tagged, CostLimits::CHECK);
        let Some(found) = evidence.get(&id) else {
            return Ok(Decided::unread(&id));
        };
        let scope = Scope::Everything;
        let case = Case {
            extent: staged.extent,
            ..Case::new(Stage::Staged, &inventory, lock, &scope)
        };
        let report = self.report(&case, &evidence).only_about(&id);
        let findings: Vec<Finding> = report.counting().cloned().collect();
        if let Some(why) = unreadable(found) {
            // Without a digest nothing that was locked or read can be distinguished from anything else.
            let reason = format!("do not install it: what is staged cannot be digested: {why}");
            return Ok(Decided::without_files(Decision {
                findings,
                ..Decision::block(Some(id), reason)
            }));
        }
        let digests = (tree, found.dependencies.tree().map(|tree| tree.digest));
        let keep = || spool.and_then(|spool| spool.keep(request, &subject, digests, self.now()));
        let decision = conclude(&id, findings, |findings| {
            let denied = || {
                let findings = findings.iter();
                findings
                    .filter(|finding| finding.level == Level::Deny)
                    .map(|finding| finding.remedy.kind())
            };
            // What nothing clears is not worth keeping: it must not be locked.
            let worth_keeping =
                denied().any(|kind| kind.is_decision()) && !denied().any(|kind| kind.is_final());
            Some(ReasonContext {
                folder: worth_keeping.then(keep).flatten(),
                entry: lock.package(&id),
                version: subject.recorded_version(),
                config: self.lock_folder(),
            })
        });
        Ok(Decided {
            decision,
            report: Some(report),
        })
    }

    /// What can be measured of one staged subject.
    fn measured(&self, subject: &Subject, lock: &Lock) -> Result<Measured> {
        self.gather(&Inventory::of(subject.clone()), lock, &Scope::Everything)
    }
}

/// The verdict is the highest level among the findings, its reason is made from their remedies.
fn conclude<'a>(
    id: &SubjectId,
    mut findings: Vec<Finding>,
    kept: impl FnOnce(&[Finding]) -> Option<ReasonContext<'a>>,
) -> Decision {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.level), weight(finding));
        (key(a), &a.message).cmp(&(key(b), &b.message))
    });
    let verdict = findings
        .first()
        .map_or(Verdict::Allow, |finding| Verdict::from(finding.level));
    let mut decision = Decision {
        verdict,
        subject: Some(id.clone()),
        reason: String::new(),
        way_out: None,
        findings,
    };
    if verdict != Verdict::Allow {
        let kept = kept(&decision.findings);
        decision.way_out = kept.and_then(|kept| reason::way_out(id, &decision.findings, kept));
        decision.reason = match &decision.way_out {
            Some(way_out) => way_out.to_string(),
            None => reason::plain(&decision.findings),
        };
    }
    decision
}

/// Of equal levels, what cannot be cleared comes first, and what reading and locking clear last.
fn weight(finding: &Finding) -> u8 {
    match finding.remedy.kind() {
        kind if kind.is_final() => 0,
        kind if kind.is_decision() => 2,
        _ => 1,
    }
}

/// Why what is staged has no digest, when it has none.
fn unreadable(evidence: &Evidence) -> Option<String> {
    match &evidence.tree.measured {
        Some(Ok(_)) => {}
        Some(Err(TreeError::Missing)) | None => return Some("there is nothing".to_owned()),
        Some(Err(error)) => return Some(error.to_string()),
    }
    match &evidence.dependencies.measured {
        Some(Err(error)) if !matches!(error, TreeError::Missing) => Some(error.to_string()),
        _ => None,
    }
}
