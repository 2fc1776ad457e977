//! The report: plain data, the same for every renderer. Format: docs/formats.md, "Report"; schema: docs/report.schema.json.

pub(crate) mod checklist;
pub(crate) mod contents;
mod document;
pub mod event;
mod skill;
mod statement;
mod store;

use schemars::JsonSchema;
use serde::Serialize;

pub use crate::advisories::AdvisoriesUsed;
pub use crate::evidence::CoreRelease;
pub use crate::rules::outcomes::{Basis, Outcomes};
pub use checklist::{CHECKLIST_SCHEMA, Checklist, ChecklistRow, ChecklistState, ChecklistSummary};
pub use contents::PackageContents;
pub use document::{CANDIDATE_SCHEMA, CandidateDocument, CandidateProvenance, CandidateSignatures};
pub use skill::{ShippedRecord, SkillArchive, SkillContents, SkillStep};
pub use statement::{StatementOptions, StatementSubject, statement};
pub use store::{StorePathReport, StoreReport};

use crate::digest::{Sha256Digest, TreeDigest};
use crate::evidence::Evidence;
use crate::evidence::review::ReviewStatus;
use crate::fact::Outcome;
use crate::finding::{Finding, Level, RemedyKind};
use crate::inventory::{
    GivenFile, LinkedRoot, NodeRuntime, NotCovered, NotCoveredGroup, ToolRecord,
};
use crate::policy::LocalFiles;
use crate::provenance::AnchorsUsed;
use crate::release::{Failure, PinState, Scheme, TagCheck, TagSigner, TagVerdict};
use crate::rules::{self, Judged, Judgement, Said, Stage, Whole, outcomes};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::Manifest;

/// The name of this format. A change that breaks readers gets another number.
pub const SCHEMA: &str = "openclaw-verify.report/1";

/// Everything that one run found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Who made it.
    pub tool: Tool,
    /// What of the subjects was there to be judged.
    pub stage: Stage,
    /// What it stands on.
    pub inputs: Inputs,
    /// Counts.
    pub summary: Summary,
    /// Sorted by id.
    pub subjects: Vec<SubjectReport>,
    /// Release tags, where the question was about them. Sorted by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub releases: Vec<ReleaseReport>,
    /// Sorted by level (most severe first), group, id, subject.
    pub findings: Vec<Finding>,
    /// What OpenClaw also loads, and this tool does not judge.
    pub not_covered: Vec<NotCovered>,
}

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Tool {
    /// `openclaw-verify`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The files and folders that a report stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Inputs {
    /// The policy; only a preset when there is no file.
    pub policy: InputFile,
    /// The lock.
    pub lock: InputFile,
    /// The reviews.
    pub reviews: InputFile,
    /// The host package.
    pub openclaw: InputFile,
    /// The state directory.
    pub state_dir: InputFile,
    /// The state directory and folders in it that are links, and where they lead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub links: Vec<LinkedRoot>,
    /// The home folder of the user who runs OpenClaw, where the caller gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<InputFile>,
    /// OpenClaw's config, where the caller moved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openclaw_config: Option<InputFile>,
    /// The default workspace, where the caller moved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<InputFile>,
    /// The temporary folder that was looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary: Option<InputFile>,
    /// Names of variables whose values the caller gave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub variables: Vec<String>,
    /// The index of advisories that was looked into; none where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisories: Option<AdvisoriesUsed>,
    /// The files by which the operator's team says which holes are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub vex: Vec<InputFile>,
    /// Files about the machine that were handed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub machine: Vec<GivenFile>,
    /// `not-detectable` where signatures of the operator's files are demanded and no highest serials are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<&'static str>,
    /// What signatures were judged by, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors: Option<AnchorsUsed>,
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct InputFile {
    /// Path as the caller gave it; none when there is no such file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Digest of its bytes, for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub digest: Option<Sha256Digest>,
    /// Who chose the place, where the caller says so: `named`, `default`, `derived`, `policy` (the signed one), `PATH`, or the name of
    /// a variable of the caller's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Who signed it, where that is demanded.
    #[serde(rename = "signedBy", skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Its serial, where a signature is demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
}

impl InputFile {
    /// An input at `path`, with the digest of its bytes where it is a file.
    #[must_use]
    pub fn new(path: impl Into<String>, digest: Option<Sha256Digest>) -> Self {
        Self {
            path: Some(path.into()),
            digest,
            ..Self::default()
        }
    }
}

/// Counts over subjects and findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// Subjects that were judged.
    pub subjects: usize,
    /// Subjects whose integrity is verified.
    pub verified: usize,
    /// Subjects whose integrity is violated.
    pub violated: usize,
    /// Subjects whose integrity is not established.
    pub not_established: usize,
    /// Subjects without a question of integrity.
    pub not_applicable: usize,
    /// Findings at `deny` that count.
    pub deny: usize,
    /// Findings at `warn` that count.
    pub warn: usize,
    /// Findings at `note` that count.
    pub note: usize,
    /// Findings that an exception covers.
    pub suppressed: usize,
    /// The first day on which one of those exceptions ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub suppressed_until: Option<jiff::civil::Date>,
    /// Findings, also excepted ones, that say a review is missing.
    pub review_backlog: usize,
}

