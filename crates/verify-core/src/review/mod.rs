//! `openclaw-reviews.toml`: who has read what. Format: docs/formats.md.
//!
//! Reviews bind to digests, never to version strings. [`ReviewIndex`] answers whether a chain of reviews leads from nothing to what is
//! installed; [`append`] adds an entry without touching a byte of the others.

mod append;
mod contents;
pub mod diff;
mod graph;
mod highlights;
mod imports;
mod merge;
mod osv;
mod store;
mod violation;
mod wire;

use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::{Sha256Digest, TreeDigest};
use crate::error::OperatorError;
use crate::policy::Pattern;
use crate::subject::SubjectId;

pub use append::{Addition, Appended, append, empty};
pub use contents::{Contents, ContentsError};
pub use graph::{EntryOrigin, Gap, Publisher, Question, ReviewIndex, ReviewVerdict, Step};
pub use highlights::{Highlight, HighlightKind};
pub use imports::{ImportStore, changes};
pub use merge::{Merged, merged};
pub use osv::violations_as_osv;
pub use store::{ContentStore, MAX_STORE};
pub use violation::Versions;

pub use crate::policy::Criteria;

/// One reviews file: the operator's own, or an imported one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reviews {
    /// Full reviews and deltas, in the order of the file.
    pub reviews: Vec<Review>,
    /// Publishers whose releases count as reviewed, in the order of the file.
    pub trusts: Vec<Trust>,
    /// What must not run, in the order of the file.
    pub violations: Vec<Violation>,
}

/// What was read: files, or the definition of an MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Content {
    /// A tree.
    Tree(TreeDigest),
    /// A definition.
    Definition(Sha256Digest),
}

/// One `[[review]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The subject.
    pub package: SubjectId,
    /// For people: version, or `old -> new`. Nothing depends on it.
    pub version: Option<String>,
    /// What was known before, for a delta.
    pub from: Option<Content>,
    /// What was read.
    pub content: Content,
    /// Dependencies that were read too, as a whole.
    pub dependencies: Option<TreeDigest>,
    /// What the reader vouches for.
    pub criteria: Criteria,
    /// Who read it.
    pub by: String,
    /// Present when a machine read it.
    pub agent: Option<Agent>,
    /// When.
    pub date: Date,
    /// The last day on which it counts; none for ever.
    pub until: Option<Date>,
    /// For people.
    pub notes: Option<String>,
    /// Line in the file, from 1; 0 for an entry that is not in a file yet.
    pub line: usize,
}

/// The machine that made a review.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its model.
    pub model: String,
    /// Whether a person led it.
    #[serde(default)]
    pub guided: bool,
}

/// One `[[trust]]`. Counts only for subjects whose origin from this publisher is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// `github:<owner>/<repository>`, or a tag signer such as `ssh:SHA256:…`.
    pub publisher: String,
    /// The workflow that has to have built it; none for any.
    pub workflow: Option<String>,
    /// Subject ids that it is about.
    pub packages: Vec<Pattern>,
    /// What is trusted.
    pub criteria: Criteria,
    /// Who trusts.
    pub by: String,
    /// The first day on which it counts.
    pub start: Date,
    /// The last day on which it counts, at most a year after the first.
    pub until: Date,
    /// For people.
    pub notes: Option<String>,
    /// Line in the file, from 1; 0 for an entry that is not in a file yet.
    pub line: usize,
}

/// One `[[violation]]`. Beats everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The subject.
    pub package: SubjectId,
    /// What of it.
    pub what: Violated,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// When.
    pub date: Date,
    /// Line in the file, from 1; 0 for an entry that is not in a file yet.
    pub line: usize,
}

/// What of a subject must not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violated {
    /// These versions of the subject.
    Versions(Versions),
    /// These bytes, under whatever name they are installed.
    Trees(Vec<TreeDigest>),
}

impl Reviews {
    /// The JSON Schema of the file, for editors that complete and check TOML by it.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        wire::schema()
    }

    /// Reads the reviews file at `path` that holds `text`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Box<OperatorError>> {
        wire::parse(path, text)
    }
}

impl Review {
    /// Whether its last day is over.
    #[must_use]
    pub fn expired(&self, today: Date) -> bool {
        self.until.is_some_and(|until| today > until)
    }
}

impl Trust {
    /// Whether today is one of its days.
    #[must_use]
    pub fn in_force(&self, today: Date) -> bool {
        self.start <= today && today <= self.until
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(digest) => digest.fmt(f),
            Self::Definition(digest) => digest.fmt(f),
        }
    }
}
