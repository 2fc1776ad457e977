//! `[[exception]]`: what this operator puts up with, bound to bytes and to a day.

use jiff::civil::Date;

use crate::advisories::is_malware;
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::subject::SubjectId;

/// Days ahead that an exception may end at most.
pub const MAX_EXCEPTION_DAYS: i32 = 180;

/// Days ahead that an exception may end at most where an advisory says that a package is malware.
pub const MAX_MALICIOUS_DAYS: i32 = 30;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exception {
    /// The subject.
    pub package: SubjectId,
    /// The tree it is bound to.
    pub tree: Option<TreeDigest>,
    /// The definition it is bound to.
    pub definition: Option<Sha256Digest>,
    /// The settings it is bound to.
    pub settings: Option<Sha256Digest>,
    /// The instructions it is bound to.
    pub instructions: Option<Sha256Digest>,
    /// The version it is bound to. Alone only for findings of the group *pinning*.
    pub version: Option<String>,
    /// The dependencies it is bound to.
    pub dependencies: Option<TreeDigest>,
    /// The archive it is bound to; only beside `advisory`.
    pub archive: Option<Sri>,
    /// The one advisory that it is about; then it covers what is found of that, and nothing else.
    pub advisory: Option<String>,
    /// The findings it covers.
    pub allow: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it counts.
    pub until: Date,
    /// Line in the policy, from 1.
    pub line: usize,
}

/// A finding about a subject, as an exception sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionTarget<'a> {
    /// The finding's id.
    pub finding: &'a str,
    /// The subject.
    pub subject: &'a SubjectId,
    /// What is installed.
    pub digests: Digests<'a>,
    /// Whether the finding stands on the subject's dependencies: then an exception has to name them.
    pub about_dependencies: bool,
    /// The ids of the advisories that it stands on.
    pub advisories: &'a [String],
}

/// What is installed of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests<'a> {
    /// Its code.
    pub tree: Option<TreeDigest>,
    /// Its dependencies.
    pub dependencies: Option<TreeDigest>,
    /// Its definition.
    pub definition: Option<Sha256Digest>,
    /// Its settings.
    pub settings: Option<Sha256Digest>,
    /// Its instructions.
    pub instructions: Option<Sha256Digest>,
    /// Its archive, where that is known.
    pub archive: Option<Sri>,
    /// Its version.
    pub version: Option<&'a str>,
}

/// Whether an exception about malware of `id` that names these is about one version and its bytes. A server's definition holds the version
/// that its command names, a unit's only where its Node.js lies, and many a skill and runtime has no version.
pub(crate) fn is_one_version(id: &SubjectId, bytes: bool, definition: bool, version: bool) -> bool {
    match id.scheme() {
        "mcp" => definition,
        "service" => bytes || definition && version,
        "skill" | "runtime" => bytes,
        _ => bytes && version,
    }
}

impl Exception {
    /// Whether its last day is over.
    #[must_use]
    pub fn expired(&self, today: Date) -> bool {
        today > self.until
    }

    /// Whether it may end as late as on `until`.
    #[must_use]
    pub fn may_end_on(&self, until: Date, today: Date) -> bool {
        let most = match self.advisory.as_deref().is_some_and(is_malware) {
            true => MAX_MALICIOUS_DAYS,
            false => MAX_EXCEPTION_DAYS,
        };
        let last = today.checked_add(jiff::Span::new().days(most));
        last.is_ok_and(|last| until <= last)
    }

    /// Whether it is bound to no bytes: it may be, where it is about a hole and not about malware.
    fn is_by_advisory_alone(&self) -> bool {
        self.advisory.is_some() && self.tree.is_none() && self.archive.is_none()
    }

    /// Whether both are about the same bytes of the same subject.
    #[must_use]
    pub fn is_bound_as(&self, other: &Self) -> bool {
        self.package == other.package
            && self.tree == other.tree
            && self.definition == other.definition
            && self.settings == other.settings
            && self.instructions == other.instructions
            && self.version == other.version
            && self.dependencies == other.dependencies
            && self.archive == other.archive
            && self.advisory == other.advisory
    }

    /// Whether it covers a finding today.
    #[must_use]
    pub fn covers(&self, finding: &ExceptionTarget<'_>, today: Date) -> bool {
        let Digests {
            tree,
            dependencies,
            definition,
            version,
            ..
        } = finding.digests;
        !self.expired(today)
            && self.package == *finding.subject
            && self.allow.iter().any(|id| id == finding.finding)
            && (self.tree.is_some()
                || self.definition.is_some()
                || self.settings.is_some()
                || self.instructions.is_some()
                || self.version.is_some()
                || self.advisory.is_some())
            && self
                .advisory
                .as_ref()
                .is_none_or(|id| finding.advisories.contains(id))
            && (self.archive.is_none() || self.archive == finding.digests.archive)
            && (self.settings.is_none() || self.settings == finding.digests.settings)
            && (self.instructions.is_none() || self.instructions == finding.digests.instructions)
            && (self.tree.is_none() || self.tree == tree)
            && (self.definition.is_none() || self.definition == definition)
            && (self.version.is_none() || self.version.as_deref() == version)
            && (self.dependencies.is_none() || self.dependencies == dependencies)
            && (!finding.about_dependencies
                || self.dependencies.is_some()
                || self.is_by_advisory_alone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malware_is_excepted_of_one_version_and_its_bytes() {
        let is_one = |id: &str, bytes, definition, version| {
            is_one_version(&id.parse().expect("an id"), bytes, definition, version)
        };
        assert!(is_one("npm:x", true, false, true));
        assert!(!is_one("npm:x", true, true, false) && !is_one("npm:x", false, true, true));
        assert!(is_one("mcp:x", false, true, false) && !is_one("mcp:x", true, false, true));
        assert!(is_one("skill:managed/x", true, false, false));
        // Where its Node.js lies outside of what is hashed, any other could lie there.
        assert!(is_one("service:x", true, false, false));
        assert!(is_one("service:x", false, true, true));
        assert!(!is_one("service:x", false, true, false));
    }
}
