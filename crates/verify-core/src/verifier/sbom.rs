//! The SBOM of what is installed, with what was verified about it.

use std::collections::BTreeSet;

use super::{Case, Scope, Verifier};
use crate::advisories::is_violation;
use crate::error::{Error, Result};
use crate::evidence::review::ReviewStatus;
use crate::evidence::{AdvisedPackage, Compared, Evidence};
use crate::fact::Fact;
use crate::inventory::{Inventory, Subject};
use crate::policy::ExceptionTarget;
use crate::rules::{self, Stage};
use crate::sbom::{
    self, Analysis, AppliedPolicy, ArchiveMatch, KnownAdvisory, Sbom, SbomOptions, SubjectVerdict,
    Verdicts, VerifiedProvenance,
};
use crate::subject::{Kind, SubjectId};

impl Verifier {
    /// Describes what is installed. With `verify` everything is hashed and judged first, and the SBOM tells the verdicts.
    ///
    /// # Errors
    /// As [`Verifier::check`]; also when `options` name a subject that is not installed.
    pub fn sbom(&self, options: &SbomOptions, verify: bool) -> Result<Sbom> {
        let inventory = self.inventory()?;
        if let Some(id) = options
            .subjects
            .iter()
            .find(|id| inventory.subjects.iter().all(|subject| subject.id != **id))
        {
            return Err(Error::environment(
                format!("no installed subject is called {id}"),
                "the report of a check lists the ids of all subjects",
            ));
        }
        let verdicts = if verify {
            self.verdicts(&inventory, &scope(options))?
        } else {
            Verdicts::default()
        };
        sbom::generate(&inventory, &verdicts, options)
    }

    fn verdicts(&self, inventory: &Inventory, scope: &Scope) -> Result<Verdicts> {
        let lock = self.lock.clone().unwrap_or_default();
        let evidence = self.evidence(inventory, &lock, scope)?;
        let case = Case::new(Stage::Installed, inventory, &lock, scope);
        let report = self.report(&case, &evidence);
        let mut verdicts = Verdicts {
            policy: Some(AppliedPolicy {
                preset: self.policy.base().as_str().to_owned(),
                digest: self.inputs.policy.digest,
            }),
            advisories: self.inputs.advisories.clone(),
            ..Verdicts::default()
        };
        for subject in &report.subjects {
            let Some(evidence) = evidence.get(&subject.id) else {
                continue;
            };
            let verdict = SubjectVerdict {
                tree: evidence.tree.tree().map(|tree| tree.digest),
                dependencies: evidence.dependencies.tree().map(|tree| tree.digest),
                files: evidence.tree.tree().map(|tree| tree.files),
                archive: evidence
                    .published
                    .packages
                    .iter()
                    .find(|compared| compared.own)
                    .and_then(of),
                provenance: verified(evidence),
                commit: commit(inventory, &subject.id, evidence),
                reviewers: reviewers(evidence),
                // Without a lock nothing was compared, so nothing is claimed.
                outcomes: if self.lock.is_some() {
                    subject.outcomes
                } else {
                    Default::default()
                },
            };
            verdicts.subjects.insert(subject.id.clone(), verdict);
            if let Some(described) = inventory.subjects.iter().find(|one| one.id == subject.id) {
                let advisories = &evidence.advisories;
                let known = advisories.found.iter().chain(&advisories.violations);
                verdicts
                    .known
                    .extend(known.map(|known| self.known_advisory(described, evidence, known)));
            }
            for compared in &evidence.published.packages {
                verdicts.packages.extend(
                    of(compared).map(|found| ((subject.id.clone(), compared.path.clone()), found)),
                );
            }
        }
        Ok(verdicts)
    }

    /// What an advisory says, with the exception that the operator made for it.
    fn known_advisory(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        known: &AdvisedPackage,
    ) -> KnownAdvisory {
        let ids: Vec<String> = known.found.all_ids().cloned().collect();
        let target = ExceptionTarget {
            finding: rules::finding_of_advisory(&known.found),
            subject: &subject.id,
            digests: evidence.digests(subject),
            about_dependencies: !known.own,
            advisories: &ids,
        };
        let excepted = self.policy.exception_for(&target, self.options.today());
        let excepted = excepted.map(|(_, exception)| Analysis::Excepted {
            until: exception.until,
            reason: exception.reason.clone(),
        });
        // The operator's own word counts before what a file of the team says, and nothing counts against a violation.
        let analysis = excepted.or_else(|| {
            let vex = known.vex.clone().filter(|vex| !vex.expired);
            vex.map(Analysis::NotAffected)
        });
        let is_violation = ids.iter().any(|id| is_violation(id));
        KnownAdvisory {
            subject: subject.id.clone(),
            version: known.version.clone(),
            places: known.places.clone(),
            found: known.found.clone(),
            analysis: analysis.filter(|_| !is_violation),
        }
    }
}

/// Only what is described is hashed, and asked for.
fn scope(options: &SbomOptions) -> Scope {
    if options.subjects.is_empty() {
        return Scope::Everything;
    }
    let kinds = vec![
        Kind::Core,
        Kind::Plugin,
        Kind::Bundle,
        Kind::Skill,
        Kind::HookPack,
        Kind::McpServer,
        Kind::Automation,
        Kind::Runtime,
        Kind::Service,
    ];
    Scope::Kinds(kinds, options.subjects.iter().cloned().collect())
}

/// The version of the predicate that is verified.
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

fn of(compared: &Compared) -> Option<ArchiveMatch> {
    Some(match &compared.fact {
        Fact::Verified(archive) => ArchiveMatch::Identical { archive: *archive },
        Fact::Violated { why, .. } => ArchiveMatch::Differs {
            archive: compared.archive,
            summary: why.clone(),
            paths: compared.differences.clone(),
        },
        Fact::NotEstablished { .. } if compared.unpublished => ArchiveMatch::NotPublished,
        Fact::NotEstablished { .. } => ArchiveMatch::NotEstablished,
        Fact::NotApplicable => return None,
    })
}

/// The recorded commit, when the installed files are those of that commit.
fn commit(inventory: &Inventory, id: &SubjectId, evidence: &Evidence) -> Option<String> {
    evidence.git.checkout.verified()?;
    let subject = inventory
        .subjects
        .iter()
        .find(|subject| subject.id == *id)?;
    subject.record.as_ref()?.git_commit.clone()
}

/// Whose reviews lead to what is installed, each once.
fn reviewers(evidence: &Evidence) -> Vec<String> {
    let read = evidence.review.required.iter();
    let steps = read.filter_map(|reading| match &reading.status {
        ReviewStatus::Reviewed(steps) => Some(steps),
        _ => None,
    });
    let people: BTreeSet<String> = steps.flatten().map(|step| step.by.clone()).collect();
    people.into_iter().collect()
}

fn verified(evidence: &Evidence) -> Option<VerifiedProvenance> {
    let identity = evidence
        .published
        .provenance
        .verified()
        .filter(|_| evidence.published.origin_is_verified())?;
    Some(VerifiedProvenance {
        repository: identity.repository()?.to_owned(),
        workflow: identity.workflow()?.to_owned(),
        commit: identity.source_digest.clone().unwrap_or_default(),
        predicate_type: PREDICATE.to_owned(),
    })
}
