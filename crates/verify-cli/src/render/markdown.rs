//! The report as markdown, for a comment on a pull request or the summary of a job. Texts of the thing under test stand in code, which no
//! text can leave: a run of backticks is longer than every one inside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::{ADVISORIES, Report};
use openclaw_verify_core::text::visible;

use super::count;
use super::html::title;

/// Findings of one id and level before the rest is counted.
const SHOWN: usize = 20;
/// Lines of evidence under one finding before the rest is counted.
const EVIDENCE_SHOWN: usize = 8;

/// The report. Notes are counted, unless they reach `threshold`.
pub(super) fn render(report: &Report, threshold: Level) -> String {
    let mut out = format!("### {}\n\n{}\n", title(report), super::counts::line(report));
    for level in [Level::Deny, Level::Warn, Level::Note] {
        let mut groups: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in report.counting().filter(|finding| finding.level == level) {
            groups.entry(finding.id).or_default().push(finding);
        }
        for (id, group) in groups {
            let _ = writeln!(out, "\n#### {}: {id} ({})\n", level.as_str(), group.len());
            if level == Level::Note && threshold > Level::Note {
                continue;
            }
            for finding in group.iter().take(SHOWN) {
                one(&mut out, finding);
            }
            if group.len() > SHOWN {
                let _ = writeln!(out, "- … and {} more", group.len() - SHOWN);
            }
        }
    }
    if !report.not_covered.is_empty() {
        let things = count(report.not_covered.len(), "thing");
        let groups = super::not_judged::counted(report);
        let _ = writeln!(out, "\nNot judged: {things}: {groups}.");
    }
    // A page without findings must not look as if nothing were known to be bad.
    let mut not_covered = report.not_covered.iter();
    if let Some(advisories) = not_covered.find(|entry| entry.what == ADVISORIES) {
        let _ = writeln!(out, "\nAdvisories were not looked at: {}.", advisories.why);
    }
    out
}

/// Why there is no report.
pub(super) fn failure(what: &str, message: &str) -> String {
    format!(
        "### openclaw-verify: not completed\n\n{}\n\n{}\n",
        code(what),
        block("", message)
    )
}

fn one(out: &mut String, finding: &Finding) {
    let subject = finding
        .subject
        .as_ref()
        .map(|id| id.as_str())
        .or(finding.tag.as_deref())
        .unwrap_or("installation");
    let _ = writeln!(out, "- {}\n", code(subject));
    let mut lines = vec![finding.message.clone()];
    let shown = finding.evidence.iter().take(EVIDENCE_SHOWN);
    lines.extend(shown.map(|line| format!("  {line}")));
    if finding.evidence.len() > EVIDENCE_SHOWN {
        let more = finding.evidence.len() - EVIDENCE_SHOWN;
        lines.push(format!("  … and {more} more"));
    }
    for location in &finding.locations {
        lines.push(format!("at {}:{}", location.file, location.line));
    }
    if !finding.help.is_empty() {
        lines.push(format!("next: {}", finding.help));
    }
    let _ = writeln!(out, "{}\n", block("  ", &lines.join("\n")));
}

/// `text` as code within a line.
pub(super) fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest(&text) + 1);
    format!("{ticks} {text} {ticks}")
}

/// `text` as a block of code, every line after `indent`.
fn block(indent: &str, text: &str) -> String {
    let fence = "`".repeat(longest(text).max(2) + 1);
    let mut out = format!("{indent}{fence}text\n");
    for line in text.lines() {
        let _ = writeln!(out, "{indent}{}", visible(line));
    }
    out.push_str(indent);
    out.push_str(&fence);
    out
}

/// The longest run of backticks.
fn longest(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_code() {
        assert_eq!(code("a`` <b>"), "``` a`` <b> ```");
        assert_eq!(
            block("  ", "x\n````\n<img src=x>"),
            "  `````text\n  x\n  ````\n  <img src=x>\n  `````"
        );
    }
}
