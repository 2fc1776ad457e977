//! The guide's points, each with what the reports say of it. It decides nothing of its own, and silence is a pass only where something
//! was looked at. Format: docs/formats.md, "Checklist".

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, SubjectReport, Tool};
use crate::fact::Outcome;
use crate::finding::{Finding, Level};
use crate::rules::checklist::{Needs, POINTS, Point, SECTIONS, is_about};
use crate::rules::{self, Group};
use crate::subject::Kind;

/// The name of this format.
pub const CHECKLIST_SCHEMA: &str = "openclaw-verify.checklist/1";

/// Every point of the guide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Checklist {
    /// Always [`CHECKLIST_SCHEMA`].
    pub schema: &'static str,
    /// Who made it.
    pub tool: Tool,
    /// Counts.
    pub summary: ChecklistSummary,
    /// In the order of the guide.
    pub rows: Vec<ChecklistRow>,
}

/// Counts over the rows of chapters 2 to 7; the others repeat them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChecklistSummary {
    /// Points that hold, by evidence.
    pub passed: usize,
    /// Points that do not hold.
    pub open: usize,
    /// Points that do not hold, as the operator has accepted for a time.
    pub excepted: usize,
    /// Points of which that is not known.
    pub not_established: usize,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChecklistRow {
    /// Stable id.
    pub id: &'static str,
    /// Chapter of the guide.
    pub section: u8,
    /// Its name.
    pub section_title: &'static str,
    /// What should hold.
    pub title: &'static str,
    /// What is known of it.
    pub state: ChecklistState,
    /// The last day on which an exception covers it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<jiff::civil::Date>,
    /// What the state stands on, one line each, safe to show.
    pub evidence: Vec<String>,
    /// What clears it, as the findings say.
    pub next: Vec<String>,
    /// Ids of threats: OWASP LLM 2025, OWASP ASI 2026, OWASP AST, and openclaw/trust.
    pub threats: Vec<&'static str>,
    /// Ids of the findings that would say otherwise.
    pub rules: Vec<&'static str>,
}

/// What is known of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChecklistState {
    /// It holds, by evidence.
    Passed,
    /// It does not hold, and an exception accepts that for a time.
    Excepted,
    /// It could not be established.
    NotEstablished,
    /// It does not hold.
    Open,
}

impl ChecklistState {
    /// The name in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Excepted => "excepted",
            Self::NotEstablished => "not-established",
            Self::Open => "open",
        }
    }
}

/// What was looked at, beside the findings.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookedAt {
    /// The config, where all of it was read.
    pub(crate) config: Option<String>,
    /// Whether sessions run in a sandbox by the config.
    pub(crate) sandboxed: bool,
    /// Files and owners, in words.
    pub(crate) files: Option<String>,
    /// What the state lies on where that is encrypted.
    pub(crate) encrypted: Option<String>,
    /// The running gateway, in words.
    pub(crate) process: Option<String>,
    /// What was seen of Tailscale: its status, or that there is none.
    pub(crate) tunnel: Option<String>,
    /// The label of the kernel's access control that the running gateway has.
    pub(crate) confined: Option<String>,
    /// The unit that starts it.
    pub(crate) unit: Option<String>,
    /// Files about containers.
    pub(crate) container: Option<String>,
    /// Whether containers have a kernel of their own, and what says so.
    pub(crate) kernel: Option<(bool, String)>,
    /// A template of a file with variables that holds no real value.
    pub(crate) template: Option<String>,
    /// Rules that the operator switched off: their silence means nothing.
    pub(crate) silenced: Vec<&'static str>,
}

/// Most lines of evidence of one point.
const SHOWN: usize = 6;

