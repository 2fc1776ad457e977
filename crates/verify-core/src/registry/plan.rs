//! What to fetch, and how much of it at most.

use std::time::Duration;

use crate::digest::Sri;

/// One package version, and what of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The name with its scope. Untrusted text: a name that npm would not accept is refused.
    pub name: String,
    /// The exact version.
    pub version: String,
    /// The integrity that is recorded or locked; the key of the cache.
    pub integrity: Option<Sri>,
    /// Fetch the archive.
    pub archive: bool,
    /// Fetch the attestations.
    pub attestations: bool,
}

/// What to fetch. Pure data; the order is the order of the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchPlan {
    /// One entry a package version.
    pub wants: Vec<Want>,
}

/// How much, how long and from where at most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchLimits {
    /// Bytes of a packument (all that a registry says of a package).
    pub packument: u64,
    /// Bytes of an archive.
    pub archive: u64,
    /// Time for a connection.
    pub connect: Duration,
    /// Time without a byte.
    pub idle: Duration,
    /// Bytes a second, on average, that an answer has to bring once it takes longer than `idle`.
    pub rate: u64,
    /// Time for one answer with metadata.
    pub metadata: Duration,
    /// Time for one archive.
    pub download: Duration,
    /// Redirects of one request.
    pub redirects: usize,
    /// Attempts of one request, the first included.
    pub attempts: u32,
    /// The pause before the second attempt; doubled before each further one.
    pub backoff: Duration,
    /// Packages fetched at the same time.
    pub parallel: usize,
    /// Packages that a registry may leave without an answer, after all attempts, before the rest of a plan is not asked of it.
    pub unanswered: u32,
    /// Other hosts (`host` or `host:port`) that may serve archives or be redirected to.
    pub hosts: Vec<String>,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            packument: 64 << 20,
            archive: 512 << 20,
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            rate: 1 << 10,
            metadata: Duration::from_secs(30),
            download: Duration::from_secs(600),
            redirects: 5,
            attempts: 3,
            backoff: Duration::from_millis(300),
            parallel: 8,
            unanswered: 5,
            hosts: Vec::new(),
        }
    }
}
