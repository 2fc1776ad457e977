//! A policy in which a table or a key is there twice, as git leaves it where two branches wrote it at two places: it merges both without a
//! conflict, and TOML takes neither.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeTable;

/// Most tables and keys that are there twice.
const MAX_TWICE: usize = 64;

/// The two sides, the first of which has what comes first; `None` where nothing is there twice, or more often.
pub(super) fn sides(text: &str) -> Option<(String, String)> {
    let (first, first_names) = with_one(text, false)?;
    let (second, second_names) = with_one(text, true)?;
    (first_names == second_names && !first_names.is_empty()).then_some((first, second))
}

/// Whether the policy can be put together.
pub(crate) fn is_joinable(text: &str) -> bool {
    sides(text).is_some()
}

/// The text with one of each, the `last` or the first, and what was there twice.
fn with_one(text: &str, last: bool) -> Option<(String, BTreeSet<String>)> {
    let mut text = text.to_owned();
    let mut names = BTreeSet::new();
    for _ in 0..MAX_TWICE {
        let Err(error) = DeTable::parse(&text) else {
            return Some((text, names));
        };
        if error.message().trim() != "duplicate key" {
            return None;
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let before = text.get(..error.span()?.start)?;
        let second = before.matches('\n').count();
        let name = name_of(lines.get(second)?)?;
        let is_table = name.starts_with('[');
        let mut earlier = lines.get(..second)?.iter().enumerate().rev();
        let first = match is_table {
            true => earlier.find(|(_, line)| name_of(line) == Some(name)),
            false => earlier
                .take_while(|(_, line)| !line.starts_with('['))
                .find(|(_, line)| name_of(line) == Some(name)),
        };
        let (first, _) = first?;
        // A third one would be in neither side.
        if !names.insert(format!("{} {name}", if is_table { 0 } else { first })) {
            return None;
        }
        let gone = if last { first } else { second };
        let end = match is_table {
            true => (gone + 1..lines.len())
                .find(|at| lines.get(*at).is_some_and(|line| line.starts_with('[')))
                .unwrap_or(lines.len()),
            false => gone + 1,
        };
        text = without(&lines, gone..end);
    }
    None
}

/// The header of a table or the key at the start of a line. An entry `[[…]]` may be there more than once.
fn name_of(line: &str) -> Option<&str> {
    if line.starts_with('[') {
        let end = line.find(']')?;
        return (!line.starts_with("[["))
            .then(|| line.get(..=end))
            .flatten();
    }
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && !key.starts_with('#')).then_some(key)
}

/// The lines except those of `gone` that say something: its comments stay.
fn without(lines: &[&str], gone: Range<usize>) -> String {
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let kept = lines.iter().enumerate();
    let kept = kept.filter(|(at, line)| !(gone.contains(at) && says(line)));
    let text: String = kept.map(|(_, line)| *line).collect();
    match gone.end == lines.len() {
        true => text.trim_end().to_owned() + "\n",
        false => text,
    }
}