impl Checklist {
    /// From the report about the machine, and that about what is installed where there is one.
    pub(crate) fn of(
        machine: &Report,
        installed: Result<&Report, &NotChecked>,
        looked: &LookedAt,
    ) -> Self {
        let mut rows: Vec<ChecklistRow> = POINTS
            .iter()
            .map(|point| row(point, machine, installed, looked))
            .collect();
        let states: Vec<(u8, u8, ChecklistState)> = POINTS
            .iter()
            .zip(&rows)
            .filter(|(point, _)| (2..=7).contains(&point.section))
            .map(|(point, row)| (point.section, point.class.threat(), row.state))
            .collect();
        for (point, row) in POINTS.iter().zip(&mut rows) {
            let of: Vec<ChecklistState> = match point.needs {
                Needs::Threat(threat) => states
                    .iter()
                    .filter(|(_, of, _)| *of == threat)
                    .map(|(.., state)| *state)
                    .collect(),
                Needs::Section(section) => states
                    .iter()
                    .filter(|(of, ..)| *of == section)
                    .map(|(.., state)| *state)
                    .collect(),
                _ => continue,
            };
            let count = |state| of.iter().filter(|found| **found == state).count();
            row.state = of
                .iter()
                .max()
                .copied()
                .unwrap_or(ChecklistState::NotEstablished);
            row.evidence = vec![format!(
                "{} passed, {} open, {} excepted, {} not established",
                count(ChecklistState::Passed),
                count(ChecklistState::Open),
                count(ChecklistState::Excepted),
                count(ChecklistState::NotEstablished)
            )];
        }
        let count = |state| states.iter().filter(|(.., found)| *found == state).count();
        Self {
            schema: CHECKLIST_SCHEMA,
            tool: machine.tool.clone(),
            summary: ChecklistSummary {
                passed: count(ChecklistState::Passed),
                open: count(ChecklistState::Open),
                excepted: count(ChecklistState::Excepted),
                not_established: count(ChecklistState::NotEstablished),
            },
            rows,
        }
    }
}

fn row(
    point: &Point,
    machine: &Report,
    installed: Result<&Report, &NotChecked>,
    looked: &LookedAt,
) -> ChecklistRow {
    let about = |finding: &&Finding| {
        point
            .rules
            .iter()
            .any(|entry| is_about(entry, finding.id, finding.code))
    };
    let reports = [Some(machine), installed.ok()];
    let findings: Vec<&Finding> = reports
        .into_iter()
        .flatten()
        .flat_map(|report| &report.findings)
        .filter(about)
        .collect();
    let of = |wanted: Outcome, suppressed: bool| -> Vec<&Finding> {
        let found = findings.iter().copied();
        found
            .filter(|finding| {
                finding.outcome == wanted
                    && finding.suppressed.is_some() == suppressed
                    && finding.level > Level::Allow
            })
            .collect()
    };
    let (violated, open) = (
        of(Outcome::Violated, false),
        of(Outcome::NotEstablished, false),
    );
    let accepted: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| finding.suppressed.is_some())
        .collect();
    let evidence = evidence(point, installed, looked);
    let (state, lines, said): (ChecklistState, Vec<String>, &[&Finding]) = if !violated.is_empty() {
        (ChecklistState::Open, lines(&violated), &violated)
    } else if !open.is_empty() {
        (ChecklistState::NotEstablished, lines(&open), &open)
    } else {
        match evidence {
            Err(Missing::Unknown(why)) => (ChecklistState::NotEstablished, vec![why], &[]),
            Err(Missing::Not(why)) => (ChecklistState::Open, vec![why], &[]),
            Ok(_) if !accepted.is_empty() => (ChecklistState::Excepted, lines(&accepted), &[]),
            Ok(seen) => (ChecklistState::Passed, vec![seen], &[]),
        }
    };
    let until = accepted
        .iter()
        .filter_map(|finding| Some(finding.suppressed.as_ref()?.until))
        .min();
    let mut rules: Vec<&'static str> = point
        .rules
        .iter()
        .filter_map(|entry| entry.split('[').next())
        .collect();
    rules.dedup();
    ChecklistRow {
        id: point.id,
        section: point.section,
        section_title: SECTIONS
            .get(usize::from(point.section).saturating_sub(1))
            .copied()
            .unwrap_or_default(),
        title: point.title,
        state,
        until: until.filter(|_| state == ChecklistState::Excepted),
        evidence: lines,
        next: next(said),
        threats: point.class.threats().to_vec(),
        rules,
    }
}

