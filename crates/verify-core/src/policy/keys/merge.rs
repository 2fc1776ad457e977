//! The two sides of a merge of the policy that git could not finish, put together.
//!
//! What only one side says counts: it was added there, or taken out on the other side, which the file does not show. So the caller shows
//! both what comes from the other side and what only this side has. What both sides say differently is chosen, never guessed.

use toml::{Table, Value};

use super::form::{self, At, Entry, Form};
use super::{
    Change, at, entries, get, insert, is_known_as, newline_of, place, place_for, put, put_text,
    set_entries, twice,
};
use crate::operator_file::Take;
use crate::policy::Policy;
use crate::policy::edit::Edited;
use crate::text;
use crate::toml_file::{Checked, fail, whole_conflict};

/// Most characters of a value that are shown.
const MAX_SHOWN: usize = 120;

/// A policy with what both sides say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// This side, with what comes from the other; what of this side gave way is in [`Edited::removed`].
    pub edited: Edited,
    /// Keys and entries that only this side has, safe to show.
    pub only_ours: Vec<String>,
    /// What both sides say differently. The text is of use only where there is none, or where a side was chosen.
    pub differing: Vec<Differing>,
    /// Whether a table or a key was there twice, and no conflict of git's.
    pub twice: bool,
}

/// What both sides say differently. All texts are safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Differing {
    /// The key or the entry.
    pub what: String,
    /// What this side says.
    pub ours: String,
    /// What the other says.
    pub theirs: String,
}

/// A merge on its way.
struct Merge<'a> {
    theirs: Change<'a>,
    /// The other side as TOML.
    other: Table,
    /// What has to come out.
    expected: Table,
    take: Option<Take>,
    added: Vec<String>,
    resolved: Resolved,
}

impl Change<'_> {
    /// The policy whose text holds git's conflict markers, without them; or one that holds a table or a key twice, with it once, and
    /// then this side is that which comes first.
    ///
    /// # Errors
    /// There are no markers and nothing is there twice, they are not in order, one of the sides is no policy by itself, or both together are none.
    pub fn resolved(&self, take: Option<Take>) -> Checked<Resolved> {
        let twice = twice::sides(self.text);
        let is_twice = twice.is_some();
        let (ours, theirs) = match twice {
            Some(sides) => sides,
            None => whole_conflict(self.path, self.text)?,
        };
        let of = |text| Change { text, ..*self };
        for side in [&ours, &theirs] {
            Policy::parse(self.path, side, self.catalogue, self.today)?;
        }
        let mut merge = Merge {
            theirs: of(&theirs),
            other: of(&theirs).table()?,
            expected: of(&ours).table()?,
            take,
            added: Vec::new(),
            resolved: Resolved {
                edited: of(&ours).unchanged(),
                twice: is_twice,
                ..Resolved::default()
            },
        };
        // Nothing was taken out on the side of a table that comes last.
        if !is_twice {
            merge.only_ours();
        }
        merge.keys()?;
        for kind in form::ENTRIES {
            merge.entries(kind)?;
        }
        let Merge {
            mut resolved,
            added,
            expected,
            ..
        } = merge;
        resolved.edited.added = (!added.is_empty()).then(|| added.join("\n"));
        if take.is_some() || resolved.differing.is_empty() {
            resolved.edited = self.finished(resolved.edited, &expected)?;
        }
        Ok(resolved)
    }
}

