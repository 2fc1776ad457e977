//! A report as an in-toto statement: a verification summary (SLSA VSA v1) that others can check.
//!
//! It names no host and no path. Subjects are digests that anyone can take again: of the listing behind a tree (what
//! `git ls-tree -r -z` prints in a SHA-256 repository), of a definition, of an archive, of a commit. Equal inputs give equal bytes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{InputFile, Report, SubjectReport};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fact::Outcome;
use crate::finding::{Finding, Level};
use crate::provenance::{SUMMARY_PREDICATE, SUMMARY_VERIFIER};

/// What a statement says beside its report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatementOptions<'a> {
    /// What was judged, in one word: `installation`, `archive`, `skill`, `release`, `staged`.
    pub about: &'static str,
    /// When.
    pub now: Timestamp,
    /// The minimum level that fails.
    pub fail_on: Level,
    /// Findings whose level the caller changed, by the new level.
    pub levels: &'a [(Level, &'a [String])],
    /// Digest of the program that judged.
    pub program: Option<Sha256Digest>,
    /// Other subjects: an archive, a commit.
    pub more: Vec<StatementSubject>,
    /// Digests of further files that judged, by what they are.
    pub inputs: Vec<(String, Sha256Digest)>,
    /// What a reader has to know of the whole, such as what cannot be detected.
    pub notes: Vec<String>,
}

impl<'a> StatementOptions<'a> {
    /// Of a report about `about`, made `now`, in which `fail_on` fails.
    #[must_use]
    pub fn new(about: &'static str, now: Timestamp, fail_on: Level) -> Self {
        Self {
            about,
            now,
            fail_on,
            levels: &[],
            program: None,
            more: Vec::new(),
            inputs: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// A subject of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementSubject {
    /// Its name: an id, or an id with `#` and the part of it.
    pub name: String,
    /// Digests in hex, by the names of in-toto (`sha256`, `sha512`, `gitCommit`).
    pub digests: Vec<(&'static str, String)>,
}

impl StatementSubject {
    /// One with these digests.
    #[must_use]
    pub fn new(name: impl Into<String>, digests: Vec<(&'static str, String)>) -> Self {
        Self {
            name: name.into(),
            digests,
        }
    }
}

/// The statement, as canonical JSON (RFC 8785).
///
/// # Errors
/// When nothing that was judged has a digest: such a statement would be about nothing.
pub fn statement(report: &Report, options: &StatementOptions<'_>) -> Result<String> {
    let passed = !report.fails(options.fail_on);
    let mut subjects: Vec<Value> = report.subjects.iter().flat_map(parts).collect();
    subjects.extend(options.more.iter().map(|subject| {
        let digests = subject.digests.iter();
        let digests: Map<String, Value> = digests
            .map(|(name, hex)| ((*name).to_owned(), hex.clone().into()))
            .collect();
        json!({ "name": subject.name, "digest": digests })
    }));
    if subjects.is_empty() {
        return Err(Error::environment(
            "nothing that was judged has a digest, so a statement would be about nothing",
            "leave the statement out",
        ));
    }
    let value = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": SUMMARY_PREDICATE,
        "predicate": {
            "verifier": {
                "id": SUMMARY_VERIFIER,
                "version": { (report.tool.name): report.tool.version },
            },
            "timeVerified": options.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "resourceUri": format!("urn:openclaw-verify:{}", options.about),
            "policy": policy(report),
            "inputAttestations": inputs(report, options),
            "verificationResult": word(passed),
            "verifiedLevels": reached(report, passed),
            "slsaVersion": "1.0",
            "openclaw": own(report, options),
        },
    });
    serde_json_canonicalizer::to_string(&value).map_err(|error| {
        Error::environment(
            format!("the statement cannot be written: {error}"),
            "please report this",
        )
    })
}

/// What SLSA calls reached.
fn reached(report: &Report, passed: bool) -> &'static [&'static str] {
    let intact = report
        .subjects
        .iter()
        .all(|subject| subject.outcomes.integrity == Outcome::Verified);
    match (passed, intact && !report.subjects.is_empty()) {
        (false, _) => &["FAILED"],
        (true, true) => &["OPENCLAW_VERIFY_LOCKED"],
        (true, false) => &[],
    }
}

/// By what it was judged.
fn policy(report: &Report) -> Value {
    match report.inputs.policy.digest {
        Some(digest) => json!({
            "uri": "urn:openclaw-verify:policy",
            "digest": { "sha256": digest.hex() },
        }),
        None => json!({ "uri": "urn:openclaw-verify:preset:default" }),
    }
}

/// What a summary of SLSA has no place for: what was judged, one by one, and what was found.
fn own(report: &Report, options: &StatementOptions<'_>) -> Value {
    let failed = |finding: &&Finding| finding.level >= options.fail_on;
    let judged: Vec<Value> = report
        .subjects
        .iter()
        .map(|subject| {
            let about = |finding: &&Finding| finding.subject.as_ref() == Some(&subject.id);
            let of_it: Vec<&Finding> = report.counting().filter(about).collect();
            json!({
                "id": subject.id, "kind": subject.kind, "version": subject.version,
                "source": subject.source, "tree": subject.tree, "basis": subject.basis,
                "outcomes": subject.outcomes,
                "result": word(!of_it.iter().any(failed)),
            })
        })
        .collect();
    let findings: Vec<Value> = report
        .counting()
        .map(|finding| {
            json!({
                "id": finding.id, "code": finding.code, "level": finding.level,
                "subject": finding.subject,
            })
        })
        .collect();
    let excepted = report.findings.iter();
    let excepted: Vec<Value> = excepted
        .filter_map(|finding| {
            let until = finding.suppressed.as_ref()?.until;
            Some(json!({ "id": finding.id, "subject": finding.subject, "until": until }))
        })
        .collect();
    let levels: Map<String, Value> = options
        .levels
        .iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(level, ids)| (level.as_str().to_owned(), json!(ids)))
        .chain([("failOn".to_owned(), options.fail_on.as_str().into())])
        .collect();
    json!({
        "schema": "openclaw-verify.statement/1",
        "program": options.program.map(|digest| json!({ "sha256": digest.hex() })),
        "stage": report.stage,
        "summary": report.summary,
        "subjects": judged,
        "findings": findings,
        "excepted": excepted,
        "flags": levels,
        "notes": options.notes,
        "notCovered": report.not_covered.len(),
    })
}

