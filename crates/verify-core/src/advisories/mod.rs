//! Advisories, offline: what OSV records say of a package and version. Format of records: the OSV schema, version 1.

mod aliases;
mod import;
mod index;
mod order;
mod ranges;
mod record;
mod vers;
mod vex;

pub use aliases::{Match, merge};
pub use import::{BrokenRecord, ImportOptions, Imported, import};
pub use index::{Index, IndexMeta, IndexSource};
pub use order::{Orders, is_openclaw};
pub use ranges::Hit;
pub use record::{Entry, Event, Record, RecordError, read_record};
pub(crate) use record::{VIOLATION_PREFIX, is_id, is_malware, is_violation};
pub use vers::vers;
pub use vex::{Justification, NotAffected, Vex, VexPolicy, VexTarget};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// How bad an advisory is, by its own word or its CVSS vector. Ordered; what is not known counts as the least that is said.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The record says none that can be read.
    #[default]
    Unknown,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9; some call it moderate.
    Medium,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 and above.
    Critical,
}

impl Severity {
    /// The name in policy, report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The index that a verdict stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdvisoriesUsed {
    /// Where it is.
    pub path: String,
    /// The digest that stands for all of it.
    #[schemars(with = "String")]
    pub digest: Sha256Digest,
    /// Digests of what it was made from.
    #[schemars(with = "Vec<String>")]
    pub sources: Vec<Sha256Digest>,
    /// Records in it.
    pub records: u64,
    /// When the newest of them changed, where that is known.
    pub newest: Option<String>,
    /// Whole days since then.
    pub age_days: Option<i64>,
}
