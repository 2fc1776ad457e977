//! What replaces a report when there is none, in each format for machines; described in docs/cli.md.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::{event, github, html, markdown, prometheus, sarif};
use crate::Exit;
use crate::cli::Format;

/// Why there is no report. All text is safe to show.
pub(crate) struct Failure {
    /// How the program ends: 1 where the thing under test was refused, else 2 or 3.
    pub exit: Exit,
    /// What is wrong.
    pub what: String,
    /// The error behind it.
    pub cause: Option<String>,
    /// What to do next.
    pub help: Option<String>,
    /// The operator's file that is wrong.
    pub file: Option<String>,
    /// Line and column in it, from 1.
    pub place: Option<(usize, usize)>,
}

impl Failure {
    /// One that ends so.
    pub(crate) fn new(exit: Exit) -> Self {
        Self {
            exit,
            what: String::new(),
            cause: None,
            help: None,
            file: None,
            place: None,
        }
    }

    /// Everything in a sentence, with the place in front of it.
    pub(crate) fn message(&self) -> String {
        self.at() + &self.sentence()
    }

    /// The file and the line that are wrong.
    fn at(&self) -> String {
        match (&self.file, self.place) {
            (Some(file), Some((line, _))) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        }
    }

    /// Everything else.
    fn sentence(&self) -> String {
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}"));
        let help = self.help.as_ref().map(|help| format!("\nNext: {help}"));
        format!(
            "{}{}{}",
            self.what,
            cause.unwrap_or_default(),
            help.unwrap_or_default()
        )
    }

    /// Whether something was judged, and refused.
    fn refused(&self) -> bool {
        self.exit == Exit::Findings
    }
}

/// The document; none for people, who read standard error.
pub(crate) fn render(failure: &Failure, format: Format) -> Option<String> {
    match format {
        Format::Human => None,
        Format::Json => Some(format!("{:#}\n", of_json(failure))),
        Format::Jsonl => Some(event::failure(failure.exit as u8, failure.message())),
        Format::Prometheus => Some(gauges(failure.exit, "")),
        Format::Sarif => Some(of_sarif(failure)),
        Format::Github => Some(of_github(failure)),
        Format::Junit => Some(of_junit(failure)),
        Format::Html => Some(html::failure(&failure.what, &failure.message())),
        Format::Markdown => Some(markdown::failure(&failure.what, &failure.message())),
    }
}

/// How a text for people begins that stands in place of a report.
pub(crate) const NO_VERDICT: &str = "openclaw-verify reached no verdict:";

/// What is written in place of a report, of which an earlier one may lie there.
pub(crate) fn in_place_of(failure: &Failure, format: Format, before: &str) -> String {
    match format {
        Format::Prometheus => gauges(failure.exit, before),
        _ => render(failure, format)
            .unwrap_or_else(|| format!("{NO_VERDICT} {}\n", failure.message())),
    }
}

/// The gauges of a run without a verdict, over an earlier page of them.
fn gauges(exit: Exit, before: &str) -> String {
    prometheus::failure(exit as u8, event::label(), before)
}

fn of_json(failure: &Failure) -> Value {
    json!({
        "schema": "openclaw-verify.error/1",
        "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "exit": failure.exit as u8,
        "error": failure.what,
        "cause": failure.cause,
        "next": failure.help,
        "file": failure.file,
        "line": failure.place.map(|(line, _)| line),
        "column": failure.place.map(|(_, column)| column),
    })
}

fn of_sarif(failure: &Failure) -> String {
    let mut message =
        json!({ "level": "error", "message": { "text": sarif::unlinked(&failure.message()) } });
    if let (Some(file), Some(message)) = (&failure.file, message.as_object_mut()) {
        let mut place = json!({ "artifactLocation": { "uri": sarif::uri(file) } });
        if let (Some((line, column)), Some(place)) = (failure.place, place.as_object_mut()) {
            let region = json!({ "startLine": line, "startColumn": column });
            place.insert("region".to_owned(), region);
        }
        let locations = json!([{ "physicalLocation": place }]);
        message.insert("locations".to_owned(), locations);
    }
    let (results, notifications) = if failure.refused() {
        (vec![message], Vec::new())
    } else {
        (Vec::new(), vec![message])
    };
    let driver = sarif::driver(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    sarif::log(&json!({
        "tool": { "driver": driver },
        "invocations": [{
            "executionSuccessful": failure.refused(),
            "exitCode": failure.exit as u8,
            "toolExecutionNotifications": notifications,
        }],
        "results": results,
    }))
}

fn of_github(failure: &Failure) -> String {
    let place = match (&failure.file, failure.place) {
        (Some(file), Some((line, _))) => github::place_of(file, line),
        _ => String::new(),
    };
    format!(
        "::error {place}title=openclaw-verify::{}\n",
        github::message(&failure.sentence())
    )
}

fn of_junit(failure: &Failure) -> String {
    let kind = if failure.refused() {
        NonSuccessKind::Failure
    } else {
        NonSuccessKind::Error
    };
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_message(failure.at() + &failure.what)
        .set_description(failure.message());
    let mut suite = TestSuite::new("openclaw-verify");
    suite.add_test_case(TestCase::new("openclaw-verify", status));
    let mut junit = Junit::new("openclaw-verify");
    junit.add_test_suite(suite);
    let mut text = junit.to_string().unwrap_or_default();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