/// One subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SubjectReport {
    /// Its id.
    pub id: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Version as its own files say.
    pub version: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// Where it is, relative to the state directory where it lies inside.
    pub path: String,
    /// Whether OpenClaw would load it.
    pub enabled: bool,
    /// Digest of its own code.
    pub tree: Option<String>,
    /// How much its digests of files cover, dependencies included; none where no file was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Digest of what it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub definition: Option<Sha256Digest>,
    /// Digest of what of it steers or guards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub settings: Option<Sha256Digest>,
    /// Digest of what of it reaches the model as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub instructions: Option<Sha256Digest>,
    /// Which of its local files policy wants hashed, where a rule says so: for MCP servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalFiles>,
    /// The Node.js that runs it, where something says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeRuntime>,
    /// Digest of its dependencies.
    #[schemars(with = "Option<String>")]
    pub dependencies: Option<TreeDigest>,
    /// What other tools wrote down about it, and whether that is what is there. No verdict stands on it.
    #[serde(rename = "toolRecords", skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub tool_records: Vec<ToolRecord>,
    /// Of the core: whether the commit that its provenance names is that of a signed tag of its makers.
    #[serde(rename = "release", skip_serializing_if = "Option::is_none")]
    pub release: Option<CoreRelease>,
    /// What a Nix store says of it, where it lies in one or leads into one.
    #[serde(rename = "nixStore", skip_serializing_if = "Option::is_none")]
    pub nix_store: Option<StoreReport>,
    /// SHA-256 of the listing behind each digest of files, by the name of the part: what a statement names them by.
    #[serde(skip)]
    #[schemars(skip)]
    pub listings: Vec<(&'static str, Sha256Digest)>,
    /// What an intact verdict stands on; none where the subject is not intact.
    pub basis: Option<Basis>,
    /// The reviews and trusted publishers by which it counts as read; empty where nothing requires that, or where it is not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub reviews: Vec<ReviewReport>,
    /// What was found out, by group.
    pub outcomes: Outcomes,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Size {
    /// Files and symlinks.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// One step by which a subject counts as read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ReviewReport {
    /// Who recorded it. Safe to show.
    pub by: String,
    /// The day from which on it counts.
    #[schemars(with = "String")]
    pub date: jiff::civil::Date,
    /// The last day on which it counts, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<jiff::civil::Date>,
    /// Whether it trusts the publisher and did not read this very content.
    pub publisher: bool,
}

/// One release tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReleaseReport {
    /// The repository's id, when it is known; never what the clone says of itself.
    pub repository: Option<String>,
    /// The tag's name; empty where not even the names could be read.
    pub tag: String,
    /// The tag's object; none for a lightweight tag.
    pub tag_object: Option<String>,
    /// The commit that the tag leads to, when it is known to be one.
    pub commit: Option<String>,
    /// Scheme of the signature: `ssh`, `openpgp` or `gitsign`.
    pub scheme: Option<&'static str>,
    /// Who signed, by the operator's files. The tagger is not a signer: a tag may name anyone.
    pub signer: Option<TagSigner>,
    /// What was found out.
    pub outcome: Outcome,
    /// How the tag relates to the pinned one; none when there is no pin.
    pub pin: Option<PinState>,
    /// What was and was not looked at, and what came out.
    pub checks: Vec<TagCheck>,
    /// Findings about it: `signer-not-allowed`, or `signer-not-allowed/unknown-key` where there is a code.
    pub failures: Vec<String>,
    /// What an accepted tag should still be read with.
    pub notes: Vec<String>,
}

