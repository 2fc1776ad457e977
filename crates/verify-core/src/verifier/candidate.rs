//! A package that is not installed yet: its archive, judged by the same rules and the same policy as one that is.

use super::{Case, Scope, Verifier};
use crate::error::Result;
use crate::evidence::packed::CandidateOrigin;
use crate::evidence::{self, Measured, identity_policy};
use crate::fact::Outcome;
use crate::inventory::Inventory;
use crate::inventory::packed::{self, Candidate};
use crate::provenance::npm::AttestedPackage;
use crate::provenance::{Identity, IdentityPolicy};
use crate::report::{PackageContents, Report, contents};
use crate::rules::Stage;
use crate::subject::Source;

/// What is judged of a candidate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CandidateReport {
    /// What is inside.
    pub contents: PackageContents,
    /// Who built it, when that is verified.
    pub identity: Option<Identity>,
    /// The keys with which the registry signed it, when that is verified.
    pub signed_by: Vec<String>,
    /// Whether its archive is the expected one; not applicable when none was expected.
    pub integrity: Outcome,
    /// What the attestations prove.
    pub provenance: Outcome,
    /// What the registry's signatures prove.
    pub signatures: Outcome,
    /// The findings, as a report about this one subject.
    pub report: Report,
}

impl Verifier {
    /// What policy requires of the origin of the npm package `name`.
    ///
    /// # Errors
    /// When policy names an identity that nothing can be compared with.
    pub fn identity_policy(&self, name: &str) -> Result<IdentityPolicy> {
        let (id, kind) = packed::subject_id(name);
        identity_policy(&self.policy.requirements(&id, kind, Source::Npm))
    }

    /// The origin of a candidate by the answer of a registry's attestation endpoint.
    ///
    /// # Errors
    /// As [`Verifier::identity_policy`]; also when the archive holds no package.
    pub fn attested(&self, candidate: &Candidate<'_>, answer: &[u8]) -> Result<CandidateOrigin> {
        let (name, version, _) = packed::package(candidate)?;
        let about = AttestedPackage {
            name: &name,
            version: &version,
            integrity: candidate.archive.integrity,
        };
        let policy = self.identity_policy(&name)?;
        let attestations =
            self.options
                .anchors
                .npm_attestations(answer, &about, &policy, self.options.now);
        Ok(CandidateOrigin {
            attestations,
            asked: true,
            ..CandidateOrigin::unknown()
        })
    }

    /// Judges a candidate.
    ///
    /// # Errors
    /// When the archive holds no package: no `package.json`, or one without name and version.
    pub fn candidate(
        &self,
        candidate: &Candidate<'_>,
        origin: &CandidateOrigin,
    ) -> Result<CandidateReport> {
        let (subject, manifest) = packed::subject(candidate)?;
        let lock = self.lock.clone().unwrap_or_default();
        let measured = evidence::packed::evidence(candidate, origin, &subject, &manifest, &lock);
        let id = subject.id.clone();
        let contents = contents::contents(
            candidate.archive,
            &subject.name,
            subject.version.as_deref().unwrap_or_default(),
            &manifest,
            &measured.npm,
        );
        let inventory = Inventory::of(subject);
        let tagged = self.tagged(&inventory, &lock, Measured::one(&id, measured))?;
        let evidence = self.reviewed_without_files(&inventory, tagged);
        let scope = Scope::Everything;
        let case = Case {
            asked: Some(origin.asked),
            ..Case::new(Stage::Packed, &inventory, &lock, &scope)
        };
        let mut report = self.report(&case, &evidence);
        // The digest of an archive is that of its own files, before npm renames and marks some of them.
        for subject in &mut report.subjects {
            subject.tree = Some(candidate.archive.digest.to_string());
            subject.enabled = false;
        }
        let integrity = report
            .subjects
            .first()
            .map(|subject| subject.outcomes.integrity)
            .unwrap_or_default();
        let published = evidence.get(&id).map(|evidence| &evidence.published);
        let outcome_of = |outcome: Option<Outcome>| outcome.unwrap_or_default();
        Ok(CandidateReport {
            identity: published.and_then(|found| found.provenance.verified().cloned()),
            signed_by: published
                .and_then(|found| found.signatures.verified().cloned())
                .unwrap_or_default(),
            integrity,
            provenance: outcome_of(published.map(|found| found.provenance.outcome())),
            signatures: outcome_of(published.map(|found| found.signatures.outcome())),
            contents,
            report,
        })
    }
}
