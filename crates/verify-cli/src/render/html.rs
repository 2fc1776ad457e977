//! The report as one page: no script, nothing from elsewhere, light and dark, printable. Every text of the thing under test goes through
//! [`esc`]; the page forbids itself every request and every script as well, should one text slip through.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::{Basis, InputFile, Report, SubjectReport};
use openclaw_verify_core::rules::Stage;
use openclaw_verify_core::text::visible;

use super::count;

/// Lines of evidence under one finding that are open at once; the rest folds.
const EVIDENCE_OPEN: usize = 8;
/// Lines of evidence under one finding at all: `json` has the rest.
const EVIDENCE_MOST: usize = 200;
/// Findings of one id and level from which on they fold.
const FOLDED: usize = 12;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
"#;

/// The page.
pub(super) fn render(report: &Report) -> String {
    let title = title(report);
    let mut out = format!(
        "{HEAD}<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        esc(&title),
        include_str!("html.css")
    );
    push(
        &mut out,
        format_args!(
            "<h1 class=\"{}\">{}</h1>",
            worst(report).map_or("good", Level::as_str),
            esc(&title)
        ),
    );
    counts(&mut out, report);
    picture(&mut out, &report.subjects);
    findings(&mut out, report);
    subjects(&mut out, &report.subjects);
    releases(&mut out, report);
    inputs(&mut out, report);
    not_covered(&mut out, report);
    push(
        &mut out,
        format_args!(
            "</main>\n<footer>{} {}</footer>\n</body>\n</html>",
            esc(report.tool.name),
            esc(report.tool.version)
        ),
    );
    out
}

/// A page that says only why there is no report.
pub(super) fn failure(what: &str, message: &str) -> String {
    format!(
        "{HEAD}<title>openclaw-verify: not completed</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n<h1 class=\"deny\">{}</h1>\n<pre>{}</pre>\n</main>\n</body>\n</html>\n",
        include_str!("html.css"),
        esc(what),
        esc_lines(message)
    )
}

/// The text, in which nothing is markup and nothing is invisible.
pub(super) fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn esc_lines(text: &str) -> String {
    text.lines().map(esc).collect::<Vec<_>>().join("\n")
}

/// Which level the worst finding has that counts; none where none is above a note.
pub(super) fn worst(report: &Report) -> Option<Level> {
    let levels = report.counting().map(|finding| finding.level);
    levels.max().filter(|level| *level >= Level::Warn)
}

/// What it says in one line. "Good" is never a word of it: a report says what was compared with what.
pub(super) fn title(report: &Report) -> String {
    let about = match report.stage {
        Stage::LockOnly => "The lock alone was judged",
        Stage::Installed => "What is installed was judged",
        _ => "What is not installed yet was judged",
    };
    let summary = &report.summary;
    let said = match worst(report) {
        Some(Level::Deny) => format!("{} must not pass", count(summary.deny, "finding")),
        Some(_) => format!("{} to look at", count(summary.warn, "finding")),
        None => "no finding above a note".to_owned(),
    };
    format!("{about}: {said}")
}

fn counts(out: &mut String, report: &Report) {
    let summary = &report.summary;
    let subjects = match report.releases.len() {
        0 => count(summary.subjects, "subject"),
        tags => count(tags, "release tag"),
    };
    let mut parts = vec![
        subjects,
        format!("{} deny", summary.deny),
        format!("{} warn", summary.warn),
        count(summary.note, "note"),
        format!("{} not established", summary.not_established),
    ];
    if summary.suppressed > 0 {
        let until = summary
            .suppressed_until
            .map_or(String::new(), |day| format!(" until {day}"));
        parts.push(format!("{} excepted{until}", summary.suppressed));
    }
    push(
        out,
        format_args!("<p class=\"counts\">{}</p>", esc(&parts.join(" · "))),
    );
}

