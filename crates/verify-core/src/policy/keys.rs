//! Setting keys of `openclaw-verify.toml`, and adding and removing its entries, without touching a byte of what else is there, comments
//! included.
//!
//! What comes out is read again: as TOML it has to differ by what was asked for and by nothing else, and as a policy it has to be one that
//! the reader takes. A policy that the reader refuses can be put right in this way, as long as it is TOML.

mod form;
mod merge;
mod place;
mod twice;

use std::path::Path;

use jiff::civil::Date;
use toml::{Table, Value};

use self::form::{At, Entry};
pub use self::merge::{Differing, Resolved};
pub(crate) use self::twice::is_joinable;
use super::edit::{Edited, WAY_OUT, take_out, without};
use super::{Policy, RuleInfo};
use crate::error::{OperatorError, Unmerged};
use crate::text;
use crate::toml_file::{Checked, TomlFile, behind, behind_keys, fail, quote};

/// A policy that is being changed.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What is in it.
    pub text: &'a str,
    /// The findings that it can name.
    pub catalogue: &'a [RuleInfo<'a>],
    /// The day from which exceptions are counted.
    pub today: Date,
}

/// A key and one of its values. A key that is named twice is a list.
pub type Assignment = (String, String);

impl Change<'_> {
    /// With these keys, such as `host.check` or `levels.unreviewed`, in place of what they were. All of them are one change. Unchanged
    /// where they say so already.
    ///
    /// # Errors
    /// When a key is not one of a table that is there once, when a value is not of its kind, or when what would come out is refused.
    pub fn set(&self, keys: &[Assignment]) -> Checked<Edited> {
        let mut expected = self.table()?;
        let mut edited = self.unchanged();
        let mut added = Vec::new();
        for (named, values) in together(keys) {
            let at = form::key(self.path, named)?;
            let written = at.form.write(self.path, named, &values)?;
            let value = self.value(&written)?;
            if get(&expected, &at) == Some(&value) {
                continue;
            }
            if !put(&mut expected, &at, value) {
                return fail(self.not_alone());
            }
            let (text, removed, new) = put_text(&edited.text, &at, &written);
            edited.text = text;
            edited.removed.extend(removed);
            added.push(new);
        }
        edited.added = (!added.is_empty()).then(|| added.join("\n"));
        self.finished(edited, &expected)
    }

    /// Without these keys, imports (`imports.NAME`) or whole tables.
    ///
    /// # Errors
    /// When one is not there or shares a line with something else, or when what would come out is refused.
    pub fn unset(&self, keys: &[String]) -> Checked<Edited> {
        let mut expected = self.table()?;
        let mut edited = self.unchanged();
        for named in keys {
            let names = form::key_or_table(self.path, named)?;
            if place::find(&edited.text, &names).is_none() {
                let what = format!("{} is not in the policy", text::excerpt(named, 60));
                let help = "what a policy does not say is as its preset says; nothing was changed";
                return fail(OperatorError::whole(self.path, what).with_help(help));
            }
            let Some(lines) = place::lines(&edited.text, &names) else {
                return fail(self.not_alone());
            };
            take(&mut expected, &names);
            let one = without(&edited.text, vec![lines]);
            edited.text = one.text;
            edited.removed.extend(one.removed);
        }
        self.finished(edited, &expected)
    }

    /// With one more entry `[[kind]]`. One that is known by the same keys, such as `match` of a rule, is replaced by it. Unchanged where
    /// that very entry is there.
    ///
    /// # Errors
    /// When there is no such kind or key, when a value is not of its kind, or when what would come out is refused.
    pub fn add(&self, kind: &str, keys: &[Assignment]) -> Checked<Edited> {
        let kind = form::entry(self.path, kind)?;
        let (entry, lines) = self.entry(kind, keys)?;
        let mut expected = self.table()?;
        let mut there = entries(&expected, kind);
        let is_same = |old: &Value| is_known_as(kind, old, &entry);
        let mut edited = self.unchanged();
        if let Some(number) = there.iter().position(is_same) {
            if there.get(number) == Some(&entry) {
                return Ok(edited);
            }
            edited = self.without_entry(kind, number)?;
            there.remove(number);
        }
        there.push(entry.clone());
        set_entries(&mut expected, kind, there);

        let newline = newline_of(&edited.text);
        let new = format!("[[{}]]\n{lines}", kind.kind).replace('\n', newline);
        let end = place_for(&edited.text, kind, &entry);
        let (text, new) = insert(&edited.text, end, &new, true);
        edited.text = text;
        edited.added = Some(new);
        self.finished(edited, &expected)
    }

    /// Without the one entry `[[kind]]` that has these values.
    ///
    /// # Errors
    /// When there is none or more than one, or when what would come out is refused.
    pub fn remove(&self, kind: &str, keys: &[Assignment]) -> Checked<Edited> {
        let kind = form::entry(self.path, kind)?;
        let (wanted, _) = self.entry(kind, keys)?;
        let mut expected = self.table()?;
        let mut there = entries(&expected, kind);
        let has_all = |old: &Value| {
            let mut keys = keys.iter().map(|(key, _)| key.as_str());
            keys.all(|key| at(old, key) == at(&wanted, key))
        };
        let found: Vec<usize> = (0..there.len())
            .filter(|number| there.get(*number).is_some_and(has_all))
            .collect();
        let number = match found.as_slice() {
            [one] => *one,
            several => return fail(self.not_one(kind, several.len(), &there)),
        };
        there.remove(number);
        set_entries(&mut expected, kind, there);
        self.finished(self.without_entry(kind, number)?, &expected)
    }

    fn unchanged(&self) -> Edited {
        Edited {
            text: self.text.to_owned(),
            ..Edited::default()
        }
    }

    /// The file as TOML.
    fn table(&self) -> Checked<Table> {
        TomlFile::new(self.path, self.text, WAY_OUT)
            .and_then(|file| file.parse::<Table>(super::wire::VERSION))
            .map_err(|error| error.in_merge_of(Unmerged::Policy))
    }

    fn value(&self, written: &str) -> Checked<Value> {
        let parsed = toml::from_str::<Table>(&format!("x = {written}\n")).ok();
        match parsed.and_then(|mut table| table.remove("x")) {
            Some(value) => Ok(value),
            None => fail(self.not_alone()),
        }
    }

    /// An entry as TOML, and its lines.
    fn entry(&self, kind: &Entry, keys: &[Assignment]) -> Checked<(Value, String)> {
        let given = together(keys);
        for (key, _) in &given {
            kind.form(self.path, key)?;
        }
        let mut lines = String::new();
        for (key, form) in kind.keys {
            if let Some((_, values)) = given.iter().find(|(given, _)| given == key) {
                let written = form.write(self.path, key, values)?;
                lines += &format!("{key} = {written}\n");
            }
        }
        match toml::from_str::<Table>(&lines) {
            Ok(table) => Ok((Value::Table(table), lines)),
            Err(_) => fail(self.not_alone()),
        }
    }

    fn without_entry(&self, kind: &Entry, number: usize) -> Checked<Edited> {
        let lines = place::entries(self.text, kind.kind);
        let line: Vec<usize> = lines.get(number).copied().into_iter().collect();
        take_out(self.path, self.text, kind.kind, &line)
    }

    /// What was asked for and nothing else has changed, and it is a policy.
    fn finished(&self, edited: Edited, expected: &Table) -> Checked<Edited> {
        let now = toml::from_str::<Table>(&edited.text).ok();
        if now.as_ref().map(sorted) != Some(sorted(expected)) {
            return fail(self.not_alone());
        }
        Policy::parse(self.path, &edited.text, self.catalogue, self.today).map_err(
            |mut error| {
                error.message = format!("the policy would be wrong then: {}", error.message);
                error
            },
        )?;
        Ok(edited)
    }

    fn not_alone(&self) -> OperatorError {
        let what = "this could not be changed alone";
        OperatorError::whole(self.path, what).with_help(WAY_OUT)
    }

    fn not_one(&self, kind: &Entry, many: usize, there: &[Value]) -> OperatorError {
        let kind_of = kind.kind;
        let what = match many {
            0 => format!("no [[{kind_of}]] has these values"),
            many => format!("{many} entries [[{kind_of}]] have these values"),
        };
        let key = kind.known_by.first().copied().unwrap_or_default();
        let known = there.iter().filter_map(|one| at(one, key)?.as_str());
        let known: Vec<String> = known.take(8).map(|one| text::excerpt(one, 80)).collect();
        let help = match (many, known.is_empty()) {
            (0, true) => "there is none of them in the policy".to_owned(),
            (0, false) => format!("there are some with {key} = {}", known.join(", ")),
            _ => "name more of its keys, so that only one has them all".to_owned(),
        };
        OperatorError::whole(self.path, what).with_help(help)
    }
}

