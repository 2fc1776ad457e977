//! `[advisories]`: what is known to be bad, and how much of it is put up with.

use std::path::PathBuf;

use crate::advisories::Severity;

/// What the operator says of advisories.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AdvisoryPolicy {
    /// The index; the caller's own where none is named.
    pub index: Option<PathBuf>,
    /// The address from which records are fetched: a zip of them. None is compiled in.
    pub source: Option<String>,
    /// SHA-256 in hex digits: of the index as it is shown, or of the one file that it was made from.
    pub sha256: Option<String>,
    /// Days that the newest record may be old.
    pub max_age_days: Option<u32>,
    /// Whether there has to be an index.
    pub require: bool,
    /// From which severity on a known hole denies.
    pub deny_severity: Option<Severity>,
    /// Registries whose packages are others than those of the same names that advisories are about. Without a slash at the end.
    pub not_for: Vec<String>,
}

impl AdvisoryPolicy {
    /// Whether a package was fetched from a registry of `not-for`.
    #[must_use]
    pub fn is_other_registry(&self, url: &str) -> bool {
        self.not_for.iter().any(|registry| {
            url.strip_prefix(registry.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }
}
