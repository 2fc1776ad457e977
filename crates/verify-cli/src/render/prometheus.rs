//! Gauges in Prometheus' text format 0.0.4, for the textfile collector of the node exporter.
//!
//! A few numbers a machine, none of them by subject: names of subjects would make a time series each. What is red is in the rows of
//! `jsonl`. A file that stays as it was says so by its time, so an alert has to ask for both: red, and old.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::finding::Level;
use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::Stamp;

const DAY: i64 = 24 * 60 * 60;
const LAST_SUCCESS: &str = "last_success_timestamp_seconds";

/// The report as gauges.
pub(super) fn render(report: &Report, stamp: &Stamp) -> String {
    let mut page = Page::new(stamp.host.as_deref());
    let inputs = &report.inputs;
    let digest = |digest: Option<String>| digest.unwrap_or_default();
    page.gauge(
        "info",
        "What the verdict stands on; always 1.",
        [(
            vec![
                ("lock", digest(inputs.lock.digest.map(|it| it.to_string()))),
                (
                    "policy",
                    digest(inputs.policy.digest.map(|it| it.to_string())),
                ),
                ("version", report.tool.version.to_owned()),
            ],
            1,
        )],
    );
    page.exit(i64::from(report.fails(stamp.threshold)));
    page.gauge(
        "whole",
        "1 where the whole installation was judged, 0 where only a part of it or the lock alone.",
        [(Vec::new(), i64::from(stamp.whole))],
    );
    // A verdict about less is none about the machine.
    let at = stamp.at.as_second();
    page.last_success(stamp.whole.then_some(at));
    let summary = &report.summary;
    let outcomes = [
        (Outcome::Verified, summary.verified),
        (Outcome::Violated, summary.violated),
        (Outcome::NotEstablished, summary.not_established),
        (Outcome::NotApplicable, summary.not_applicable),
    ];
    page.gauge(
        "subjects",
        "Subjects by the outcome of their integrity.",
        outcomes.map(|(outcome, number)| {
            (
                vec![("outcome", outcome.as_str().to_owned())],
                whole(number),
            )
        }),
    );
    let mut findings: BTreeMap<(&str, Level), i64> = BTreeMap::new();
    for finding in report.counting() {
        *findings.entry((finding.id, finding.level)).or_default() += 1;
    }
    page.gauge(
        "findings",
        "Findings that no exception covers.",
        findings.into_iter().map(|((id, level), number)| {
            let labels = vec![("id", id.to_owned()), ("level", level.as_str().to_owned())];
            (labels, number)
        }),
    );
    page.gauge(
        "findings_excepted",
        "Findings that an exception covers.",
        [(Vec::new(), whole(summary.suppressed))],
    );
    page.gauge(
        "review_backlog",
        "Findings, also excepted ones, that say a review is missing.",
        [(Vec::new(), whole(summary.review_backlog))],
    );
    page.advisories(report);
    page.text
}

/// What is known of a run that could not be completed: that it was none, and when there was one, as far as the page `before` says so.
pub(super) fn failure(exit: u8, host: Option<&str>, before: &str) -> String {
    let mut page = Page::new(host);
    page.exit(i64::from(exit));
    page.last_success(last_success(before));
    page.text
}

/// When a verdict was last reached, by an earlier page. Nothing else of it is taken over.
fn last_success(page: &str) -> Option<i64> {
    let name = format!("openclaw_verify_{LAST_SUCCESS}");
    let samples = page.lines().filter_map(|line| line.strip_prefix(&name));
    let mut values = samples.filter_map(|sample| sample.rsplit(' ').next()?.parse().ok());
    values.next()
}

struct Page {
    text: String,
    host: Option<String>,
}

impl Page {
    /// Whether advisories were looked into, and how old they are.
    fn advisories(&mut self, report: &Report) {
        let used = report.inputs.advisories.as_ref();
        // No age may be an index without a dated record, or none at all: one of them is worth an alert.
        self.gauge(
            "advisories_known",
            "1 where an index of advisories was looked into, 0 where there was none.",
            [(Vec::new(), i64::from(used.is_some()))],
        );
        let age = used.and_then(|used| used.age_days);
        self.gauge(
            "advisories_age_seconds",
            "Age of the newest advisory that was looked at, in whole days; absent where none were.",
            age.map(|days| (Vec::new(), days.saturating_mul(DAY))),
        );
    }

    fn new(host: Option<&str>) -> Self {
        Self {
            text: String::new(),
            host: host.map(str::to_owned),
        }
    }

    fn exit(&mut self, code: i64) {
        self.gauge(
            "exit_code",
            "0 nothing at the threshold, 1 findings, 2 could not complete, 3 nothing to verify.",
            [(Vec::new(), code)],
        );
    }

    fn last_success(&mut self, at: Option<i64>) {
        self.gauge(
            LAST_SUCCESS,
            "When a verdict was last reached, whatever it was.",
            at.map(|at| (Vec::new(), at)),
        );
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'static str, String)>, i64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "# HELP openclaw_verify_{name} {help}\n# TYPE openclaw_verify_{name} gauge\n"
        );
        for (labels, value) in samples {
            let host = self.host.iter().map(|host| ("host", host.clone()));
            let labels: Vec<String> = host
                .chain(labels)
                .map(|(key, value)| format!("{key}=\"{}\"", escaped(&value)))
                .collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let _ = writeln!(self.text, "openclaw_verify_{name}{labels} {value}");
        }
    }
}

/// The value of a label, as the format escapes it.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_when_there_was_a_verdict() {
        let first = failure(2, Some("h"), "");
        assert!(first.contains("openclaw_verify_exit_code{host=\"h\"} 2\n"));
        assert!(!first.contains(LAST_SUCCESS));
        let mut page = Page::new(Some("h"));
        page.exit(0);
        page.last_success(Some(17));
        let second = failure(2, None, &page.text);
        assert!(second.contains("last_success_timestamp_seconds 17\n"));
        assert_eq!(failure(2, None, &second), second);
        for odd in ["", " x", "{host=\"5\"}", " 1.5"] {
            let page = format!("openclaw_verify_{LAST_SUCCESS}{odd}\n");
            assert!(!failure(2, None, &page).contains(LAST_SUCCESS), "{odd}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::new(Some("h"));
        page.gauge("x", "What.", [(vec![("a", "1\\2\"3\n4".to_owned())], 7)]);
        assert_eq!(
            page.text,
            "# HELP openclaw_verify_x What.\n# TYPE openclaw_verify_x gauge\nopenclaw_verify_x{host=\"h\",a=\"1\\\\2\\\"3\\n4\"} 7\n"
        );
        page.gauge("none", "What.", []);
        assert!(!page.text.contains("none"));
    }
}
