//! The policy that a first run writes: the preset `default`, and one dated exception for each subject and finding that nobody can
//! have looked at yet.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::Date;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::lock::{Lock, Package};
use crate::subject::SubjectId;

/// Days that the exceptions of a first run last.
pub const DAYS: i64 = 90;

/// A starter policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Starter {
    /// The file.
    pub text: String,
    /// How many exceptions it holds.
    pub exceptions: usize,
    /// Their last day.
    pub until: Date,
}

/// The starter policy that excepts `findings`, each bound to what `lock` holds of its subject.
///
/// # Errors
/// Only when `today` is at the end of the calendar.
pub fn write(lock: &Lock, findings: &[&Finding], today: Date) -> Result<Starter> {
    let until = today
        .checked_add(DAYS.days())
        .map_err(|error| Error::environment(format!("no day {DAYS} days after {today}: {error}"), "correct the clock"))?;
    let wanted: BTreeMap<(&SubjectId, &str), &Package> = findings
        .iter()
        .filter_map(|finding| {
            let entry = lock.package(finding.subject.as_ref()?)?;
            Some(((&entry.id, finding.id), entry))
        })
        .collect();
    let mut tables = ArrayOfTables::new();
    for ((_, id), entry) in &wanted {
        tables.push(exception(entry, id, today, until));
    }
    let mut text = head(wanted.len(), until);
    if !wanted.is_empty() {
        let mut document = DocumentMut::new();
        document.insert("exception", Item::ArrayOfTables(tables));
        let _ = write!(text, "\n{document}");
    }
    Ok(Starter { text, exceptions: wanted.len(), until })
}

fn head(exceptions: usize, until: Date) -> String {
    let mut text = "\
# Policy of openclaw-verify: what this installation may run. Format: docs/formats.md of openclaw-verify.
version = 1
preset = \"default\"             # default | strict | homelab; keys here override it

# [levels]                       # finding id = deny | warn | note | allow
# floating-spec = \"deny\"

# [sources]                      # where code may come from; without this everything is allowed
# git = [\"github.com/openclaw/*\"]
# min-age-days = 7

# [[rule]]                       # what is asked of some subjects; the most specific match wins
# match = \"skill:workspace/*\"
# review = \"safe-to-load\"
"
    .to_owned();
    if exceptions > 0 {
        let _ = write!(
            text,
            "
# Exceptions of the first run: findings that were there when openclaw-verify was introduced. Each is bound to the very bytes that were
# installed then, and ends on {until}. Clear them one by one (`openclaw-verify review` lists what to read, cheapest first) and remove
# the entry; do not renew them without having looked.
"
        );
    }
    text
}

fn exception(entry: &Package, id: &str, today: Date, until: Date) -> Table {
    let mut table = Table::new();
    table.insert("package", value(entry.id.as_str()));
    if let Some(tree) = entry.tree {
        table.insert("tree", value(tree.to_string()));
    }
    if let Some(definition) = entry.definition {
        table.insert("definition", value(definition.to_string()));
    }
    if let Some(dependencies) = entry.dependencies {
        table.insert("dependencies", value(dependencies.to_string()));
    }
    table.insert("allow", value(Array::from_iter([id])));
    table.insert("reason", value(format!("there at the first run on {today}, not looked at yet")));
    table.insert("until", value(toml_date(until)));
    table
}

fn toml_date(date: Date) -> toml_edit::Datetime {
    let field = |number: i8| u8::try_from(number).unwrap_or_default();
    let date = toml_edit::Date {
        year: u16::try_from(date.year()).unwrap_or_default(),
        month: field(date.month()),
        day: field(date.day()),
    };
    toml_edit::Datetime { date: Some(date), time: None, offset: None }
}
