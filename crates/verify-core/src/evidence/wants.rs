//! Which facts about archives and their origin policy requires of a subject.

use crate::error::{Error, Result};
use crate::inventory::Subject;
use crate::policy::{Dependencies, Need, Requirements};
use crate::provenance::IdentityPolicy;
use crate::subject::Source;

/// What policy requires: without it there is a finding at `deny`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Who built it, and that the installed files are what they built.
    pub provenance: bool,
    /// That each dependency equals its published archive.
    pub dependencies: bool,
    /// Proof of origin makes a difference to what else is asked, so it is worth looking for.
    pub proof: bool,
}

impl Wants {
    /// What policy requires of `subject`. Only an npm registry has attestations: what other sources lack is reported by
    /// `provenance-missing`, without asking a registry.
    pub(crate) fn of(subject: &Subject, requirements: &Requirements<'_>) -> Self {
        let registry = subject.source == Source::Npm;
        Self {
            provenance: registry && requirements.provenance == Need::Required,
            dependencies: requirements.dependencies == Dependencies::ArchiveVerified,
            proof: registry && requirements.needs_proof(),
        }
    }

    /// Whether anything is worth looking for.
    pub(crate) fn anything(self) -> bool {
        self.provenance || self.dependencies || self.proof
    }
}

/// What policy requires of the builder of a subject.
///
/// # Errors
/// When the identity of a rule is of no repository.
pub(crate) fn identity_policy(requirements: &Requirements<'_>) -> Result<IdentityPolicy> {
    let Some(identity) = requirements.identity else {
        return Ok(IdentityPolicy::default());
    };
    IdentityPolicy::of_rule(identity).map_err(|error| {
        Error::environment(
            format!(
                "the identity of a rule cannot be compared with anything ({}): {error}",
                requirements.from
            ),
            "write the repository as github.com/owner/name",
        )
    })
}
