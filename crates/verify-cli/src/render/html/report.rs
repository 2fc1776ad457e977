//! The report: what everything stands on and how much it is, the findings, what is there, who has read it, what was not judged.

use std::borrow::Cow;
use std::collections::BTreeMap;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::{Basis, InputFile, Report, Size, SubjectReport};
use openclaw_verify_core::rules::Stage;

use super::{esc, lines, next, page, push, table};
use crate::render::{count, counts, not_judged};
use crate::wording;

/// Lines of evidence under one finding that are open at once; the rest folds.
const EVIDENCE_OPEN: usize = 8;
/// Lines of evidence under one finding at all: `json` has the rest.
const EVIDENCE_MOST: usize = 200;
/// Findings of one id and level from which on they fold.
const FOLDED: usize = 12;

/// The page.
pub(in crate::render) fn render(report: &Report) -> String {
    let mut out = String::new();
    counts(&mut out, report);
    picture(&mut out, &report.subjects);
    findings(&mut out, report);
    subjects(&mut out, &report.subjects);
    reviews(&mut out, &report.subjects);
    releases(&mut out, report);
    inputs(&mut out, report);
    not_covered(&mut out, report);
    let class = worst(report).map_or("good", Level::as_str);
    page(&title(report), class, &out)
}

/// Which level the worst finding has that counts; none where none is above a note.
pub(in crate::render) fn worst(report: &Report) -> Option<Level> {
    let levels = report.counting().map(|finding| finding.level);
    levels.max().filter(|level| *level >= Level::Warn)
}

/// What it says in one line. "Good" is never a word of it: a report says what was compared with what.
pub(in crate::render) fn title(report: &Report) -> String {
    let about = match report.stage {
        Stage::LockOnly => "The lock alone was judged",
        Stage::Installed => "What is installed was judged",
        Stage::Host => "The machine around it was judged",
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
    let line = counts::line(report);
    push(out, format_args!("<p class=\"counts\">{}</p>", esc(&line)));
}

/// What each subject stands on, and how much it is, as two bars and as words.
fn picture(out: &mut String, subjects: &[SubjectReport]) {
    if subjects.is_empty() {
        return;
    }
    let mut by: BTreeMap<&str, Share> = BTreeMap::new();
    for subject in subjects {
        let share = by.entry(basis_of(subject)).or_insert(Share {
            subjects: 0,
            size: Size::default(),
            meaning: meaning(subject),
        });
        share.subjects += 1;
        let size = subject.size.unwrap_or_default();
        share.size.files = share.size.files.saturating_add(size.files);
        share.size.bytes = share.size.bytes.saturating_add(size.bytes);
    }
    out.push_str(
        "<section aria-labelledby=\"standing\">\n<h2 id=\"standing\">What it stands on</h2>\n",
    );
    bar(out, "subjects", &by, |share| share.subjects as u64);
    bar(out, "bytes of files", &by, |share| share.size.bytes);
    out.push_str("<ul class=\"legend\">\n");
    for (name, share) in &by {
        push(
            out,
            format_args!(
                "<li><span class=\"dot s-{name}\"></span>{} {name} ({}): {}</li>",
                share.subjects,
                amount(share.size),
                share.meaning
            ),
        );
    }
    out.push_str("</ul>\n</section>\n");
}

/// What stands on the same.
struct Share {
    subjects: usize,
    size: Size,
    meaning: &'static str,
}

/// One bar, in which every share has its part of the whole; none where the whole is nothing.
fn bar(out: &mut String, what: &str, by: &BTreeMap<&str, Share>, part: impl Fn(&Share) -> u64) {
    let all = by
        .values()
        .fold(0, |sum: u64, share| sum.saturating_add(part(share)));
    if all == 0 {
        return;
    }
    let words: Vec<String> = by
        .iter()
        .map(|(name, share)| format!("{} {name}", part(share)))
        .collect();
    push(
        out,
        format_args!(
            "<p class=\"at\">{what}</p>\n<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{what}: {}\">",
            esc(&words.join(", "))
        ),
    );
    let mut before = 0;
    for (name, share) in by {
        let (from, until) = (
            thousandth(before, all),
            thousandth(before + part(share), all),
        );
        push(
            out,
            format_args!(
                "<rect class=\"s-{name}\" x=\"{from}\" y=\"0\" width=\"{}\" height=\"10\"/>",
                until - from
            ),
        );
        before += part(share);
    }
    out.push_str("</svg>\n");
}

fn thousandth(part: u64, all: u64) -> u128 {
    u128::from(part) * 1000 / u128::from(all.max(1))
}

/// Files and bytes in words.
fn amount(size: Size) -> String {
    let bytes = match size.bytes {
        bytes if bytes >= 10 << 20 => format!("{} MiB", bytes >> 20),
        bytes if bytes >= 10 << 10 => format!("{} KiB", bytes >> 10),
        bytes => count(bytes, "byte"),
    };
    format!("{}, {bytes}", count(size.files, "file"))
}

fn basis_of(subject: &SubjectReport) -> &'static str {
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
    next(out, &finding.help, &wording::commands_in(finding));
    out.push_str("</article>\n");
}