/// What each subject stands on, as one bar and as words.
fn picture(out: &mut String, subjects: &[SubjectReport]) {
    if subjects.is_empty() {
        return;
    }
    let mut by: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for subject in subjects {
        let entry = by.entry(standing(subject));
        entry.or_insert((0, meaning(subject))).0 += 1;
    }
    let words: Vec<String> = by
        .iter()
        .map(|(name, (number, _))| format!("{number} {name}"))
        .collect();
    push(
        out,
        format_args!(
            "<section aria-labelledby=\"standing\">\n<h2 id=\"standing\">What it stands on</h2>\n<svg class=\"bar\" viewBox=\"0 0 {} 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
            subjects.len(),
            esc(&words.join(", "))
        ),
    );
    let mut at = 0;
    for (name, (number, _)) in &by {
        push(
            out,
            format_args!(
                "<rect class=\"s-{name}\" x=\"{at}\" y=\"0\" width=\"{number}\" height=\"10\"/>"
            ),
        );
        at += number;
    }
    out.push_str("</svg>\n<ul class=\"legend\">\n");
    for (name, (number, meaning)) in &by {
        push(
            out,
            format_args!("<li><span class=\"dot s-{name}\"></span>{number} {name}: {meaning}</li>"),
        );
    }
    out.push_str("</ul>\n</section>\n");
}

fn standing(subject: &SubjectReport) -> &'static str {
    subject
        .basis
        .map_or(subject.outcomes.integrity.as_str(), Basis::as_str)
}

fn meaning(subject: &SubjectReport) -> &'static str {
    match (subject.basis, subject.outcomes.integrity) {
        (Some(Basis::Locked), _) => {
            "equal to what was first seen; where that came from was not checked"
        }
        (Some(Basis::Archive), _) => "equal to the archive that was published",
        (Some(Basis::Signed), _) => "and its origin was verified",
        (Some(_), _) | (None, Outcome::Verified) => "intact",
        (None, Outcome::Violated) => "not what was locked or recorded",
        (None, Outcome::NotEstablished) => "could not be found out; that is not good news",
        (None, Outcome::NotApplicable) => "no question of integrity here",
    }
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n");
    if report.findings.is_empty() {
        out.push_str("<p>None.</p>\n");
    }
    for level in [Level::Deny, Level::Warn, Level::Note] {
        let mut groups: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in report.counting().filter(|finding| finding.level == level) {
            groups.entry(finding.id).or_default().push(finding);
        }
        for (id, group) in groups {
            let title = format!(
                "<span class=\"level {0}\">{0}</span> {1} <small>{2}</small>",
                level.as_str(),
                esc(id),
                group.len()
            );
            folded(
                out,
                &title,
                group.len() > FOLDED || level == Level::Note,
                &group,
            );
        }
    }
    let excepted: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_some())
        .collect();
    if !excepted.is_empty() {
        let title = format!("excepted <small>{}</small>", excepted.len());
        folded(out, &title, true, &excepted);
    }
    out.push_str("</section>\n");
}

fn folded(out: &mut String, title: &str, closed: bool, findings: &[&Finding]) {
    let open = if closed { "" } else { " open" };
    push(
        out,
        format_args!("<details class=\"group\"{open}>\n<summary>{title}</summary>"),
    );
    for finding in findings {
        one(out, finding);
    }
    out.push_str("</details>\n");
}

fn one(out: &mut String, finding: &Finding) {
    let subject = match (&finding.subject, &finding.tag) {
        (Some(id), _) => id.as_str(),
        (None, Some(tag)) => tag.as_str(),
        (None, None) => "installation",
    };
    push(
        out,
        format_args!(
            "<article>\n<h3>{}</h3>\n<p>{}</p>",
            esc(subject),
            esc(&finding.message)
        ),
    );
    let (open, rest) = finding
        .evidence
        .split_at(finding.evidence.len().min(EVIDENCE_OPEN));
    lines(out, open);
    if !rest.is_empty() {
        push(
            out,
            format_args!("<details>\n<summary>{} more</summary>", rest.len()),
        );
        lines(out, rest.get(..EVIDENCE_MOST).unwrap_or(rest));
        if rest.len() > EVIDENCE_MOST {
            out.push_str("<p>The report in JSON has all of them.</p>\n");
        }
        out.push_str("</details>\n");
    }
    for location in &finding.locations {
        push(
            out,
            format_args!(
                "<p class=\"at\">at {}:{}</p>",
                esc(&location.file),
                location.line
            ),
        );
    }
    if let Some(suppressed) = &finding.suppressed {
        push(
            out,
            format_args!(
                "<p>Excepted until {}: {}</p>",
                suppressed.until,
                esc(&suppressed.reason)
            ),
        );
    }
    if !finding.help.is_empty() {
        push(
            out,
            format_args!("<p class=\"next\">Next: {}</p>", esc(&finding.help)),
        );
    }
    out.push_str("</article>\n");
}

