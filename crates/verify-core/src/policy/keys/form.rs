//! Which keys `openclaw-verify.toml` has, and what is written for a value of each.

use std::path::Path;

use jiff::civil::Date;

use crate::error::OperatorError;
use crate::text;
use crate::toml_file::{Checked, closest, fail, quote};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Flag,
    List,
    Day,
}

use Form::{Day, Flag, List, Number, Text};

/// The keys of a table, in the order in which they are written.
pub(super) type Keys = &'static [(&'static str, Form)];

/// A table that can be there more than once, and the keys by which one entry is known: another one with the same takes its place.
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) keys: Keys,
    pub(super) known_by: &'static [&'static str],
}

/// At the top of the file.
const TOP: Keys = &[("preset", Text)];

const IMPORT: Keys = &[("path", Text), ("url", Text), ("digest", Text)];

const TABLES: &[(&str, Keys)] = &[
    (
        "sources",
        &[
            ("registries", List),
            ("git", List),
            ("min-age-days", Number),
        ],
    ),
    (
        "advisories",
        &[
            ("index", Text),
            ("source", Text),
            ("sha256", Text),
            ("max-age-days", Number),
            ("require", Flag),
            ("deny-severity", Text),
            ("not-for", List),
        ],
    ),
    ("host", &[("check", Flag), ("group-shared", Flag)]),
    ("nix", &[("trusted-keys", List)]),
    (
        "installation",
        &[("state-dir", Text), ("openclaw", Text), ("home", Text)],
    ),
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        kind: "rule",
        keys: &[
            ("match", Text),
            ("pin", Text),
            ("provenance", Text),
            ("identity.repository", Text),
            ("identity.workflow", Text),
            ("identity.ref", Text),
            ("review", Text),
            ("dependencies", Text),
            ("local", Text),
        ],
        known_by: &["match"],
    },
    Entry {
        kind: "mutable",
        keys: &[("package", Text), ("paths", List)],
        known_by: &["package"],
    },
    Entry {
        kind: "release",
        keys: &[
            ("repository", Text),
            ("tags", Text),
            ("signers", Text),
            ("openpgp", List),
            ("gitsign.identity", Text),
            ("gitsign.issuer", Text),
            ("require", Text),
            ("minimum", Text),
        ],
        known_by: &["repository", "tags"],
    },
    Entry {
        kind: "skill-signer",
        keys: &[
            ("match", Text),
            ("certificate", Text),
            ("key", Text),
            ("identity", Text),
            ("issuer", Text),
            ("require", Flag),
        ],
        // Each signer that matches may sign, so one more is no other one.
        known_by: &["match", "certificate", "key", "identity", "issuer"],
    },
    Entry {
        kind: "file",
        keys: &[("path", Text), ("sha256", Text)],
        known_by: &["path"],
    },
    Entry {
        kind: "vex",
        keys: &[("path", Text), ("digest", Text), ("until", Day)],
        known_by: &["path"],
    },
    Entry {
        kind: "exception",
        keys: &[
            ("package", Text),
            ("tree", Text),
            ("definition", Text),
            ("settings", Text),
            ("instructions", Text),
            ("version", Text),
            ("dependencies", Text),
            ("archive", Text),
            ("advisory", Text),
            ("allow", List),
            ("reason", Text),
            ("until", Day),
        ],
        known_by: &[
            "package",
            "tree",
            "definition",
            "settings",
            "instructions",
            "version",
            "dependencies",
            "archive",
            "advisory",
            "allow",
        ],
    },
];

/// Where a key is: the tables that lead to it, and its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) tables: Vec<String>,
    pub(super) key: String,
    pub(super) form: Form,
}

/// A key of a table that is there once, as people name it: `preset`, `levels.unreviewed`, `imports.friends.digest`.
pub(super) fn key(path: &Path, named: &str) -> Checked<At> {
    let at = |tables: &[&str], key: &str, form| {
        Ok(At {
            tables: tables.iter().map(|&table| table.to_owned()).collect(),
            key: key.to_owned(),
            form,
        })
    };
    let Some((table, key)) = named.split_once('.') else {
        return match form_of(TOP, named) {
            Some(form) => at(&[], named, form),
            None => fail(unknown(path, named)),
        };
    };
    if table == "levels" {
        return at(&[table], key, Text);
    }
    // The name of an import may hold dots.
    if table == "imports"
        && let Some((name, key)) = key.rsplit_once('.')
        && let Some(form) = form_of(IMPORT, key)
    {
        return at(&[table, name], key, form);
    }
    let known = TABLES.iter().find(|(known, _)| *known == table);
    match known.and_then(|(_, keys)| form_of(keys, key)) {
        Some(form) => at(&[table], key, form),
        None => fail(unknown(path, named)),
    }
}