fn subjects(out: &mut String, subjects: &[SubjectReport]) {
    if subjects.is_empty() {
        return;
    }
    let mut rows = String::new();
    for subject in subjects {
        let disabled = if subject.enabled { "" } else { " (disabled)" };
        let stands = basis_of(subject);
        push(
            &mut rows,
            format_args!(
                "<tr><th scope=\"row\">{}{disabled}</th><td>{}</td><td><span class=\"dot s-{stands}\"></span>{stands}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                esc(subject.id.as_str()),
                esc(subject.version.as_deref().unwrap_or("-")),
                subject.size.map_or("-".to_owned(), amount),
                subject.source.as_str(),
                esc(&subject.path),
            ),
        );
    }
    out.push_str(
        "<section aria-labelledby=\"subjects\">\n<h2 id=\"subjects\">What is there</h2>\n",
    );
    let columns = ["what", "version", "stands on", "how much", "from", "where"];
    table(out, "subjects", &columns, &rows);
    out.push_str("</section>\n");
}

/// Who has read what, and until when that counts.
fn reviews(out: &mut String, subjects: &[SubjectReport]) {
    let mut rows = String::new();
    for subject in subjects {
        for review in &subject.reviews {
            let how = if review.publisher {
                "trusts the publisher"
            } else {
                "has read it"
            };
            let until = review.until.map_or("-".to_owned(), |day| day.to_string());
            push(
                &mut rows,
                format_args!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{how}</td><td>{}</td><td>{until}</td></tr>",
                    esc(subject.id.as_str()),
                    esc(&review.by),
                    review.date,
                ),
            );
        }
    }
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<section aria-labelledby=\"reviews\">\n<h2 id=\"reviews\">Who has read it</h2>\n",
    );
    table(
        out,
        "reviews",
        &["what", "who", "how", "since", "until"],
        &rows,
    );
    out.push_str("</section>\n");
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
            "<section aria-labelledby=\"not-judged\">\n<h2 id=\"not-judged\">What was not judged</h2>\n<details>\n<summary>{} that OpenClaw also opens</summary>",
            count(report.not_covered.len(), "thing")
        ),
    );
    for (group, items) in not_judged::groups(report) {
        let label = not_judged::label(group);
        push(
            out,
            format_args!("\n<h3>{}: {label}</h3>\n<dl>", items.len()),
        );
        for item in items {
            push(
                out,
                format_args!("<dt>{}</dt><dd>{}</dd>", esc(&item.what), esc(&item.why)),
            );
        }
        out.push_str("</dl>");
    }
    out.push_str("\n</details>\n</section>\n");
}
