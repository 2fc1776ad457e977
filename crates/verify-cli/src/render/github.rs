//! Workflow commands of GitHub Actions: one annotation a finding that asks for something, then the notes and the summary as plain lines.

use std::fmt::Write as _;

use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::inventory::NotCoveredGroup;
use openclaw_verify_core::report::Report;

/// The report as workflow commands. A note is a notice only where notes fail.
pub(super) fn render(report: &Report, threshold: Level) -> String {
    let mut out = String::new();
    for finding in report.counting() {
        annotation(&mut out, finding, threshold);
    }
    if !report.not_covered.is_empty() {
        let things = super::count(report.not_covered.len(), "thing");
        let groups = super::not_judged::counted(report);
        let _ = writeln!(out, "not judged: {things}: {groups}");
        // What this run could not look at is another thing in each run.
        let unseen = report.not_covered.iter();
        for item in unseen.filter(|item| item.group == NotCoveredGroup::NotSeen) {
            let (what, why) = (message(&item.what), message(&item.why));
            let _ = writeln!(out, "not looked at: {what} ({why})");
        }
    }
    let _ = writeln!(out, "openclaw-verify: {}", super::counts::line(report));
    out
}

/// The place of an annotation, as GitHub names a file of the repository.
pub(super) fn place_of(file: &str, line: usize) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    format!("file={},line={line},", property(file))
}

fn annotation(out: &mut String, finding: &Finding, threshold: Level) {
    let command = match finding.level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Note if threshold <= Level::Note => "notice",
        Level::Note => return note(out, finding),
        Level::Allow => return,
    };
    let place = finding.locations.first();
    let place = place.map_or(String::new(), |at| place_of(&at.file, at.line));
    let subject = finding
        .subject
        .as_ref()
        .map_or(String::new(), |id| format!("{id}: "));
    let mut text = format!("{subject}{}", finding.message);
    for evidence in &finding.evidence {
        text.push('\n');
        text.push_str(evidence);
    }
    if !finding.help.is_empty() {
        text.push_str("\nNext: ");
        text.push_str(&finding.help);
    }
    let _ = writeln!(
        out,
        "::{command} {place}title={}::{}",
        property(&format!("openclaw-verify/{}", finding.id)),
        message(&text)
    );
}

/// A note asks for nothing, so it is no annotation on every pull request.
fn note(out: &mut String, finding: &Finding) {
    let subject = finding.subject.as_ref().map_or("", |id| id.as_str());
    let (subject, text) = (message(subject), message(&finding.message));
    let _ = writeln!(out, "note {} {subject}: {text}", finding.id);
}

/// Escapes of the runner for the text of a command.
pub(super) fn message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes of the runner for a property of a command.
pub(super) fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
