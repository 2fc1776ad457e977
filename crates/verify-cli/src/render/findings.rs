//! The catalogue of findings, for people and machines.

use std::fmt::Write as _;

use openclaw_verify_core::rules::{self, Rule};
use serde::Serialize;

use crate::wrap::HANG;

/// A finding of the catalogue.
#[derive(Serialize)]
pub(crate) struct Entry {
    id: &'static str,
    group: &'static str,
    level: &'static str,
    lowerable: bool,
    summary: &'static str,
    help: &'static str,
}

/// The list of all findings for people, by group.
pub(crate) fn list() -> String {
    let mut text = String::new();
    let mut group = None;
    for rule in rules::catalogue() {
        if group.replace(rule.group) != Some(rule.group) {
            let _ = writeln!(
                text,
                "{}{}",
                if text.is_empty() { "" } else { "\n" },
                rule.group.as_str()
            );
        }
        let _ = writeln!(
            text,
            "  {:22} {:5} {HANG}{}",
            rule.id,
            rule.level.as_str(),
            rule.summary
        );
    }
    text
}

/// The same for machines.
pub(crate) fn entries() -> Vec<Entry> {
    rules::catalogue().iter().map(entry).collect()
}

/// One finding for machines.
pub(crate) fn entry(rule: &Rule) -> Entry {
    Entry {
        id: rule.id,
        group: rule.group.as_str(),
        level: rule.level.as_str(),
        lowerable: !rule.fixed,
        summary: rule.summary,
        help: rule.help,
    }
}
