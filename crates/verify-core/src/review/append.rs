//! Adding an entry to `openclaw-reviews.toml` without touching a byte of what is there.
//!
//! Entries of one kind are in the order of their subjects. A new one goes behind the last that is not after it, and only when there is
//! no such order at the end: two branches that review two different subjects then write at two different places, and git merges them.

use std::fmt::Write as _;
use std::path::Path;

use super::violation::Written;
use super::wire::{VERSION, WAY_OUT, review_key, trust_key, violation_key};
use super::{Content, Review, Reviews, Trust, Violated, Violation};
use crate::error::OperatorError;
use crate::toml_file::{Checked, behind, behind_keys, fail, quote, schema_line};

/// What can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addition {
    /// A review.
    Review(Review),
    /// Trust in a publisher.
    Trust(Trust),
    /// A violation.
    Violation(Violation),
}

/// A reviews file with a new entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The whole file.
    pub text: String,
    /// The new entry alone, as it is in the file.
    pub entry: String,
    /// The line of an entry that says the same: then nothing was added.
    pub there: Option<usize>,
}

/// A reviews file without entries. Where two branches record their first reviews, both add to it; neither creates it.
#[must_use]
pub fn empty() -> String {
    format!(
        "{}# Who has read what. Written by `openclaw-verify review`; entries are added and never changed.\nversion = {VERSION}\n",
        schema_line("reviews")
    )
}

/// The reviews file at `path` that holds `text`, or that does not exist yet, with one more entry.
///
/// The result has been read back: it holds all old entries and the new one, so an entry that the reader would refuse is refused here.
pub fn append(path: &Path, text: Option<&str>, addition: &Addition) -> Checked<Appended> {
    let empty = empty();
    let old = text.unwrap_or(&empty);
    let before = Reviews::parse(path, old)?;

    let mut entry = addition.render();
    if old.contains("\r\n") {
        entry = entry.replace('\n', "\r\n");
    }
    let newline = if old.contains("\r\n") { "\r\n" } else { "\n" };
    if let Some(line) = addition.line_in(&before) {
        return Ok(Appended {
            text: old.to_owned(),
            entry,
            there: Some(line),
        });
    }
    let (table, key, value) = addition.order();
    let entries = format!("[[{table}]]");
    let place = match behind(old, table, key, value) {
        Some(place) => place,
        None if old.contains(&entries) => behind_keys(old),
        None => old.len(),
    };
    let (head, tail) = old.split_at(place);
    let gap = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        newline
    };
    let text = format!("{head}{gap}{newline}{entry}{tail}");

    let after = Reviews::parse(path, &text)?;
    let count = |r: &Reviews| r.reviews.len() + r.trusts.len() + r.violations.len();
    if count(&after) != count(&before) + 1 {
        return fail(
            OperatorError::whole(path, "the new entry could not be added where it belongs")
                .with_help(WAY_OUT),
        );
    }
    Ok(Appended {
        text,
        entry,
        there: None,
    })
}

impl Addition {
    /// The entry as TOML.
    #[must_use]
    pub fn render(&self) -> String {
        match self {
            Self::Review(review) => render_review(review),
            Self::Trust(trust) => render_trust(trust),
            Self::Violation(violation) => render_violation(violation),
        }
    }

    /// The line of the entry that says the same, but for what is only for people.
    fn line_in(&self, file: &Reviews) -> Option<usize> {
        match self {
            Self::Review(new) => file
                .reviews
                .iter()
                .find(|old| review_key(old) == review_key(new))
                .map(|old| old.line),
            Self::Trust(new) => file
                .trusts
                .iter()
                .find(|old| trust_key(old) == trust_key(new))
                .map(|old| old.line),
            Self::Violation(new) => file
                .violations
                .iter()
                .find(|old| violation_key(old) == violation_key(new))
                .map(|old| old.line),
        }
    }

    /// The table it goes to, the key by which that is ordered, and its value.
    fn order(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Review(review) => ("review", "package", review.package.as_str()),
            Self::Trust(trust) => ("trust", "publisher", &trust.publisher),
            Self::Violation(violation) => ("violation", "package", violation.package.as_str()),
        }
    }
}

fn render_review(review: &Review) -> String {
    let mut out = String::from("[[review]]\n");
    text(&mut out, "package", review.package.as_str());
    optional(&mut out, "version", review.version.as_deref());
    optional(
        &mut out,
        "from",
        review.from.map(|d| d.to_string()).as_deref(),
    );
    let key = if matches!(review.content, Content::Tree(_)) {
        "tree"
    } else {
        "definition"
    };
    text(&mut out, key, &review.content.to_string());
    optional(
        &mut out,
        "dependencies",
        review.dependencies.map(|d| d.to_string()).as_deref(),
    );
    text(&mut out, "criteria", review.criteria.as_str());
    text(&mut out, "by", &review.by);
    if let Some(agent) = &review.agent {
        let _ = writeln!(
            out,
            "agent = {{ model = {}, guided = {} }}",
            quote(&agent.model),
            agent.guided
        );
    }
    let _ = writeln!(out, "date = {}", review.date);
    if let Some(until) = review.until {
        let _ = writeln!(out, "until = {until}");
    }
    optional(&mut out, "notes", review.notes.as_deref());
    out
}

fn render_trust(trust: &Trust) -> String {
    let mut out = String::from("[[trust]]\n");
    text(&mut out, "publisher", &trust.publisher);
    optional(&mut out, "workflow", trust.workflow.as_deref());
    list(
        &mut out,
        "packages",
        trust.packages.iter().map(|p| p.as_str().to_owned()),
    );
    text(&mut out, "criteria", trust.criteria.as_str());
    text(&mut out, "by", &trust.by);
    let _ = write!(out, "start = {}\nuntil = {}\n", trust.start, trust.until);
    optional(&mut out, "notes", trust.notes.as_deref());
    out
}

fn render_violation(violation: &Violation) -> String {
    let mut out = String::from("[[violation]]\n");
    text(&mut out, "package", violation.package.as_str());
    match &violation.what {
        Violated::Trees(trees) => list(&mut out, "trees", trees.iter().map(ToString::to_string)),
        Violated::Versions(versions) => match versions.written() {
            Written::Range(range) => text(&mut out, "versions", range),
            Written::List(versions) => list(&mut out, "versions", versions.iter().cloned()),
        },
    }
    text(&mut out, "reason", &violation.reason);
    text(&mut out, "by", &violation.by);
    let _ = writeln!(out, "date = {}", violation.date);
    out
}

fn text(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {}", quote(value));
}

fn optional(out: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        text(out, key, value);
    }
}

fn list(out: &mut String, key: &str, values: impl Iterator<Item = String>) {
    let quoted: Vec<String> = values.map(|v| quote(&v)).collect();
    let _ = writeln!(out, "{key} = [{}]", quoted.join(", "));
}
