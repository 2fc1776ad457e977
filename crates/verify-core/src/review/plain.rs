//! The quick way through a reviews file: entries in the very form that [`append`](super::append()) writes, line by line.
//!
//! Reading ten thousand entries as TOML takes longer than everything that `check` does with them. What this reads is TOML, and means the
//! same to the TOML reader; whatever does not have that form goes to that reader, entry by entry, and whatever is wrong goes to it as a
//! whole. So nothing is ever accepted or refused here that it would not, and every error is its own. A test holds the two together.

use std::collections::HashSet;
use std::hash::Hash;
use std::path::Path;

use jiff::civil::Date;

use super::wire::{self, VERSION};
use super::{Content, Criteria, Review, Reviews};
use crate::operator_file::MAX_BYTES;

/// The reviews in `text`; none when the TOML reader has to have a look at all of it.
pub(super) fn parse(path: &Path, text: &str) -> Option<Reviews> {
    if text.len() as u64 > MAX_BYTES {
        return None;
    }
    let start = if text.starts_with("[[") {
        0
    } else {
        text.find("\n[[").map_or(text.len(), |at| at + 1)
    };
    let (head, mut rest) = text.split_at(start);
    let mut line = 1 + newlines(head);
    if !is_head(head) {
        return None;
    }
    let mut found = Reviews::default();
    while !rest.is_empty() {
        // No statement goes past the end of an entry that can be read by itself, so the next one begins where it seems to.
        let end = rest.find("\n[[").map_or(rest.len(), |at| at + 1);
        let (entry, after) = rest.split_at(end);
        match review(entry, line) {
            Some(review) => found.reviews.push(review),
            None => other(path, entry, line, &mut found)?,
        }
        line += newlines(entry);
        rest = after;
    }
    let twins = has_twins(&found.reviews, wire::review_key)
        || has_twins(&found.trusts, wire::trust_key)
        || has_twins(&found.violations, wire::violation_key);
    (!twins).then_some(found)
}

/// Nothing but the version, once, and what means nothing.
fn is_head(head: &str) -> bool {
    let version = format!("version = {VERSION}");
    let mut versions = 0;
    head.split('\n').all(|line| {
        is_filler(line) || (line == version && std::mem::replace(&mut versions, 1) == 0)
    }) && versions == 1
}

/// A review in the form that is written.
fn review(entry: &str, line: usize) -> Option<Review> {
    let mut lines = entry.split('\n');
    if lines.next() != Some("[[review]]") {
        return None;
    }
    const KEYS: [&str; 10] = [
        "package",
        "version",
        "from",
        "tree",
        "definition",
        "dependencies",
        "criteria",
        "by",
        "notes",
        "date",
    ];
    let mut values: [Option<&str>; KEYS.len()] = [None; KEYS.len()];
    let mut until = None;
    for line in lines.filter(|line| !is_filler(line)) {
        let (key, value) = line.split_once(" = ")?;
        let (slot, value) = match key {
            "until" => (&mut until, value),
            "date" => (values.last_mut()?, value),
            key => (
                values.get_mut(KEYS.iter().position(|known| *known == key)?)?,
                string(value)?,
            ),
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let [
        package,
        version,
        from,
        tree,
        definition,
        dependencies,
        criteria,
        by,
        notes,
        date,
    ] = values;
    let content = |text: &str| match tree {
        Some(_) => text.parse().ok().map(Content::Tree),
        None => text.parse().ok().map(Content::Definition),
    };
    let read = match (tree, definition) {
        (Some(one), None) | (None, Some(one)) => content(one)?,
        _ => return None,
    };
    let review = Review {
        package: package?.parse().ok()?,
        version: version.map(str::to_owned),
        from: optional(from, content)?,
        content: read,
        dependencies: optional(dependencies, |text| text.parse().ok())?,
        criteria: [Criteria::SafeToLoad, Criteria::SafeToRun]
            .into_iter()
            .find(|known| Some(known.as_str()) == criteria)?,
        by: by.filter(|by| !by.trim().is_empty())?.to_owned(),
        agent: None,
        date: day(date?)?,
        until: optional(until, day)?,
        notes: notes.map(str::to_owned),
        line,
    };
    let sound = review.from != Some(review.content)
        && review.until.is_none_or(|until| until >= review.date);
    sound.then_some(review)
}

/// Any other entry, read by itself as TOML. None when it is wrong, or is not whole.
fn other(path: &Path, entry: &str, line: usize, found: &mut Reviews) -> Option<()> {
    let alone = format!("version = {VERSION}\n{entry}");
    let mut read = wire::parse_toml(path, &alone).ok()?;
    // Before the entry there stands one line.
    let placed = |at: usize| line + at - 2;
    read.reviews
        .iter_mut()
        .for_each(|entry| entry.line = placed(entry.line));
    read.trusts
        .iter_mut()
        .for_each(|entry| entry.line = placed(entry.line));
    read.violations
        .iter_mut()
        .for_each(|entry| entry.line = placed(entry.line));
    found.reviews.append(&mut read.reviews);
    found.trusts.append(&mut read.trusts);
    found.violations.append(&mut read.violations);
    Some(())
}

/// An empty line or a comment.
fn is_filler(line: &str) -> bool {
    line.is_empty() || (line.starts_with('#') && is_plain(line))
}

/// The content of a basic string on one line, without escapes.
fn string(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (is_plain(text) && !text.contains(['"', '\\'])).then_some(text)
}

fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control())
}

