//! What is known of a subject's published archives and of who made them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::digest::Sri;
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::provenance::Identity;

/// Facts about the archives that a subject and its dependencies were installed from. Not asked for: everything not applicable.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// The subject's own files are those of the archive with this digest, and of nothing else.
    pub archive: Fact<Sri>,
    /// Where they are not, one line a path, safe to show.
    pub differences: Vec<String>,
    /// Each package of its dependencies equals its own published archive.
    pub dependencies: Fact<()>,
    /// Where they do not, one line a path, safe to show.
    pub dependency_differences: Vec<String>,
    /// Who built the archive. Not applicable: there is no attestation, or it was not asked for.
    pub provenance: Fact<Identity>,
    /// The registry's signatures over name, version and integrity, by key. Not applicable: there are none, or they were not asked for.
    pub signatures: Fact<Vec<String>>,
    /// Whether a registry that would know was asked for attestations, so that none means none.
    pub asked: bool,
    /// Day on which the version was published, as the registry says. Not applicable: no registry could know.
    pub day: Fact<Date>,
    /// Why the archive has no digest that counts, where its registry could state one; safe to show.
    pub weak: Option<String>,
    /// Addresses of the registries that were asked for its archives, safe to show.
    pub registries: BTreeSet<String>,
    /// Comparisons package by package, of those whose archives were asked for.
    pub packages: Vec<Compared>,
}

/// One installed package against its archive.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "sbom"),
    expect(dead_code, reason = "only an SBOM tells them")
)]
pub(crate) struct Compared {
    /// Path below the project, as npm's lockfile writes it.
    pub path: String,
    /// It is the subject itself.
    pub own: bool,
    /// Digest of the archive that it was compared with, when that far was come.
    pub archive: Option<Sri>,
    /// Whether it equals that archive.
    pub fact: Fact<Sri>,
    /// Where it does not, one line a path, safe to show.
    pub differences: Vec<String>,
    /// The registry says that it has no such package or version.
    pub unpublished: bool,
}

impl Published {
    /// The day of publication in UTC, of a version that `registry` knows; none when no registry was asked.
    pub(crate) fn day_of(published: Option<Timestamp>, registry: Option<&str>) -> Fact<Date> {
        match (published, registry) {
            (Some(time), _) => Fact::Verified(time.to_zoned(TimeZone::UTC).date()),
            (None, Some(_)) => Fact::not_established(
                NotEstablished::BadAnswer,
                "the registry states no time of publication",
            ),
            (None, None) => Fact::not_established(NotEstablished::Offline, "no registry was asked"),
        }
    }

    /// Whether the installed files are proven to come from whom the subject's name says: they are those of an archive that the
    /// registry signed for this name and version, or whose provenance is verified. One wrong half spoils the other.
    pub(crate) fn origin_is_verified(&self) -> bool {
        let facts = [
            self.archive.outcome(),
            self.provenance.outcome(),
            self.signatures.outcome(),
        ];
        let proven = self.provenance.verified().is_some() || self.signatures.verified().is_some();
        self.archive.verified().is_some() && proven && !facts.contains(&Outcome::Violated)
    }
}
