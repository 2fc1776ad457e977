//! Where keys, tables and entries are in the text of a policy.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::toml_file::{end_of, end_of_line};

/// A key that is there.
pub(super) struct Place {
    /// Its name; of a table the one in its header.
    name: Range<usize>,
    /// Its value.
    pub(super) value: Range<usize>,
    /// The end of the last thing in it.
    end: usize,
    /// Whether it is the only key of the table that it is in.
    alone: bool,
}

/// Where the key is to which `names` lead.
pub(super) fn find(text: &str, names: &[String]) -> Option<Place> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let mut table = &root;
    let (last, before) = names.split_last()?;
    for name in before {
        let DeValue::Table(inner) = table.get(name.as_str())?.get_ref() else {
            return None;
        };
        table = inner;
    }
    let (key, value) = table.get_key_value(last.as_str())?;
    Some(Place {
        name: key.span(),
        value: value.span(),
        end: end_of(value),
        alone: table.len() == 1,
    })
}

/// The offset behind the last line of the table to which `names` lead, where it has a header of its own.
pub(super) fn end_of_table(text: &str, names: &[String]) -> Option<usize> {
    let place = find(text, names)?;
    has_header(text, &place).then(|| end_of_line(text, place.end))
}

/// The whole lines of the key or table to which `names` lead, and of the table that would be empty without it. None where it shares a line
/// with something else.
pub(super) fn lines(text: &str, names: &[String]) -> Option<Range<usize>> {
    let place = find(text, names)?;
    let start = line_start(text, place.name.start);
    let is_first = text
        .get(start..place.name.start)
        .is_some_and(|before| before.trim().is_empty());
    if has_header(text, &place) {
        return Some(start..end_of_line(text, place.end));
    }
    let (_, table) = names.split_last()?;
    if place.alone && !table.is_empty() && end_of_table(text, table).is_some() {
        return lines(text, table);
    }
    is_first.then(|| start..end_of_line(text, place.end))
}

/// The line, from 1, at which each entry `[[kind]]` begins.
pub(super) fn entries(text: &str, kind: &str) -> Vec<usize> {
    let Ok(root) = DeTable::parse(text) else {
        return Vec::new();
    };
    let entries = root.get_ref().get(kind).map(Spanned::get_ref);
    let Some(DeValue::Array(entries)) = entries else {
        return Vec::new();
    };
    let line = |entry: &Spanned<DeValue<'_>>| {
        let before = text.get(..entry.span().start).unwrap_or_default();
        before.matches('\n').count() + 1
    };
    entries.iter().map(line).collect()
}

/// Whether it is a table that begins with a line such as `[sources]`.
fn has_header(text: &str, place: &Place) -> bool {
    let start = line_start(text, place.name.start);
    let before = text.get(start..place.name.start).unwrap_or_default();
    before.trim_start().starts_with('[')
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}
