//! Violations as OSV records, so that a team shares what no ecosystem lists. Format: docs/formats.md, "Violations as OSV records".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::violation::Written;
use super::{Reviews, Violated, Violation};
use crate::advisories::VIOLATION_PREFIX;
use crate::digest::Sha256Digest;

/// The violations of a reviews file as OSV records, by id. Equal violations give equal bytes in every export.
#[must_use]
pub fn violations_as_osv(reviews: &Reviews) -> BTreeMap<String, Value> {
    reviews.violations.iter().map(record).collect()
}

fn record(violation: &Violation) -> (String, Value) {
    let subject = violation.package.as_str();
    let mut affected = json!({});
    // Other readers know packages of npm, and nothing else that can be installed here.
    if violation.package.scheme() == "npm" {
        affected["package"] = json!({ "ecosystem": "npm", "name": violation.package.name() });
    }
    let mut specific = json!({ "subject": subject });
    match &violation.what {
        Violated::Trees(trees) => {
            let mut digests: Vec<String> = trees.iter().map(ToString::to_string).collect();
            digests.sort();
            digests.dedup();
            specific["digests"] = json!(digests);
            // Bytes are no version, and without versions a record may name no package.
            if let Some(affected) = affected.as_object_mut() {
                affected.remove("package");
            }
        }
        Violated::Versions(versions) => match versions.written() {
            Written::List(list) => affected["versions"] = json!(list),
            Written::Range(text) => {
                let ranges: Vec<Value> = versions
                    .events()
                    .into_iter()
                    .map(|events| json!({ "type": "SEMVER", "events": events }))
                    .collect();
                affected["ranges"] = ranges.into();
                specific["range"] = text.as_str().into();
            }
        },
    }
    affected["ecosystem_specific"] = specific;
    let day = format!("{}T00:00:00Z", violation.date);
    let said = json!([subject, affected, violation.reason, violation.by, day]);
    let digest = Sha256Digest::of(said.to_string().as_bytes()).hex();
    let id = format!("{VIOLATION_PREFIX}{}", digest.get(..16).unwrap_or(&digest));
    let record = json!({
        "schema_version": "1.7.3",
        "id": id,
        "modified": day,
        "published": day,
        "summary": crate::text::excerpt(violation.reason.trim(), 120),
        "details": violation.reason,
        "affected": [affected],
        "credits": [{ "name": violation.by, "type": "REPORTER" }],
    });
    (id, record)
}