fn lines(out: &mut String, lines: &[String]) {
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| esc(line)).collect();
        push(out, format_args!("<pre>{}</pre>", lines.join("\n")));
    }
}

fn subjects(out: &mut String, subjects: &[SubjectReport]) {
    if subjects.is_empty() {
        return;
    }
    out.push_str(
        "<section aria-labelledby=\"subjects\">\n<h2 id=\"subjects\">What is there</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"subjects\">\n<table>\n<thead><tr><th scope=\"col\">what</th><th scope=\"col\">version</th><th scope=\"col\">stands on</th><th scope=\"col\">where</th></tr></thead>\n<tbody>\n",
    );
    for subject in subjects {
        let disabled = if subject.enabled { "" } else { " (disabled)" };
        let stands = standing(subject);
        push(
            out,
            format_args!(
                "<tr><th scope=\"row\">{}{disabled}</th><td>{}</td><td><span class=\"dot s-{stands}\"></span>{stands}</td><td>{}</td></tr>",
                esc(subject.id.as_str()),
                esc(subject.version.as_deref().unwrap_or("-")),
                esc(&subject.path),
            ),
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn releases(out: &mut String, report: &Report) {
    if report.releases.is_empty() {
        return;
    }
    out.push_str("<section aria-labelledby=\"tags\">\n<h2 id=\"tags\">Release tags</h2>\n<ul>\n");
    for release in &report.releases {
        push(
            out,
            format_args!(
                "<li>{}: {}</li>",
                esc(&release.tag),
                release.outcome.as_str()
            ),
        );
    }
    out.push_str("</ul>\n</section>\n");
}

fn inputs(out: &mut String, report: &Report) {
    let inputs = &report.inputs;
    let shown = |input: &InputFile| -> Cow<'_, str> {
        match &input.path {
            Some(path) => Cow::Owned(esc(path)),
            None => Cow::Borrowed("none"),
        }
    };
    out.push_str(
        "<section aria-labelledby=\"inputs\">\n<h2 id=\"inputs\">What was looked at</h2>\n<dl>\n",
    );
    for (name, input) in [
        ("state directory", &inputs.state_dir),
        ("host package", &inputs.openclaw),
        ("policy", &inputs.policy),
        ("lock", &inputs.lock),
        ("reviews", &inputs.reviews),
    ] {
        let digest = input.digest.as_ref().map_or(String::new(), |digest| {
            format!("<br><small>{digest}</small>")
        });
        push(
            out,
            format_args!("<dt>{name}</dt><dd>{}{digest}</dd>", shown(input)),
        );
    }
    out.push_str("</dl>\n</section>\n");
}

fn not_covered(out: &mut String, report: &Report) {
    if report.not_covered.is_empty() {
        return;
    }
    push(
        out,
        format_args!(
            "<section aria-labelledby=\"not-judged\">\n<h2 id=\"not-judged\">What was not judged</h2>\n<details>\n<summary>{} that OpenClaw also opens</summary>\n<dl>",
            count(report.not_covered.len(), "thing")
        ),
    );
    for item in &report.not_covered {
        push(
            out,
            format_args!("<dt>{}</dt><dd>{}</dd>", esc(&item.what), esc(&item.why)),
        );
    }
    out.push_str("</dl>\n</details>\n</section>\n");
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let hostile = "</p><script>alert(1)</script>\" onload='x' &amp; \u{202e}\u{1b}[2J";
        assert_eq!(
            esc(hostile),
            "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp; \\u{202e}\\u{1b}[2J"
        );
    }

    #[test]
    fn a_failure_is_a_page_too() {
        let page = failure("<b>", "a\nb <i>");
        assert!(page.contains("<h1 class=\"deny\">&lt;b&gt;</h1>"));
        assert!(page.contains("<pre>a\nb &lt;i&gt;</pre>"));
    }
}
