//! The report as rows for fleets: one a subject, and one for the run at its end. Format: docs/fleet.md; schema:
//! docs/schema/event.schema.json.
//!
//! Every row has every key, so that rows of many machines are one table. A row says what was found, never what a machine is called:
//! `host` is what the caller was given as a label, and anyone who can write a row can write any label. Identity comes from what carries
//! the rows.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Basis, Report, SubjectReport};
use crate::digest::{Sha256Digest, TreeDigest};
use crate::fact::Outcome;
use crate::finding::{Finding, Level};
use crate::subject::{Kind, Source, SubjectId};

/// What signatures of rows are made for (`ssh-keygen -Y sign -n`): a key that is trusted for the rows of a machine alone signs no policy
/// and no statement.
pub const SIGNATURE_NAMESPACE: &str = "openclaw-verify-event";

/// The name of this format. Keys are only added; a change that breaks readers gets another number.
pub const SCHEMA: &str = "openclaw-verify.event/1";

/// What the caller knows of a run.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// When its verdict was reached.
    pub at: jiff::Timestamp,
    /// What the machine is to be called, where the caller says so.
    pub host: Option<String>,
    /// The minimum level that counts as failure.
    pub threshold: Level,
    /// Whether every byte that the verdict stands on was read in this run. Not so where only what changed was read again.
    pub full: bool,
    /// Whether the verdict is about the whole installation: not about subjects of some kinds, nor about a lock alone.
    pub whole: bool,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum About {
    /// One subject.
    Subject,
    /// A subject that was there in the run before and is not any more. Only where one process runs more than once.
    Gone,
    /// The whole run: the last row of each, so that rows without one were cut off.
    Run,
    /// A run that could not be completed, and says nothing about any subject.
    Failed,
    /// The signature of the rows before it. Only where the caller gave a key; the last row of each verdict then.
    Signature,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Event {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What the row is about.
    pub event: About,
    /// When the verdict was reached: RFC 3339 in UTC, with milliseconds. The same in all rows of a run.
    pub at: String,
    /// The label of the machine that the caller gave. It proves nothing.
    pub host: Option<String>,
    /// Version of openclaw-verify.
    pub tool: &'static str,
    /// Whether every byte that the verdict stands on was read in this run.
    pub full: bool,
    /// Whether the verdict is about the whole installation: not about subjects of some kinds, nor about a lock alone.
    pub whole: bool,
    /// Digest of the policy's file; none without a file.
    #[schemars(with = "Option<String>")]
    pub policy: Option<Sha256Digest>,
    /// Digest of the lock's file.
    #[schemars(with = "Option<String>")]
    pub lock: Option<Sha256Digest>,
    /// Digest of the reviews' file.
    #[schemars(with = "Option<String>")]
    pub reviews: Option<Sha256Digest>,
    /// Digest of the index of advisories; none where there was none.
    #[schemars(with = "Option<String>")]
    pub advisories: Option<Sha256Digest>,
    /// The subject's id; none for a run.
    pub subject: Option<SubjectId>,
    /// What it is; none where it is not there, as for one that is only locked.
    pub kind: Option<Kind>,
    /// Where it came from.
    pub source: Option<Source>,
    /// Version as its own files say.
    pub version: Option<String>,
    /// Whether OpenClaw would load it.
    pub enabled: Option<bool>,
    /// Digest of its own code.
    pub tree: Option<String>,
    /// Digest of its dependencies.
    #[schemars(with = "Option<String>")]
    pub dependencies: Option<TreeDigest>,
    /// Digest of what it starts.
    #[schemars(with = "Option<String>")]
    pub definition: Option<Sha256Digest>,
    /// Digest of what of it steers or guards.
    #[schemars(with = "Option<String>")]
    pub settings: Option<Sha256Digest>,
    /// Digest of what of it reaches the model as text.
    #[schemars(with = "Option<String>")]
    pub instructions: Option<Sha256Digest>,
    /// What an intact verdict stands on.
    pub basis: Option<Basis>,
    /// Is it what was locked?
    pub integrity: Option<Outcome>,
    /// Would a reinstall bring the same?
    pub pinning: Option<Outcome>,
    /// Is it known who published it?
    pub provenance: Option<Outcome>,
    /// Has it been reviewed?
    pub review: Option<Outcome>,
    /// Is something bad known about it?
    pub advisory: Option<Outcome>,
    /// The highest level among the findings of this row that count; for a run, among all of it.
    pub level: Option<Level>,
    /// Ids of the findings that count, each once, sorted. For a run: of those that belong to no subject.
    pub findings: Vec<&'static str>,
    /// Ids of the findings that an exception covers, each once, sorted.
    pub excepted: Vec<&'static str>,
    /// The first of the findings that count, in one sentence; for a run, the gravest of all, with its subject; or why the run could not be
    /// completed. Safe to show.
    pub message: Option<String>,
    /// For a run: 0 where nothing reaches the threshold, 1 where something does. For one that could not be completed, its exit code.
    pub exit: Option<u8>,
    /// For a run: how many subjects were judged.
    pub subjects: Option<usize>,
    /// For a run: findings at `deny` that count.
    pub deny: Option<usize>,
    /// For a run: findings at `warn` that count.
    pub warn: Option<usize>,
    /// For a run: findings at `note` that count.
    pub note: Option<usize>,
    /// For a signature: of what, and by which key.
    pub signature: Option<RowsSignature>,
}

/// The signature of the rows of one verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct RowsSignature {
    /// How many rows right before this one it is of. Signed are their bytes as they were written, each with its line end.
    pub rows: usize,
    /// Whose it says it is: `SHA256:…` of the public key. Who may sign is for the reader to know.
    pub key: String,
    /// The armored SSH signature for the namespace [`SIGNATURE_NAMESPACE`].
    pub armor: String,
}