fn word(passed: bool) -> &'static str {
    if passed { "PASSED" } else { "FAILED" }
}

/// The digests of a subject, each by itself: they are of different things.
fn parts(subject: &SubjectReport) -> Vec<Value> {
    let listings = subject.listings.iter().copied();
    let texts = [
        ("definition", subject.definition),
        ("settings", subject.settings),
        ("instructions", subject.instructions),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, digest)| Some((name, digest?)));
    // The digest of nothing would be that of every empty file.
    let nothing = Sha256Digest::of(b"");
    listings
        .chain(texts)
        .filter(|(_, digest)| *digest != nothing)
        .map(|(part, digest)| {
            let name = match part {
                "tree" => subject.id.to_string(),
                part => format!("{}#{part}", subject.id),
            };
            json!({ "name": name, "digest": { "sha256": digest.hex() } })
        })
        .collect()
}

/// Everything that judged, by digest.
fn inputs(report: &Report, options: &StatementOptions<'_>) -> Vec<Value> {
    let inputs = &report.inputs;
    let file = |name: &str, file: &InputFile| file.digest.map(|digest| (name.to_owned(), digest));
    let advisories = inputs.advisories.as_ref();
    let known = [
        file("lock", &inputs.lock),
        file("reviews", &inputs.reviews),
        advisories.map(|used| ("advisories".to_owned(), used.digest)),
    ];
    let more = options.inputs.iter().cloned();
    known
        .into_iter()
        .flatten()
        .chain(more)
        .map(|(name, digest)| {
            json!({ "uri": format!("urn:openclaw-verify:{name}"), "digest": { "sha256": digest.hex() } })
        })
        .collect()
}