/// A day as TOML writes it.
fn day(text: &str) -> Option<Date> {
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<i16>().ok())?
    };
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest
        .strip_prefix('-')?
        .split_once('-')
        .filter(|(month, day)| month.len() == 2 && day.len() == 2)?;
    let (month, day) = (
        i8::try_from(number(month)?).ok()?,
        i8::try_from(number(day)?).ok()?,
    );
    Date::new(number(year)?, month, day).ok()
}

/// None when there is a text that cannot be read.
fn optional<T>(text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        Some(text) => read(text).map(Some),
        None => Some(None),
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn has_twins<'t, T, K: Eq + Hash>(entries: &'t [T], key: impl Fn(&'t T) -> K) -> bool {
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().any(|entry| !seen.insert(key(entry)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGESTS: [char; 3] = ['1', '2', 'g'];

    fn tree(n: usize) -> String {
        format!("\"git-sha256:{}\"", DIGESTS[n % 3].to_string().repeat(64))
    }

    fn entry(n: usize) -> String {
        format!(
            "[[review]]\npackage = \"npm:a\"\ntree = {}\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-22\n",
            tree(n % 2)
        )
    }

    fn both(text: &str) -> (Option<Reviews>, Option<Reviews>) {
        let path = Path::new("r.toml");
        (parse(path, text), wire::parse_toml(path, text).ok())
    }

    #[test]
    fn what_is_written_is_read_the_quick_way_also_beside_other_entries() {
        let trust = "[[trust]]\npublisher = \"p\"\npackages = [\n  \"**\",\n]\ncriteria = \"safe-to-run\"\nby = \"A\"\nstart = 2026-11-01\nuntil = 2027-11-01\n\n";
        let agent = format!(
            "{}agent = {{ model = \"m\", guided = true }}\nnotes = \"a\\nb\"\n",
            entry(1)
        );
        let text = format!("# who\nversion = 1\n\n{}\n# why\n{trust}{agent}", entry(0));
        let (quick, toml) = both(&text);
        let quick = quick.expect("quick");
        assert_eq!(Some(&quick), toml.as_ref());
        assert_eq!(
            quick
                .reviews
                .iter()
                .map(|review| review.line)
                .collect::<Vec<_>>(),
            [4, 22]
        );
        assert_eq!(quick.trusts[0].line, 12);
    }

    #[test]
    fn an_entry_inside_of_something_else_is_none() {
        let inside = [
            format!("version = 1\n[[trust]]\npackages = [\n{}]\n", entry(0)),
            format!(
                "version = 1\n[[review]]\nnotes = \"\"\"\n{}\"\"\"\n",
                entry(0)
            ),
            format!("version = 1\n[[review]]\nnotes = '''\n{}'''\n", entry(0)),
            format!("version = 1\n# {}\u{b}\n", entry(0)),
            format!("review = []\nversion = 1\n{}", entry(0)),
            format!("{}version = 1\n", entry(0)),
            format!("version = 1\nversion = 1\n{}", entry(0)),
            format!("version = 1\n{}[review]\n", entry(0)),
            format!("version = 1\n{}[[review.x]]\n", entry(0)),
            format!("version = 1\n{}{}", entry(0), entry(0)),
            format!("\u{feff}version = 1\n{}", entry(0)),
        ];
        for text in inside {
            let (quick, toml) = both(&text);
            assert!(quick.is_none() || quick == toml, "{text}");
        }
    }

    /// Lines that make sense together, and such as do not.
    fn line() -> impl Strategy<Value = String> {
        let fixed = [
            "[[review]]",
            "[[review]]",
            "[[trust]]",
            "[[violation]]",
            "[[review]] # x",
            "[review.agent]",
            " [[review]]",
            "[[other]]",
            "package = \"npm:a\"",
            "package = \"npm:b\"",
            "package = 'npm:a'",
            "criteria = \"safe-to-run\"",
            "criteria = \"safe-to-load\"",
            "criteria = \"safe\"",
            "by = \"Ada\"",
            "by = \" \"",
            "by = \"A\\u0041\"",
            "by = \"é\u{85}\"",
            "by = \"a\tb\"",
            "by = \"\"\"",
            "date = 2026-11-22",
            "date = 2026-02-30",
            "date = 2026-11-22T00:00:00Z",
            "date = \"2026-11-22\"",
            "date = 2026-1-22",
            "date = +026-11-22",
            "until = 2026-11-22",
            "until = 2026-11-21",
            "until = 2027-01-01",
            "notes = \"\"\"",
            "\"\"\"",
            "notes = '''",
            "'''",
            "notes = \"n\"",
            "notes = \"n\" # x",
            "notes=\"n\"",
            "version = \"1\"",
            "version = 1",
            "revision = 0",
            "revision = 1",
            "agent = { model = \"m\" }",
            "agent = {",
            "model = \"m\"",
            "}",
            "publisher = \"p\"",
            "packages = [",
            "\"**\",",
            "]",
            "start = 2026-11-01",
            "versions = \"*\"",
            "versions = [\"1\"]",
            "reason = \"r\"",
            "trees = [",
            "# x",
            "#\u{1}",
            "",
            " ",
            "\r",
            "<<<<<<< a",
            "=======",
            "unknown = 1",
            "\u{feff}",
        ];
        let digests = (
            0..3_usize,
            prop_oneof![Just("tree"), Just("from"), Just("dependencies")],
        )
            .prop_map(|(n, key)| format!("{key} = {}", tree(n)));
        prop_oneof![4 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => digests, 3 => (0..4_usize).prop_map(entry)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn nothing_is_read_that_the_toml_reader_reads_otherwise(
            lines in proptest::collection::vec(line(), 0..9),
            head in prop_oneof![9 => Just("version = 1\n"), 1 => Just("")],
        ) {
            let text = format!("{head}{}", lines.join("\n"));
            let (quick, toml) = both(&text);
            prop_assert!(quick.is_none() || quick == toml, "{}", text);
        }

        #[test]
        fn a_damaged_entry_is_never_read_otherwise(
            at in any::<prop::sample::Index>(),
            cut in 0_usize..3,
            insert in prop_oneof![Just(""), Just("\""), Just("\\"), Just("'"), Just("\n"), Just("["), Just("]"), Just("#"), Just(" "), Just("="), Just("\r"), Just("0"), Just("\u{7f}"), Just("é")],
        ) {
            let text = format!("version = 1\n\n{}\n{}notes = \"x\"\nuntil = 2027-01-01\n", entry(0), entry(1));
            let at = at.index(text.len() + 1);
            let text = format!("{}{insert}{}", &text[..at], &text[(at + cut).min(text.len())..]);
            let (quick, toml) = both(&text);
            prop_assert!(quick.is_none() || quick == toml, "{}", text);
        }
    }
}