/// Each key once, with all its values, in the order of the first of them.
fn together(keys: &[Assignment]) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, value) in keys {
        match all.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(value),
            None => all.push((key, vec![value])),
        }
    }
    all
}

fn get<'t>(table: &'t Table, at: &At) -> Option<&'t Value> {
    let mut table = table;
    for name in &at.tables {
        table = table.get(name)?.as_table()?;
    }
    table.get(&at.key)
}

/// Whether `value` could be put there.
fn put(table: &mut Table, at: &At, value: Value) -> bool {
    let mut table = table;
    for name in &at.tables {
        let inner = table
            .entry(name.as_str())
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = inner else {
            return false;
        };
        table = inner;
    }
    table.insert(at.key.clone(), value);
    true
}

/// Takes out the key to which `names` lead, and each table that is empty then.
fn take(table: &mut Table, names: &[String]) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    if rest.is_empty() {
        table.remove(first);
        return;
    }
    if let Some(Value::Table(inner)) = table.get_mut(first) {
        take(inner, rest);
        if inner.is_empty() {
            table.remove(first);
        }
    }
}

/// The value of a key of an entry; one such as `identity.ref` is in a table of its own.
fn at<'v>(entry: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.')
        .try_fold(entry, |value, name| value.get(name))
}

/// Whether one entry takes the place of the other.
fn is_known_as(kind: &Entry, one: &Value, other: &Value) -> bool {
    let mut keys = kind.known_by.iter();
    keys.all(|key| at(one, key) == at(other, key))
}