/// What can be taken out: a key, one import, or a whole table.
pub(super) fn key_or_table(path: &Path, named: &str) -> Checked<Vec<String>> {
    let is_table = named == "levels" || TABLES.iter().any(|(table, _)| *table == named);
    if is_table {
        return Ok(vec![named.to_owned()]);
    }
    if let Some(name) = named.strip_prefix("imports.") {
        return Ok(vec!["imports".to_owned(), name.to_owned()]);
    }
    let At {
        mut tables, key, ..
    } = key(path, named)?;
    tables.push(key);
    Ok(tables)
}

/// The kind of entry that is called so.
pub(super) fn entry(path: &Path, kind: &str) -> Checked<&'static Entry> {
    if let Some(entry) = ENTRIES.iter().find(|entry| entry.kind == kind) {
        return Ok(entry);
    }
    let kinds: Vec<&str> = ENTRIES.iter().map(|entry| entry.kind).collect();
    let what = format!("policies have no entries [[{}]]", text::excerpt(kind, 60));
    let help = match closest(kind, kinds.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "entries are {}; the rest are keys, which are set",
            kinds.join(", ")
        ),
    };
    fail(OperatorError::whole(path, what).with_help(help))
}

impl Entry {
    pub(super) fn form(&self, path: &Path, key: &str) -> Checked<Form> {
        if let Some(form) = form_of(self.keys, key) {
            return Ok(form);
        }
        let names = self.keys.iter().map(|(name, _)| *name);
        let what = format!("[[{}]] has no key {}", self.kind, text::excerpt(key, 60));
        let help = match closest(key, names.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("its keys are {}", names.collect::<Vec<_>>().join(", ")),
        };
        fail(OperatorError::whole(path, what).with_help(help))
    }
}

impl Form {
    /// These values of `key` as TOML.
    pub(super) fn write(self, path: &Path, key: &str, values: &[&str]) -> Checked<String> {
        let wrong =
            |what: String, help: &str| fail(OperatorError::whole(path, what).with_help(help));
        if self == List {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            return Ok(format!("[{}]", values.join(", ")));
        }
        let [value] = values else {
            return wrong(format!("{key} has one value"), "name it once");
        };
        let shown = text::excerpt(value, 60);
        match self {
            Number => match value.parse::<u32>() {
                Ok(number) => Ok(number.to_string()),
                Err(_) => wrong(format!("{key}={shown} is no whole number"), "such as 7"),
            },
            Flag if !matches!(*value, "true" | "false") => wrong(
                format!("{key}={shown} is neither true nor false"),
                "write one of them",
            ),
            Flag => Ok((*value).to_owned()),
            Day => match value.parse::<Date>() {
                Ok(day) => Ok(day.to_string()),
                Err(_) => wrong(format!("{key}={shown} is no day"), "such as 2027-01-31"),
            },
            Text | List => Ok(quote(value)),
        }
    }
}

fn form_of(keys: Keys, name: &str) -> Option<Form> {
    keys.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, form)| *form)
}

/// Every key that can be set, as people name it.
fn names() -> impl Iterator<Item = String> {
    let tables = TABLES
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(move |(key, _)| format!("{table}.{key}")));
    let top = TOP.iter().map(|(key, _)| (*key).to_owned());
    let import = IMPORT.iter().map(|(key, _)| format!("imports.NAME.{key}"));
    top.chain(["levels.FINDING".to_owned()])
        .chain(tables)
        .chain(import)
}

fn unknown(path: &Path, named: &str) -> OperatorError {
    let what = format!("policies have no key {}", text::excerpt(named, 60));
    let table = named.split('.').next().unwrap_or_default();
    if let Some(entry) = ENTRIES.iter().find(|entry| entry.kind == table) {
        let help = format!(
            "there can be several [[{}]]: they are added and removed as entries",
            entry.kind
        );
        return OperatorError::whole(path, what).with_help(help);
    }
    let all: Vec<String> = names().collect();
    let near = closest(named, all.iter().map(String::as_str));
    let help = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("keys are {}", all.join(", ")),
    };
    OperatorError::whole(path, what).with_help(help)
}

/// The header of every table with its keys.
#[cfg(test)]
pub(super) fn all() -> Vec<(String, Keys)> {
    let tables = TABLES
        .iter()
        .map(|(table, keys)| (format!("[{table}]"), *keys));
    let entries = ENTRIES
        .iter()
        .map(|entry| (format!("[[{}]]", entry.kind), entry.keys));
    let import = [("[imports.x]".to_owned(), IMPORT)];
    tables.chain(entries).chain(import).collect()
}

/// The names of tables and kinds of entries.
#[cfg(test)]
pub(super) fn tables() -> Vec<String> {
    let tables = TABLES.iter().map(|(table, _)| *table);
    let entries = ENTRIES.iter().map(|entry| entry.kind);
    tables.chain(entries).map(str::to_owned).collect()
}
