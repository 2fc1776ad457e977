//! SARIF 2.1.0 for code scanning. Every result has exactly one location, the line of the lock that it is about: viewers drop or
//! misplace results without one, and the lock is the operator's file in which the change would be made.

use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::rules::{self, Rule, Stage};
use serde_json::{Value, json};

/// The report as SARIF.
pub(super) fn render(report: &Report) -> String {
    let lock = report
        .inputs
        .lock
        .path
        .as_deref()
        .unwrap_or("openclaw-verify.lock");
    let on_host = report.stage == Stage::Host;
    let inputs = &report.inputs;
    let own = [&inputs.lock, &inputs.policy, &inputs.reviews].map(|file| file.path.as_deref());
    let rules: Vec<&Rule> = rules::catalogue().iter().collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            // A place in the operator's files, which a repository has; how the machine is set up stands in OpenClaw's own.
            let file = finding
                .locations
                .iter()
                .find(|place| on_host || own.contains(&Some(place.file.as_str())));
            result(finding, &rules, file.map_or(lock, |place| &place.file))
        })
        .collect();
    let mut driver = driver(report.tool.name, report.tool.version);
    driver["rules"] = rules.iter().map(|rule| descriptor(rule)).collect();
    log(&json!({
        "tool": { "driver": driver },
        "invocations": [{ "executionSuccessful": true }],
        "properties": { "notCovered": report.not_covered },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }))
}

/// The log of one run.
pub(super) fn log(run: &Value) -> String {
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    format!("{log:#}\n")
}

/// This program, as the tool of a run.
pub(super) fn driver(name: &str, version: &str) -> Value {
    json!({
        "name": name,
        "version": version,
        "semanticVersion": version,
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": [],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": format!("openclaw-verify/{}", rule.id),
        "name": name(rule.id),
        "shortDescription": { "text": sentence(rule.summary) },
        "fullDescription": { "text": format!("{} {}", sentence(rule.summary), sentence(rule.help)) },
        "help": { "text": rule.help },
        "helpUri": format!("{}/blob/main/docs/findings/{}.md", env!("CARGO_PKG_REPOSITORY"), rule.id),
        "defaultConfiguration": { "level": level(rule.level) },
        "properties": {
            "tags": ["security", rule.group.as_str()],
            "security-severity": severity(rule.level),
        },
    })
}

/// The id in Pascal case, as SARIF wants names.
fn name(id: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    id.split('-').map(word).collect()
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{text}{end}")
}

/// GitHub's scale from 0.0 to 10.0, in which 7.0 begins "high" and 4.0 "medium".
fn severity(level: Level) -> &'static str {
    match level {
        Level::Deny => "8.0",
        Level::Warn => "5.0",
        Level::Note => "2.0",
        Level::Allow => "0.0",
    }
}

fn result(finding: &Finding, rules: &[&Rule], lock: &str) -> Value {
    let subject = finding.subject.as_ref().map_or("", |id| id.as_str());
    let line = finding
        .locations
        .iter()
        .find(|location| location.file == lock)
        .map_or(1, |location| location.line.max(1));
    let mut text = match subject {
        "" => finding.message.clone(),
        subject => format!("{subject}: {}", finding.message),
    };
    for evidence in &finding.evidence {
        text.push_str("\n- ");
        text.push_str(evidence);
    }
    if !finding.help.is_empty() {
        text.push_str("\nNext: ");
        text.push_str(&finding.help);
    }
    let mut result = json!({
        "ruleId": format!("openclaw-verify/{}", finding.id),
        "ruleIndex": rules.iter().position(|rule| rule.id == finding.id),
        "level": level(finding.level),
        "kind": if finding.level == Level::Allow { "informational" } else { "fail" },
        "message": { "text": unlinked(&text) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(lock) },
                "region": { "startLine": line },
            },
            "logicalLocations": [{ "fullyQualifiedName": subject, "kind": "module" }],
        }],
        // Stable over edits of the lock: the finding and its subject, not its line.
        "partialFingerprints": { "openclawVerify/v1": fingerprint(finding, subject) },
        "properties": { "outcome": finding.outcome.as_str(), "code": finding.code },
    });
    if subject.is_empty()
        && let Some(location) = result
            .pointer_mut("/locations/0")
            .and_then(Value::as_object_mut)
    {
        location.remove("logicalLocations");
    }
    if let (Some(suppressed), Some(object)) = (&finding.suppressed, result.as_object_mut()) {
        let why = format!("{} (until {})", suppressed.reason, suppressed.until);
        object.insert(
            "suppressions".to_owned(),
            json!([{ "kind": "external", "justification": why }]),
        );
    }
    result
}

/// `text` without links and placeholders: in a message `[text](address)` is a link and `{0}` the first argument. [SARIF 2.1.0 3.11.5,
/// 3.11.6] Readers do not agree on the escapes, and none takes these for one with something in between.
pub(super) fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let before = &text[..at];
        if c == '(' && before.ends_with(']') || c.is_ascii_digit() && before.ends_with('{') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn fingerprint(finding: &Finding, subject: &str) -> String {
    let parts = json!([finding.id, finding.code, subject, finding.message]);
    Sha256Digest::of(parts.to_string().as_bytes()).hex()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Note => "note",
        Level::Allow => "none",
    }
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded. A whole path has a scheme: a
/// reference that begins with a slash combines with no base.
pub(super) fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::with_capacity(path.len() + 7);
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::{unlinked, uri};

    #[test]
    fn a_text_is_no_link_and_no_placeholder() {
        assert_eq!(
            unlinked("[ok](https://x.example) {0} {{1}} {a} \\u{202e} f(x) [a] (b)"),
            "[ok]\\(https://x.example) {\\0} {{\\1}} {a} \\u{\\202e} f(x) [a] (b)"
        );
    }

    #[test]
    fn paths_are_references_that_a_reader_can_resolve() {
        assert_eq!(uri("./a b/é.lock"), "a%20b/%C3%A9.lock");
        assert_eq!(uri("/srv/x:1/y.lock"), "file:///srv/x%3A1/y.lock");
        assert_eq!(uri("../y.lock"), "../y.lock");
    }
}
