//! What advisories say of what is described, as CycloneDX `vulnerabilities`: one entry for each alias set and each judgement of it, with
//! the components in which it is. Only what was looked up in an index is listed; nothing is claimed of what was not judged.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::values::{self, Refs};
use super::verdicts::{Analysis, KnownAdvisory};
use crate::advisories::{Justification, Severity, is_violation, vers};

/// Most characters of a range, by the schema of 1.5.
const MAX_RANGE: usize = 1024;
/// Most ranges of one component that are listed.
const MAX_RANGES: usize = 50;
/// CWE-506, embedded malicious code.
const MALICIOUS_CODE: u32 = 506;

/// Writes the entries, sorted by id. `refs_of` gives the `bom-ref`s of the components that one is about; what is in none that is
/// described is left out.
pub(super) fn vulnerabilities(
    known: &[KnownAdvisory],
    refs: &mut Refs,
    refs_of: impl Fn(&KnownAdvisory) -> Vec<String>,
) -> Vec<Value> {
    // One analysis is about all that an entry affects, so what is judged otherwise is an entry of its own.
    let mut entries: BTreeMap<(Vec<String>, Option<&Analysis>), Vec<&KnownAdvisory>> =
        BTreeMap::new();
    for one in known {
        let ids = one.found.all_ids().cloned().collect();
        entries
            .entry((ids, one.analysis.as_ref()))
            .or_default()
            .push(one);
    }
    let mut written = Vec::new();
    for ((_, analysis), set) in entries {
        let mut affects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for one in &set {
            for reference in refs_of(one) {
                let versions = affects.entry(reference).or_default();
                for version in versions_of(one) {
                    if !versions.contains(&version) {
                        versions.push(version);
                    }
                }
            }
        }
        if affects.is_empty() {
            continue;
        }
        written.extend(entry(&set, analysis, affects, refs));
    }
    written
}

fn entry(
    set: &[&KnownAdvisory],
    analysis: Option<&Analysis>,
    affects: BTreeMap<String, Vec<Value>>,
    refs: &mut Refs,
) -> Option<Value> {
    let found = &set.first()?.found;
    let id = found.ids.first()?;
    // Records of the operator's own team have the form of OSV and are published by no one.
    let name = if is_violation(id) {
        "openclaw-verify violations"
    } else {
        "OSV"
    };
    let source = json!({ "name": name });
    let severity = match set.iter().map(|one| one.found.severity).max() {
        Some(severity) if severity != Severity::Unknown => severity.as_str(),
        _ => "unknown",
    };
    let mut entry = json!({
        "bom-ref": refs.claim(&format!("vulnerability/{id}")),
        "id": id,
        "source": source,
    });
    let others: Vec<Value> = found
        .all_ids()
        .skip(1)
        .map(|id| json!({ "id": id, "source": source }))
        .collect();
    if !others.is_empty() {
        entry["references"] = others.into();
    }
    entry["ratings"] = json!([{ "severity": severity, "method": "other" }]);
    if found.malicious {
        entry["cwes"] = json!([MALICIOUS_CODE]);
    }
    if !found.summary.is_empty() {
        entry["description"] = values::shown(&found.summary).into();
    }
    if !found.fixed.is_empty() && !found.malicious {
        let fixed = values::shown(&found.fixed.join(", "));
        entry["recommendation"] = format!("Fixed in {fixed}.").into();
    }
    if let Some(analysis) = analysis {
        entry["analysis"] = analysis.to_json();
    }
    entry["affects"] = affects
        .into_iter()
        .map(|(reference, versions)| json!({ "ref": reference, "versions": versions }))
        .collect();
    Some(entry)
}

/// The version that is there, and the ranges that the records state.
fn versions_of(one: &KnownAdvisory) -> Vec<Value> {
    let status = if one.found.unclear {
        "unknown"
    } else {
        "affected"
    };
    let version = one.version.as_deref().map(values::shown);
    let version = version.filter(|version| !version.is_empty());
    let own = version.map(|version| json!({ "version": version, "status": status }));
    let ranges = one.found.ranges.iter().filter_map(|range| vers(range));
    let ranges = ranges
        .filter(|range| range.len() <= MAX_RANGE)
        .take(MAX_RANGES)
        .map(|range| json!({ "range": range, "status": "affected" }));
    own.into_iter().chain(ranges).collect()
}

impl Analysis {
    fn to_json(&self) -> Value {
        match self {
            Self::Excepted { until, reason } => json!({
                "state": "in_triage",
                "detail": values::shown(&format!("excepted until {until}: {reason}")),
            }),
            Self::NotAffected(vex) => {
                let label = vex.justification.map(Justification::as_str);
                let why = label.or(vex.impact.as_deref()).unwrap_or_default();
                let detail = format!("{} until {}: {why}", vex.author, vex.until);
                let mut analysis = json!({
                    "state": "not_affected",
                    "detail": values::shown(&detail),
                });
                if let Some(label) = vex.justification.and_then(label_of) {
                    analysis["justification"] = label.into();
                }
                analysis
            }
        }
    }
}

/// CycloneDX's own label, where it has one that says the same.
fn label_of(why: Justification) -> Option<&'static str> {
    match why {
        Justification::ComponentNotPresent | Justification::VulnerableCodeNotPresent => {
            Some("code_not_present")
        }
        Justification::VulnerableCodeNotInExecutePath => Some("code_not_reachable"),
        Justification::InlineMitigationsAlreadyExist => Some("protected_by_mitigating_control"),
        Justification::VulnerableCodeCannotBeControlledByAdversary => None,
    }
}
