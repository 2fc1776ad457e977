//! Rows for log shippers and tables: `openclaw-verify.event/1`, one JSON document a line.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_verify_core::finding::Level;
use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::{Event, Stamp, events};

use crate::cli::Common;
use crate::operator;

/// The label of this call, for what ends before a report.
static LABEL: OnceLock<Option<String>> = OnceLock::new();

/// From now on also a failure carries the label of `common`.
pub(crate) fn remember(common: &Common) {
    // A second time says nothing new.
    let _ = LABEL.set(common.host_label.clone());
}

/// That label.
pub(super) fn label() -> Option<&'static str> {
    LABEL.get()?.as_deref()
}

/// Whether only subjects of some kinds are judged.
static PART: AtomicBool = AtomicBool::new(false);

/// From now on rows and gauges say that not the whole installation was judged.
pub(crate) fn only_a_part() {
    PART.store(true, Ordering::Relaxed);
}

/// The stamp of a run that read everything.
pub(crate) fn stamp(common: &Common) -> Stamp {
    Stamp {
        at: operator::now(common),
        host: common.host_label.clone(),
        threshold: common.fail_on.into(),
        full: true,
        whole: !common.lock_only && !PART.load(Ordering::Relaxed),
    }
}

/// All rows of a report.
pub(super) fn render(report: &Report, stamp: &Stamp) -> String {
    lines(&events(report, stamp))
}

/// Rows as they are printed.
pub(crate) fn lines(events: &[Event]) -> String {
    // Plain data with keys that are texts: writing it cannot fail.
    let lines = events
        .iter()
        .filter_map(|event| serde_json::to_string(event).ok());
    lines.map(|line| line + "\n").collect()
}

/// The one row of a run that could not be completed.
pub(super) fn failure(exit: u8, message: String) -> String {
    let stamp = Stamp {
        at: jiff::Timestamp::now(),
        host: label().map(str::to_owned),
        threshold: Level::Deny,
        full: false,
        whole: false,
    };
    lines(&[Event::failed(&stamp, exit, message)])
}

/// The name of a machine as an operator gives it: 1 to 253 of the characters that names of hosts, pods and addresses have. So it needs
/// no escaping in any format.
///
/// # Errors
/// In words for the command line.
pub(crate) fn host_label(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:/@".contains(c);
    if text.is_empty() || text.len() > 253 || !text.chars().all(fits) {
        return Err(
            "expected 1 to 253 letters, digits or . - _ : / @, such as gateway-17.example.org"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_needs_no_escaping() {
        for good in [
            "a",
            "gateway-17.example.org",
            "ns/pod-0",
            "agent@10.0.0.7:8080",
        ] {
            assert!(host_label(good).is_ok(), "{good}");
        }
        let long = "a".repeat(254);
        for bad in [
            "",
            "a b",
            "a\"b",
            "a\\b",
            "a\nb",
            "é",
            "\u{202e}",
            long.as_str(),
        ] {
            assert!(host_label(bad).is_err(), "{bad}");
        }
    }
}
