//! JUnit XML: one test suite a kind, one test case a subject; what is denied is a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use openclaw_verify_core::finding::{Finding, Level};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::{Error, Result};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

/// The report as JUnit XML.
pub(super) fn render(report: &Report) -> Result<String> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    let file = report.inputs.lock.path.clone().unwrap_or_default();
    for subject in &report.subjects {
        let findings: Vec<&Finding> = report
            .counting()
            .filter(|finding| finding.subject.as_ref() == Some(&subject.id))
            .collect();
        let kind = subject.kind.as_str();
        suites
            .entry(kind)
            .or_insert_with(|| TestSuite::new(kind))
            .add_test_case(case(subject.id.as_str(), kind, &findings, &file));
    }
    for release in &report.releases {
        let about = |finding: &&Finding| finding.tag.as_ref() == Some(&release.tag);
        let findings: Vec<&Finding> = report.counting().filter(about).collect();
        suites
            .entry("release")
            .or_insert_with(|| TestSuite::new("release"))
            .add_test_case(case(&release.tag, "release", &findings, &file));
    }
    let known = |finding: &Finding| {
        let tag = finding
            .tag
            .as_ref()
            .is_some_and(|tag| report.releases.iter().any(|release| release.tag == *tag));
        tag || finding
            .subject
            .as_ref()
            .is_some_and(|id| report.subjects.iter().any(|subject| subject.id == *id))
    };
    let rest: Vec<&Finding> = report
        .counting()
        .filter(|finding| !known(finding))
        .collect();
    let mut whole = TestSuite::new("installation");
    whole.add_test_case(case("installation", "installation", &rest, &file));
    let not_judged: Vec<String> = report
        .not_covered
        .iter()
        .map(|item| format!("not judged: {} ({})", item.what, item.why))
        .collect();
    whole.set_system_out(not_judged.join("\n"));

    let mut junit = Junit::new("openclaw-verify");
    junit.add_test_suites(suites.into_values());
    junit.add_test_suite(whole);
    let mut text = junit.to_string().map_err(|error| {
        Error::environment(
            format!("cannot write JUnit XML: {error}"),
            "please report this",
        )
    })?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// One test case. `file` is where it stands unless a finding is about another place.
fn case(name: &str, class: &str, findings: &[&Finding], file: &str) -> TestCase {
    let (denied, others): (Vec<&Finding>, Vec<&Finding>) = findings
        .iter()
        .partition(|finding| finding.level == Level::Deny);
    let mut status = TestCaseStatus::success();
    if let Some(first) = denied.first() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_type(format!("openclaw-verify/{}", first.id))
            .set_message(headline(first));
        status.set_description(
            denied
                .iter()
                .map(|finding| text(finding))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    // Subjects are judged together, so none has a time of its own; readers expect the attribute.
    case.set_time(Duration::ZERO);
    let location = denied
        .iter()
        .chain(&others)
        .find_map(|finding| finding.locations.first());
    let file = location.map_or(file, |location| &location.file);
    if !file.is_empty() {
        case.extra.insert("file".into(), file.into());
    }
    if let Some(location) = location {
        case.extra
            .insert("line".into(), location.line.to_string().into());
    }
    if !others.is_empty() {
        case.set_system_out(
            others
                .iter()
                .map(|finding| text(finding))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    case
}

/// What was found, and of what.
fn headline(finding: &Finding) -> String {
    let about = finding.subject.as_ref().map(ToString::to_string);
    match about.or_else(|| finding.tag.clone()) {
        Some(about) => format!("{} {about}: {}", finding.id, finding.message),
        None => format!("{}: {}", finding.id, finding.message),
    }
}

fn text(finding: &Finding) -> String {
    let mut text = format!("{} {}", finding.level.as_str(), headline(finding));
    for evidence in &finding.evidence {
        text.push_str("\n  ");
        text.push_str(evidence);
    }
    if !finding.help.is_empty() {
        text.push_str("\n  next: ");
        text.push_str(&finding.help);
    }
    text
}