impl Merge<'_> {
    /// Notes what only this side has.
    fn only_ours(&mut self) {
        let keys = leaves(&self.expected).into_iter();
        let keys = keys.filter(|names| value(&self.other, names).is_none());
        let mut only: Vec<String> = keys
            .map(|names| text::excerpt(&names.join("."), MAX_SHOWN))
            .collect();
        for kind in form::ENTRIES {
            let theirs = entries(&self.other, kind);
            let here = entries(&self.expected, kind).into_iter();
            let here = here.filter(|one| !theirs.iter().any(|other| is_known_as(kind, one, other)));
            only.extend(here.map(|one| name(kind, &one)));
        }
        self.resolved.only_ours = only;
    }

    /// Takes over the keys of the tables that are there once.
    fn keys(&mut self) -> Checked<()> {
        for names in leaves(&self.other) {
            let (Some(theirs), Some((key, tables))) =
                (value(&self.other, &names).cloned(), names.split_last())
            else {
                continue;
            };
            let at = At {
                tables: tables.to_vec(),
                key: key.clone(),
                form: Form::Text,
            };
            let ours = get(&self.expected, &at);
            if ours == Some(&theirs) {
                continue;
            }
            if let Some(ours) = ours {
                let (ours, theirs) = (shown(ours), shown(&theirs));
                let what = text::excerpt(&names.join("."), MAX_SHOWN);
                self.resolved
                    .differing
                    .push(Differing { what, ours, theirs });
                if self.take != Some(Take::Theirs) {
                    continue;
                }
            }
            let written = place::find(self.theirs.text, &names);
            let written = written.and_then(|place| self.theirs.text.get(place.value));
            let (Some(written), true) = (written, put(&mut self.expected, &at, theirs)) else {
                return fail(self.theirs.not_alone());
            };
            let (text, removed, added) = put_text(&self.resolved.edited.text, &at, written);
            self.resolved.edited.text = text;
            self.resolved.edited.removed.extend(removed);
            let tables = match tables {
                [] => String::new(),
                tables => format!("[{}] ", tables.join(".")),
            };
            self.added.push(match added.starts_with('[') {
                true => added,
                false => tables + &added,
            });
        }
        Ok(())
    }

    /// Takes over the entries of one kind.
    fn entries(&mut self, kind: &Entry) -> Checked<()> {
        let theirs = entries(&self.other, kind);
        for (number, entry) in theirs.iter().enumerate() {
            let mut here = entries(&self.expected, kind);
            if here.contains(entry) {
                continue;
            }
            let same = |old: &Value| is_known_as(kind, old, entry) && !theirs.contains(old);
            if let Some(old) = here.iter().position(same) {
                let ours = here.remove(old);
                self.resolved.differing.push(differing(kind, &ours, entry));
                if self.take != Some(Take::Theirs) {
                    continue;
                }
                self.without(kind, &ours)?;
            }
            let lines = self.theirs.without_entry(kind, number)?.removed.concat();
            let newline = newline_of(&self.resolved.edited.text);
            let lines = lines.trim_end().replace("\r\n", "\n") + "\n";
            let at = place_for(&self.resolved.edited.text, kind, entry);
            let lines = lines.replace('\n', newline);
            let (text, added) = insert(&self.resolved.edited.text, at, &lines, true);
            self.resolved.edited.text = text;
            self.added.push(added);
            here.push(entry.clone());
            set_entries(&mut self.expected, kind, here);
        }
        Ok(())
    }

    /// Takes this side's entry out of the text.
    fn without(&mut self, kind: &Entry, ours: &Value) -> Checked<()> {
        let now = Change {
            text: &self.resolved.edited.text,
            ..self.theirs
        };
        let there = entries(&now.table()?, kind);
        let Some(number) = there.iter().position(|one| one == ours) else {
            return fail(self.theirs.not_alone());
        };
        let less = now.without_entry(kind, number)?;
        self.resolved.edited.text = less.text;
        self.resolved.edited.removed.extend(less.removed);
        Ok(())
    }
}

/// The names that lead to each value that is no table and no entry.
fn leaves(table: &Table) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => found.extend(leaves(inner).into_iter().map(|mut names| {
                names.insert(0, name.clone());
                names
            })),
            Value::Array(all) if all.iter().any(Value::is_table) => {}
            _ => found.push(vec![name.clone()]),
        }
    }
    found
}

fn value<'t>(table: &'t Table, names: &[String]) -> Option<&'t Value> {
    let (first, rest) = names.split_first()?;
    rest.iter()
        .try_fold(table.get(first)?, |value, name| value.get(name))
}

/// An entry in a few words.
fn name(kind: &Entry, entry: &Value) -> String {
    let known = kind.known_by.first().copied().unwrap_or_default();
    let value = at(entry, known).map(shown).unwrap_or_default();
    format!("[[{}]] {known} = {value}", kind.kind)
}

/// The keys in which two entries differ.
fn differing(kind: &Entry, ours: &Value, theirs: &Value) -> Differing {
    let side = |one: &Value, other: &Value| {
        let keys = kind.keys.iter().map(|(key, _)| *key);
        let keys = keys.filter(|key| at(one, key) != at(other, key));
        let said: Vec<String> = keys
            .map(|key| match at(one, key) {
                Some(value) => format!("{key} = {}", shown(value)),
                None => format!("no {key}"),
            })
            .collect();
        said.join(", ")
    };
    Differing {
        what: name(kind, ours),
        ours: side(ours, theirs),
        theirs: side(theirs, ours),
    }
}