/// What to do about these findings, each once.
fn next(findings: &[&Finding]) -> Vec<String> {
    let mut next: Vec<String> = Vec::new();
    for finding in findings {
        if !finding.help.is_empty() && !next.contains(&finding.help) && next.len() < SHOWN {
            next.push(finding.help.clone());
        }
    }
    next
}

fn lines(findings: &[&Finding]) -> Vec<String> {
    let mut lines: Vec<String> = findings
        .iter()
        .take(SHOWN)
        .map(|finding| {
            let code = finding
                .code
                .map_or(String::new(), |code| format!(" [{code}]"));
            let subject = finding
                .subject
                .as_ref()
                .map(|id| id.as_str())
                .filter(|id| *id != "host:machine");
            let subject = subject.map_or(String::new(), |id| format!(" {id}"));
            format!(
                "{} {}{code}{subject}: {}",
                finding.level.as_str(),
                finding.id,
                finding.message
            )
        })
        .collect();
    if findings.len() > SHOWN {
        lines.push(format!("and {} more", findings.len() - SHOWN));
    }
    lines
}

/// Why nothing is known of what is installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotChecked {
    #[error("there is no lock yet")]
    NoLock,
    #[error("the check could not be completed: {0}")]
    Incomplete(crate::error::Error),
}

/// Why a point does not pass though no rule says anything.
enum Missing {
    /// Nothing was looked at.
    Unknown(String),
    /// What was looked at shows that it does not hold.
    Not(String),
}

impl From<String> for Missing {
    fn from(why: String) -> Self {
        Self::Unknown(why)
    }
}

/// What was looked at, so that silence means something; or why nothing was.
fn evidence(
    point: &Point,
    installed: Result<&Report, &NotChecked>,
    looked: &LookedAt,
) -> Result<String, Missing> {
    let unknown = |why: &str| Err(Missing::Unknown(why.to_owned()));
    // A point without its rule was not looked at, whatever is silent.
    let ids = point
        .rules
        .iter()
        .filter_map(|entry| entry.split('[').next());
    if ids.clone().any(|id| rules::rule(id).is_none()) {
        return unknown("it is not looked at yet");
    }
    let off = looked.silenced.iter().find(|id| {
        point
            .rules
            .iter()
            .any(|entry| entry.split('[').next() == Some(**id))
    });
    if let Some(id) = off {
        return Err(format!("{id} is switched off").into());
    }
    let given = |found: &Option<String>, why: &str| {
        found
            .clone()
            .ok_or_else(|| Missing::Unknown(why.to_owned()))
    };
    let locked = || installed.map_err(|why| Missing::Unknown(why.to_string()));
    match point.needs {
        Needs::Config => given(&looked.config, "not all of the config was read"),
        Needs::Sandbox | Needs::Kernel if !looked.sandboxed => {
            unknown("no session runs in a sandbox")
        }
        Needs::Sandbox => given(&looked.config, "not all of the config was read"),
        Needs::Files => given(
            &looked.files,
            "files and owners of this state are not this machine's",
        ),
        Needs::Encryption => given(
            &looked.encrypted,
            "no encryption below the state directory is seen; other kinds than the kernel's own are not",
        ),
        Needs::Process => given(&looked.process, "no running gateway was seen"),
        // What Tailscale publishes stands in no config: the config alone is half of it.
        Needs::Tunnel if looked.config.is_none() => unknown("not all of the config was read"),
        Needs::Tunnel => given(
            &looked.tunnel,
            "what Tailscale serves was not seen: give what `tailscale serve status` prints as JSON",
        ),
        Needs::Confined => given(&looked.confined, "no label of a running gateway was seen"),
        Needs::Unit => given(&looked.unit, "no unit that starts the gateway was seen"),
        Needs::Container => given(
            &looked.container,
            "no file about a container of OpenClaw was given",
        ),
        Needs::Kernel => match &looked.kernel {
            Some((true, seen)) => Ok(seen.clone()),
            Some((false, seen)) => Err(Missing::Not(seen.clone())),
            None => unknown(
                "which program runs containers is not seen here: give the engine's settings",
            ),
        },
        Needs::Template => given(
            &looked.template,
            "no template lies beside a file with variables in a repository; whether one is needed is not seen",
        ),
        Needs::Lock => as_locked(locked()?),
        Needs::Read => reading(locked()?),
        Needs::Advisories => match &locked()?.inputs.advisories {
            Some(known) => Ok(format!("{} advisories were asked", known.records)),
            None => unknown("no index of advisories was read"),
        },
        Needs::Provenance => provenance(locked()?),
        Needs::Nothing(why) => unknown(why),
        Needs::Threat(_) | Needs::Section(_) => unknown(""),
    }
}

