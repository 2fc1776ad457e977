//! Adding an entry to `openclaw-reviews.toml` without touching a byte of what is there.
//!
//! Entries of one kind are in the order of their subjects. A new one goes behind the last that is not after it, and only when there is
//! no such order at the end: two branches that review two different subjects then write at two different places, and git merges them.

use std::fmt::Write as _;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::violation::Written;
use super::wire::{VERSION, WAY_OUT};
use super::{Content, Review, Reviews, Trust, Violated, Violation};
use crate::error::OperatorError;
use crate::toml_file::{Checked, fail, quote};

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
}

/// The reviews file at `path` that holds `text`, or that does not exist yet, with one more entry.
///
/// The result has been read back: it holds all old entries and the new one, so an entry that the reader would refuse is refused here.
pub fn append(path: &Path, text: Option<&str>, addition: &Addition) -> Checked<Appended> {
    let empty = format!(
        "# Who has read what. Written by `openclaw-verify review`; entries are added and never changed.\nversion = {VERSION}\n"
    );
    let old = text.unwrap_or(&empty);
    let before = Reviews::parse(path, old)?;

    let mut entry = addition.render();
    if old.contains("\r\n") {
        entry = entry.replace('\n', "\r\n");
    }
    let newline = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let (head, tail) = old.split_at(place(old, addition));
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
    Ok(Appended { text, entry })
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

    /// The table it goes to, the key by which that is ordered, and its value.
    fn order(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Review(review) => ("review", "package", review.package.as_str()),
            Self::Trust(trust) => ("trust", "publisher", &trust.publisher),
            Self::Violation(violation) => ("violation", "package", violation.package.as_str()),
        }
    }
}

/// The byte offset at which an entry goes in: the start of a line, or the end of the file.
fn place(text: &str, addition: &Addition) -> usize {
    let (table, key, value) = addition.order();
    let Ok(root) = DeTable::parse(text) else {
        return text.len();
    };
    let root = root.into_inner();
    let Some(DeValue::Array(entries)) = root.get(table).map(Spanned::get_ref) else {
        return text.len();
    };
    let is_before = |entry: &&Spanned<DeValue<'_>>| match entry.get_ref() {
        DeValue::Table(entry) => entry
            .get(key)
            .is_some_and(|v| matches!(v.get_ref(), DeValue::String(own) if own.as_ref() <= value)),
        _ => false,
    };
    let end = match entries.iter().rfind(is_before) {
        Some(entry) => end_of(entry),
        // Before all others: behind the keys at the top, `version` among them.
        None => root
            .values()
            .filter(|v| !matches!(v.get_ref(), DeValue::Array(_) | DeValue::Table(_)))
            .map(end_of)
            .max()
            .unwrap_or(0),
    };
    text.get(end..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |newline| end + newline + 1)
}

/// The end of the last thing that belongs to a value. The parser bounds the depth.
fn end_of(value: &Spanned<DeValue<'_>>) -> usize {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.values().map(end_of).max(),
        DeValue::Array(array) => array.iter().map(end_of).max(),
        _ => None,
    };
    inner.unwrap_or(0).max(value.span().end)
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
