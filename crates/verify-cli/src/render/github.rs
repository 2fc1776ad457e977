//! Workflow commands of GitHub Actions: one annotation a finding, then the summary as a plain line.

use std::fmt::Write as _;

use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::Report;

/// The report as workflow commands.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for finding in report.counting() {
        annotation(&mut out, finding);
    }
    for item in &report.not_covered {
        let _ = writeln!(
            out,
            "not judged: {} ({})",
            message(&item.what),
            message(&item.why)
        );
    }
    let summary = &report.summary;
    let _ = writeln!(
        out,
        "openclaw-verify: {}, {} deny, {} warn, {} excepted, {} not established",
        super::count(summary.subjects, "subject"),
        summary.deny,
        summary.warn,
        summary.suppressed,
        summary.not_established
    );
    out
}

fn annotation(out: &mut String, finding: &Finding) {
    let command = match finding.level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Note => "notice",
        Level::Allow => return,
    };
    let place = finding.locations.first().map_or(String::new(), |location| {
        // As GitHub names a file of the repository.
        let file = location.file.strip_prefix("./").unwrap_or(&location.file);
        format!("file={},line={},", property(file), location.line)
    });
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