impl ReleaseReport {
    pub(crate) fn new(repository: Option<String>, verdict: &TagVerdict) -> Self {
        let failure = |failure: &Failure| match failure.code.as_str() {
            "" => failure.code.finding().to_owned(),
            code => format!("{}/{code}", failure.code.finding()),
        };
        Self {
            repository,
            tag: verdict.tag.clone(),
            tag_object: verdict.tag_object.as_ref().map(ToString::to_string),
            commit: verdict.commit.as_ref().map(ToString::to_string),
            scheme: verdict.scheme.map(Scheme::as_str),
            signer: verdict.signer.clone(),
            outcome: verdict.outcome,
            pin: verdict.pin,
            checks: verdict.checks.clone(),
            failures: verdict.failures.iter().map(failure).collect(),
            notes: verdict.notes.clone(),
        }
    }
}

impl Report {
    /// Whether any finding that no exception covers reaches `threshold`.
    #[must_use]
    pub fn fails(&self, threshold: Level) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.suppressed.is_none() && finding.level >= threshold)
    }

    /// With what a report about the machine says of the same moment. What both say, such as that advisories are old, is said once.
    #[must_use]
    pub(crate) fn and_machine(mut self, machine: Self) -> Self {
        let more: Vec<Finding> = machine
            .findings
            .into_iter()
            .filter(|finding| !self.findings.contains(finding))
            .collect();
        self.findings.extend(more);
        rules::sort(&mut self.findings);
        self.not_covered.extend(machine.not_covered);
        self.not_covered.sort();
        self.not_covered.dedup();
        self.inputs.machine = machine.inputs.machine;
        self.summary = summarize(&self.subjects, &self.findings);
        self
    }

    /// With the findings about one subject and no others: what a gate decides by.
    #[must_use]
    pub(crate) fn only_about(mut self, id: &SubjectId) -> Self {
        self.findings
            .retain(|finding| finding.subject.as_ref() == Some(id));
        self.summary = summarize(&self.subjects, &self.findings);
        self
    }

    /// Findings that count: no exception covers them.
    pub fn counting(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.suppressed.is_none())
    }
}

/// The report of what the rules said of `whole`. Findings for which `wanted` does not hold are about something else than what was asked.
pub(crate) fn assemble(
    whole: &Whole<'_>,
    judgement: Judgement,
    mut inputs: Inputs,
    wanted: impl Fn(&Finding) -> bool,
) -> Report {
    inputs.links.clone_from(&whole.inventory.linked_roots);
    if let Some(machine) = whole.machine() {
        inputs.machine.clone_from(&machine.given().files);
    }
    let subjects: Vec<SubjectReport> = whole
        .judged
        .iter()
        .map(|judged| subject_report(whole, judged, &judgement.outcomes))
        .collect();
    let findings: Vec<Finding> = judgement.findings.into_iter().filter(wanted).collect();
    let releases = whole.releases.iter();
    Report {
        schema: SCHEMA,
        tool: Tool {
            name: "openclaw-verify",
            version: env!("CARGO_PKG_VERSION"),
        },
        stage: whole.stage,
        inputs,
        summary: summarize(&subjects, &findings),
        subjects,
        releases: releases
            .map(|tag| ReleaseReport::new(tag.repository.clone(), &tag.verdict))
            .collect(),
        findings,
        not_covered: not_covered(whole),
    }
}

/// What `notCovered` calls what is known to be bad, where it was not looked for.
pub const ADVISORIES: &str = "advisories";

/// What was not judged; also that what is known to be bad was not looked for.
fn not_covered(whole: &Whole<'_>) -> Vec<NotCovered> {
    let mut all = whole.inventory.not_covered.clone();
    // Advisories say nothing about a tag.
    if whole.advisories.is_none() && whole.releases.is_empty() {
        all.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            ADVISORIES,
            "no index of them was given, so what is known to be bad was not looked for",
        ));
    }
    all
}