impl Event {
    fn blank(event: About, stamp: &Stamp) -> Self {
        Self {
            schema: SCHEMA,
            event,
            at: stamp.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            host: stamp.host.clone(),
            tool: env!("CARGO_PKG_VERSION"),
            full: stamp.full && stamp.whole,
            whole: stamp.whole,
            policy: None,
            lock: None,
            reviews: None,
            advisories: None,
            subject: None,
            kind: None,
            source: None,
            version: None,
            enabled: None,
            tree: None,
            dependencies: None,
            definition: None,
            settings: None,
            instructions: None,
            basis: None,
            integrity: None,
            pinning: None,
            provenance: None,
            review: None,
            advisory: None,
            level: None,
            findings: Vec::new(),
            excepted: Vec::new(),
            message: None,
            exit: None,
            subjects: None,
            deny: None,
            warn: None,
            note: None,
            signature: None,
        }
    }

    /// The row that signs the `rows` rows before it. `key` is the fingerprint of the public key, `armor` the armored SSH signature of their
    /// bytes for [`SIGNATURE_NAMESPACE`].
    #[must_use]
    pub fn signature(stamp: &Stamp, rows: usize, key: String, armor: String) -> Self {
        Self {
            signature: Some(RowsSignature { rows, key, armor }),
            ..Self::blank(About::Signature, stamp)
        }
    }

    /// The row of a run that could not be completed and would end with `exit`.
    #[must_use]
    pub fn failed(stamp: &Stamp, exit: u8, message: String) -> Self {
        Self {
            message: Some(message),
            exit: Some(exit),
            ..Self::blank(About::Failed, stamp)
        }
    }

    /// The row of a subject that is not there any more.
    #[must_use]
    pub fn gone(report: &Report, stamp: &Stamp, subject: SubjectId) -> Self {
        Self {
            subject: Some(subject),
            ..Self::of(About::Gone, report, stamp)
        }
    }

    fn of(event: About, report: &Report, stamp: &Stamp) -> Self {
        let inputs = &report.inputs;
        Self {
            policy: inputs.policy.digest,
            lock: inputs.lock.digest,
            reviews: inputs.reviews.digest,
            advisories: inputs.advisories.as_ref().map(|used| used.digest),
            ..Self::blank(event, stamp)
        }
    }

    fn with(mut self, findings: &[&Finding]) -> Self {
        let ids = |covered: bool| -> Vec<&'static str> {
            let ids = findings
                .iter()
                .filter(|finding| finding.suppressed.is_some() == covered);
            let ids: BTreeSet<&str> = ids.map(|finding| finding.id).collect();
            ids.into_iter().collect()
        };
        (self.findings, self.excepted) = (ids(false), ids(true));
        // A report has its findings by level.
        let first = findings.iter().find(|finding| finding.suppressed.is_none());
        self.level = first.map(|finding| finding.level);
        self.message = first.map(|finding| finding.message.clone());
        self
    }

    fn subject(report: &Report, stamp: &Stamp, subject: &SubjectReport) -> Self {
        let outcomes = subject.outcomes;
        Self {
            subject: Some(subject.id.clone()),
            kind: Some(subject.kind),
            source: Some(subject.source),
            version: subject.version.clone(),
            enabled: Some(subject.enabled),
            tree: subject.tree.clone(),
            dependencies: subject.dependencies,
            definition: subject.definition,
            settings: subject.settings,
            instructions: subject.instructions,
            basis: subject.basis,
            integrity: Some(outcomes.integrity),
            pinning: Some(outcomes.pinning),
            provenance: Some(outcomes.provenance),
            review: Some(outcomes.review),
            advisory: Some(outcomes.advisory),
            ..Self::of(About::Subject, report, stamp)
        }
    }
}

/// The rows of a report: each subject by id, also one that a finding is about and that is not there, and then the run.
#[must_use]
pub fn events(report: &Report, stamp: &Stamp) -> Vec<Event> {
    let mut about: BTreeMap<Option<&SubjectId>, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        about
            .entry(finding.subject.as_ref())
            .or_default()
            .push(finding);
    }
    let of_no_subject = about.remove(&None).unwrap_or_default();
    let mut rows: BTreeMap<&SubjectId, Event> = BTreeMap::new();
    for subject in &report.subjects {
        rows.insert(&subject.id, Event::subject(report, stamp, subject));
    }
    for id in about.keys().copied().flatten() {
        rows.entry(id).or_insert_with(|| Event {
            subject: Some(id.clone()),
            ..Event::of(About::Subject, report, stamp)
        });
    }
    let rows = rows.into_iter().map(|(id, row)| {
        let findings = about.remove(&Some(id)).unwrap_or_default();
        row.with(&findings)
    });
    let mut rows: Vec<Event> = rows.collect();
    let summary = &report.summary;
    // What the row of the run says is what its level stands on, whatever that is about.
    let worst = report
        .counting()
        .min_by_key(|finding| std::cmp::Reverse(finding.level));
    let message = worst.map(|finding| match &finding.subject {
        Some(subject) => format!("{} {subject}: {}", finding.id, finding.message),
        None => finding.message.clone(),
    });
    rows.push(Event {
        level: worst.map(|finding| finding.level),
        message,
        exit: Some(u8::from(report.fails(stamp.threshold))),
        subjects: Some(summary.subjects),
        deny: Some(summary.deny),
        warn: Some(summary.warn),
        note: Some(summary.note),
        ..Event::of(About::Run, report, stamp).with(&of_no_subject)
    });
    rows
}