/// Where a new entry of this kind is written, so that two branches that add different ones write at two different places.
fn place_for(text: &str, kind: &Entry, entry: &Value) -> usize {
    let known = kind
        .known_by
        .first()
        .and_then(|key| Some((*key, at(entry, key)?.as_str()?)));
    let end = known.and_then(|(key, value)| behind(text, kind.kind, key, value));
    end.unwrap_or(text.len())
}

fn entries(table: &Table, kind: &Entry) -> Vec<Value> {
    let there = table.get(kind.kind).and_then(Value::as_array);
    there.cloned().unwrap_or_default()
}

fn set_entries(table: &mut Table, kind: &Entry, entries: Vec<Value>) {
    match entries.is_empty() {
        true => table.remove(kind.kind),
        false => table.insert(kind.kind.to_owned(), Value::Array(entries)),
    };
}

/// The same with the entries of each kind in an order of their own: where one is written says nothing.
fn sorted(table: &Table) -> Table {
    let mut table = table.clone();
    for (_, value) in &mut table {
        if let Value::Array(entries) = value {
            entries.sort_by_key(ToString::to_string);
        }
    }
    table
}

/// `text` with the line of a key, what was there before, and what is new.
fn put_text(text: &str, at: &At, value: &str) -> (String, Option<String>, String) {
    let line = format!("{} = {value}", at.key);
    let mut names = at.tables.clone();
    names.push(at.key.clone());
    if let Some(place) = place::find(text, &names) {
        let old = text.get(place.value.clone()).unwrap_or_default();
        let removed = format!("{} = {old}", at.key);
        let mut changed = text.to_owned();
        changed.replace_range(place.value, value);
        return (changed, Some(removed), line);
    }
    let (end, entry, apart) = match place::end_of_table(text, &at.tables) {
        _ if at.tables.is_empty() => (behind_keys(text), line, false),
        Some(end) => (end, line, false),
        None => {
            let header: Vec<String> = at.tables.iter().map(|name| bare(name)).collect();
            let entry = format!("[{}]\n{line}", header.join("."));
            (text.len(), entry, true)
        }
    };
    let entry = format!("{entry}\n").replace('\n', newline_of(text));
    let (changed, new) = insert(text, end, &entry, apart);
    (changed, None, new.trim_end().to_owned())
}

/// `text` with whole lines at `at`, behind an empty line where they are to stand apart.
fn insert(text: &str, at: usize, lines: &str, apart: bool) -> (String, String) {
    let newline = newline_of(text);
    let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
    let end = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        newline
    };
    let gap = if apart { newline } else { "" };
    (format!("{head}{end}{gap}{lines}{tail}"), lines.to_owned())
}

fn newline_of(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The name of a table as its header writes it.
fn bare(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_owned(),
        false => quote(name),
    }
}

#[cfg(test)]
mod tests;