/// How OpenClaw came onto the machine, and whether that is proven.
fn provenance(report: &Report) -> Result<String, Missing> {
    let core = report
        .subjects
        .iter()
        .find(|subject| subject.kind == Kind::Core);
    let Some(core) = core else {
        return Err("the host package is not known".to_owned().into());
    };
    // A piped script ends in one of these too, and leaves no trace of itself.
    let way = if core.path.starts_with("/nix/store/") {
        "from the Nix store"
    } else if core.path.contains("/node_modules/") {
        "as an npm package"
    } else {
        "as a folder of its own"
    };
    match core.outcomes.provenance {
        Outcome::Verified => Ok(format!(
            "it is installed {way}, and its provenance is verified"
        )),
        _ => {
            let why = format!(
                "it is installed {way}, and its provenance is not established; a piped script leaves no trace"
            );
            Err(why.into())
        }
    }
}

/// How much was read, and what an exception covers in its place. Of what is not as locked it is not known what there is to read.
fn reading(report: &Report) -> Result<String, Missing> {
    let of = |wanted: &dyn Fn(Outcome) -> bool| {
        let all = report.subjects.iter();
        all.filter(|subject| wanted(subject.outcomes.review))
            .count()
    };
    let all = of(&|outcome| outcome != Outcome::NotApplicable);
    let read = of(&|outcome| outcome == Outcome::Verified);
    let is_review = |finding: &&Finding| {
        rules::rule(finding.id).is_some_and(|rule| rule.group == Group::Review)
    };
    let covered: BTreeSet<_> = report
        .findings
        .iter()
        .filter(is_review)
        .filter(|finding| finding.suppressed.is_some())
        .filter_map(|finding| finding.subject.as_ref())
        .collect();
    let mut said = format!("{read} of {all} subjects were read");
    if !covered.is_empty() {
        let _ = write!(said, ", {} are excepted", covered.len());
    }
    match as_locked(report) {
        Ok(_) => Ok(said),
        Err(_) => Err(Missing::Unknown(format!(
            "{said}; not everything is known and as locked, so there may be more to read"
        ))),
    }
}

/// What is locked was looked at, all of it: one subject that was not may hold anything.
fn as_locked(report: &Report) -> Result<String, Missing> {
    let open = report.subjects.iter().filter(|subject| {
        matches!(
            subject.outcomes.integrity,
            Outcome::NotEstablished | Outcome::Violated
        )
    });
    let mut open: Vec<String> = open
        .map(|subject| format!("{} ({})", subject.id, subject.outcomes.integrity.as_str()))
        .collect();
    let known = report.subjects.len() - open.len();
    // What is locked and not there is no subject of the report.
    let absent = |finding: &&Finding| finding.id == rules::NOT_INSTALLED;
    let mut gone: Vec<String> = report
        .findings
        .iter()
        .filter(absent)
        .filter_map(|finding| finding.subject.as_ref())
        .filter(|id| report.subjects.iter().all(|subject| subject.id != **id))
        .map(|id| format!("{id} (not there)"))
        .collect();
    gone.sort();
    gone.dedup();
    let all = report.subjects.len() + gone.len();
    open.append(&mut gone);
    if open.is_empty() {
        let core = |subject: &SubjectReport| subject.kind == Kind::Core;
        return match report.subjects.iter().any(core) {
            true => Ok(format!("{all} subjects, judged with the lock")),
            false => Err(Missing::Unknown(format!(
                "{all} subjects were judged with the lock, and the host package is not known"
            ))),
        };
    }
    let more = open.len().saturating_sub(SHOWN);
    open.truncate(SHOWN);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Missing::Unknown(format!(
        "{known} of {all} subjects are as locked; not {}{more}",
        open.join(", ")
    )))
}