fn subject_report(whole: &Whole<'_>, judged: &Judged<'_>, said: &Said) -> SubjectReport {
    let Judged {
        subject, evidence, ..
    } = judged;
    let (outcomes, basis) = outcomes::of(whole, judged, said);
    let stated = evidence.stated.as_ref();
    SubjectReport {
        id: subject.id.clone(),
        kind: subject.kind,
        version: subject
            .version
            .as_deref()
            .map(|version| text::excerpt(version, 200)),
        source: subject.source,
        path: subject.place.shown.clone(),
        enabled: subject.enabled,
        tree: evidence
            .tree
            .tree()
            .map(|tree| tree.digest)
            .or(stated.and_then(|entry| entry.tree))
            .map(|digest| digest.to_string()),
        definition: subject
            .definition_digest()
            .or(stated.and_then(|entry| entry.definition)),
        settings: subject
            .settings_digest()
            .or(stated.and_then(|entry| entry.settings)),
        instructions: subject
            .instructions_digest()
            .or(stated.and_then(|entry| entry.instructions)),
        dependencies: evidence
            .dependencies
            .tree()
            .map(|tree| tree.digest)
            .or(stated.and_then(|entry| entry.dependencies)),
        node: subject.node.clone(),
        local: subject.mcp.as_ref().and_then(|mcp| mcp.local),
        tool_records: subject.tool_records.clone(),
        release: evidence.core_release.clone(),
        nix_store: evidence.store.as_ref().map(StoreReport::new),
        size: size(evidence),
        listings: listings(evidence),
        basis,
        reviews: reviews(evidence),
        outcomes,
    }
}

fn listings(evidence: &Evidence) -> Vec<(&'static str, Sha256Digest)> {
    let parts = [
        ("tree", &evidence.tree),
        ("dependencies", &evidence.dependencies),
        ("siblings", &evidence.siblings),
    ];
    let digest = |manifest: &Manifest| Sha256Digest::of(&manifest.to_bytes());
    parts
        .into_iter()
        .filter_map(|(name, part)| Some((name, digest(&part.tree()?.manifest))))
        .collect()
}

fn size(evidence: &Evidence) -> Option<Size> {
    let parts = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    let trees = parts.into_iter().filter_map(|part| part.tree());
    trees.fold(None, |sum: Option<Size>, tree| {
        let sum = sum.unwrap_or_default();
        Some(Size {
            files: sum.files.saturating_add(tree.files),
            bytes: sum.bytes.saturating_add(tree.bytes),
        })
    })
}

/// Each once, though one review may have read several parts.
fn reviews(evidence: &Evidence) -> Vec<ReviewReport> {
    let mut all: Vec<ReviewReport> = Vec::new();
    for reading in &evidence.review.required {
        let (entries, publisher) = match &reading.status {
            ReviewStatus::Reviewed(entries) => (entries, false),
            ReviewStatus::Trusted(entries) => (entries, true),
            _ => continue,
        };
        for entry in entries {
            let review = ReviewReport {
                by: entry.by.clone(),
                date: entry.date,
                until: entry.until,
                publisher,
            };
            if !all.contains(&review) {
                all.push(review);
            }
        }
    }
    all
}

/// Counts over `subjects` and `findings`.
pub(crate) fn summarize(subjects: &[SubjectReport], findings: &[Finding]) -> Summary {
    let integrity = |outcome| {
        subjects
            .iter()
            .filter(|subject| subject.outcomes.integrity == outcome)
            .count()
    };
    let level = |level| {
        findings
            .iter()
            .filter(|finding| finding.suppressed.is_none() && finding.level == level)
            .count()
    };
    Summary {
        subjects: subjects.len(),
        verified: integrity(Outcome::Verified),
        violated: integrity(Outcome::Violated),
        not_established: integrity(Outcome::NotEstablished),
        not_applicable: integrity(Outcome::NotApplicable),
        deny: level(Level::Deny),
        warn: level(Level::Warn),
        note: level(Level::Note),
        suppressed: findings
            .iter()
            .filter(|finding| finding.suppressed.is_some())
            .count(),
        suppressed_until: findings
            .iter()
            .filter_map(|finding| Some(finding.suppressed.as_ref()?.until))
            .min(),
        review_backlog: findings
            .iter()
            .filter(|finding| {
                rules::rule(finding.id).is_some_and(|rule| rule.clears == RemedyKind::Review)
            })
            .count(),
    }
}