fn shown(value: &Value) -> String {
    text::excerpt(&value.to_string(), MAX_SHOWN)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rules;

    const HEAD: &str = "version = 1\n# ours alone\npreset = \"default\"\n";

    fn conflict(ours: &str, base: &str, theirs: &str) -> String {
        let base = match base {
            "" => String::new(),
            base => format!("||||||| base\n{base}"),
        };
        format!("{HEAD}<<<<<<< HEAD\n{ours}{base}=======\n{theirs}>>>>>>> branch\n")
    }

    fn resolved(text: &str, take: Option<Take>) -> Checked<Resolved> {
        let change = Change {
            path: Path::new("openclaw-verify.toml"),
            text,
            catalogue: &rules::infos(),
            today: "2026-09-01".parse().expect("day"),
        };
        change.resolved(take)
    }

    fn exception(package: &str, until: &str) -> String {
        format!(
            "\n# why {package}\n[[exception]]\npackage = \"path:{package}\"\ntree = \"git-sha256:{}\"\nallow = [\"unreviewed\"]\n\
             reason = \"later\"\nuntil = {until}\n",
            "0".repeat(64)
        )
    }

    #[test]
    fn what_one_side_has_counts() {
        let (one, two) = (
            exception("one", "2026-10-01"),
            exception("two", "2026-10-02"),
        );
        for base in ["", "\n# nothing\n"] {
            let ours = format!("\n[levels]\nunreviewed = \"warn\"\n{one}");
            let theirs = format!("\n[sources]\ngit = [\"github.com/acme/*\"]\n{two}");
            let whole = resolved(&conflict(&ours, base, &theirs), None).expect("resolved");
            assert_eq!(whole.differing, []);
            assert_eq!(
                whole.only_ours,
                ["levels.unreviewed", "[[exception]] package = \"path:one\""]
            );
            let text = &whole.edited.text;
            assert!(text.starts_with(&format!("{HEAD}{ours}")), "{text}");
            assert_eq!(text.matches("[[exception]]").count(), 2, "{text}");
            assert!(
                text.contains("[sources]\ngit = [\"github.com/acme/*\"]\n"),
                "{text}"
            );
            let added = whole.edited.added.expect("added");
            assert!(
                added.contains("github.com/acme") && added.contains("path:two"),
                "{added}"
            );
        }
        let same = resolved(&conflict(&one, "", &one), None).expect("resolved");
        assert_eq!(
            (same.edited.text, same.edited.added),
            (format!("{HEAD}{one}"), None)
        );
    }

    #[test]
    fn what_both_say_differently_is_chosen() {
        let ours = format!(
            "\n[levels]\nunreviewed = \"warn\"\n{}",
            exception("one", "2026-10-01")
        );
        let theirs = format!(
            "\n[levels]\nunreviewed = \"note\"\n{}",
            exception("one", "2026-12-01")
        );
        let text = conflict(&ours, "", &theirs);
        let open = resolved(&text, None).expect("resolved");
        let said: Vec<&str> = open.differing.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            said,
            ["levels.unreviewed", "[[exception]] package = \"path:one\""]
        );
        assert_eq!(open.differing[1].theirs, "until = 2026-12-01");
        let taken = resolved(&text, Some(Take::Ours)).expect("ours");
        assert_eq!(taken.edited.text, format!("{HEAD}{ours}"));
        let taken = resolved(&text, Some(Take::Theirs)).expect("theirs").edited;
        assert!(taken.text.contains("unreviewed = \"note\"") && taken.text.contains("2026-12-01"));
        assert!(
            !taken.text.contains("warn") && !taken.text.contains("2026-10-01"),
            "{}",
            taken.text
        );
        assert_eq!(taken.removed.len(), 2, "{:?}", taken.removed);
    }

    /// What git makes of a branch that fills in a table and one that appends it: no conflict, and no TOML.
    #[test]
    fn a_table_that_is_there_twice_is_joined() {
        let first = "\n[levels] # of the one\nfloating-spec = \"deny\"\n\n# why\n";
        let sources = "[sources]\nmin-age-days = 7\n";
        let twice = format!("{HEAD}{first}{sources}\n[levels]\ntoo-fresh = \"deny\"\n");
        assert!(twice::is_joinable(&twice));
        let whole = resolved(&twice, None).expect("joined");
        assert!(whole.twice && whole.differing.is_empty() && whole.only_ours.is_empty());
        let joined = first.replace("\"deny\"\n", "\"deny\"\ntoo-fresh = \"deny\"\n");
        assert_eq!(whole.edited.text, format!("{HEAD}{joined}{sources}"));

        let differing = twice.replace("too-fresh = \"deny\"", "floating-spec = \"note\"");
        let open = resolved(&differing, None).expect("open");
        assert_eq!(open.differing[0].what, "levels.floating-spec");
        for (take, level) in [(Take::Ours, "deny"), (Take::Theirs, "note")] {
            let taken = resolved(&differing, Some(take)).expect("taken").edited.text;
            assert_eq!(
                taken,
                format!("{HEAD}{first}{sources}").replace("\"deny\"", &format!("\"{level}\""))
            );
        }
        // The same key twice in one table.
        let key = format!(
            "{HEAD}[levels]\nunpinned = \"note\"\nfloating-spec = \"deny\"\nunpinned = \"warn\"\n"
        );
        let open = resolved(&key, Some(Take::Theirs)).expect("a key");
        assert_eq!(open.edited.text.matches("unpinned").count(), 1);
        assert!(open.edited.text.contains("unpinned = \"warn\""));
        // A third one would be lost.
        let thrice = format!("{twice}\n[levels]\nunpinned = \"deny\"\n");
        assert!(!twice::is_joinable(&thrice) && resolved(&thrice, None).is_err());
    }

    #[test]
    fn a_side_that_is_no_policy_is_an_error() {
        let one = exception("one", "2026-10-01");
        for text in [
            HEAD.to_owned() + &one,
            conflict(&one, "", "[[exeption]]\n"),
            conflict(&one, "", "<<<<<<< HEAD\n"),
            conflict(&one, "", &one).replace(">>>>>>>", ""),
        ] {
            assert!(resolved(&text, Some(Take::Ours)).is_err(), "{text}");
        }
    }
}
