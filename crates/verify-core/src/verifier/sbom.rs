//! The SBOM of what is installed, with what was verified about it.

use super::{Scope, Verifier};
use crate::digest::Sri;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::fact::Fact;
use crate::sbom::{self, AppliedPolicy, ArchiveMatch, Options, Sbom, Verdict, Verdicts, VerifiedProvenance};

impl Verifier {
    /// Describes what is installed. With `verify` everything is hashed and judged first, and the SBOM tells the verdicts.
    ///
    /// # Errors
    /// As [`Verifier::check`]; also when `options` name a subject that is not installed.
    pub fn sbom(&self, options: &Options, verify: bool) -> Result<Sbom> {
        let inventory = self.inventory()?;
        if let Some(id) = options.subjects.iter().find(|id| inventory.subjects.iter().all(|subject| subject.id != **id)) {
            return Err(Error::environment(
                format!("no installed subject is called {id}"),
                "openclaw-verify check -v lists the ids of all subjects",
            ));
        }
        let verdicts = if verify { self.verdicts(&inventory)? } else { Verdicts::default() };
        sbom::generate(&inventory, &verdicts, options)
    }

    fn verdicts(&self, inventory: &crate::inventory::Inventory) -> Result<Verdicts> {
        let lock = self.lock.clone().unwrap_or_default();
        let evidence = self.evidence(inventory, &lock, &Scope::Everything)?;
        let report = self.report(inventory, &lock, &evidence, &Scope::Everything);
        let mut verdicts = Verdicts {
            policy: Some(AppliedPolicy { preset: self.policy.base().as_str().to_owned(), digest: self.inputs.policy.digest }),
            ..Verdicts::default()
        };
        for subject in &report.subjects {
            let Some(evidence) = evidence.get(&subject.id) else { continue };
            let locked = lock.package(&subject.id).and_then(|entry| entry.provenance.as_ref());
            let verdict = Verdict {
                tree: evidence.tree.tree().map(|tree| tree.digest),
                dependencies: evidence.dependencies.tree().map(|tree| tree.digest),
                files: evidence.tree.tree().map(|tree| tree.files),
                archive: archive(evidence),
                // What was verified now; else only what this very lock entry says of these very bytes.
                provenance: verified(evidence).or_else(|| {
                    locked.filter(|_| !evidence.tree.differs()).map(|provenance| VerifiedProvenance {
                        repository: provenance.repository.clone(),
                        workflow: provenance.workflow.clone(),
                        commit: provenance.commit.as_ref().map(ToString::to_string).unwrap_or_default(),
                        predicate_type: PREDICATE.to_owned(),
                    })
                }),
                // Without a lock nothing was compared, so nothing is claimed.
                outcomes: if self.lock.is_some() { subject.outcomes } else { Default::default() },
            };
            verdicts.subjects.insert(subject.id.clone(), verdict);
            for compared in &evidence.published.packages {
                verdicts
                    .packages
                    .insert((subject.id.clone(), compared.path.clone()), of(compared.archive, compared.differs.as_deref()));
            }
        }
        Ok(verdicts)
    }
}

/// The lock does not say which version of the predicate it was.
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

fn archive(evidence: &Evidence) -> Option<ArchiveMatch> {
    let own = &evidence.published.archive;
    match own {
        Fact::Verified(archive) => Some(of(*archive, None)),
        // Without the archive's digest there was nothing to compare with.
        Fact::Violated { why, .. } => {
            let own = evidence.published.packages.iter().find(|compared| compared.differs.as_deref() == Some(why.as_str()))?;
            Some(of(own.archive, Some(why)))
        }
        _ => None,
    }
}

fn of(archive: Sri, differs: Option<&str>) -> ArchiveMatch {
    match differs {
        None => ArchiveMatch::Identical { archive },
        Some(summary) => ArchiveMatch::Differs { archive, summary: summary.to_owned() },
    }
}

fn verified(evidence: &Evidence) -> Option<VerifiedProvenance> {
    let identity = evidence.published.provenance.verified().filter(|_| evidence.published.origin_is_verified())?;
    Some(VerifiedProvenance {
        repository: identity.repository()?.to_owned(),
        workflow: identity.workflow()?.to_owned(),
        commit: identity.source_digest.clone().unwrap_or_default(),
        predicate_type: PREDICATE.to_owned(),
    })
}
