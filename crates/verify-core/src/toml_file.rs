//! The strict TOML layer under lock, policy and reviews.
//!
//! Everything that could make a reader see less than the writer meant is an error with its place: unknown and duplicate keys, wrong
//! types, a newer format, conflict markers, an oversized file. Nothing is ever treated as empty.

mod unmerged;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::error::{OperatorError, Unmerged};
use crate::operator_file::MAX_BYTES;
use crate::text;

pub(crate) use unmerged::{OneSide, whole_conflict, whole_sides};

/// The revision of all three formats that is known. A larger one adds keys, which are unknown keys here.
const KNOWN_REVISION: i64 = 0;

/// What reading gives. The error is boxed because it carries the file's text with it.
pub(crate) type Checked<T> = Result<T, Box<OperatorError>>;

/// The error result that the many checks end in.
pub(crate) fn fail<T>(error: OperatorError) -> Checked<T> {
    Err(Box::new(error))
}

/// A value and where in the file it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct Spanned<T>(toml::Spanned<T>);

impl<T> Spanned<T> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.0.get_ref()
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// The schema is that of the value.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The line by which an editor finds the schema of one of the files, as Taplo reads it.
pub(crate) fn schema_line(file: &str) -> String {
    format!(
        "#:schema https://raw.githubusercontent.com/openclaw/openclaw-verify/main/docs/schema/{file}.schema.json\n"
    )
}

/// A date of TOML, without quotes, as checkers of TOML by JSON Schema take it.
pub(crate) fn date_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date" })
}

/// One file of the operator while it is read: knows how to point into itself.
pub(crate) struct TomlFile<'a> {
    path: &'a Path,
    text: &'a str,
    /// What to do about an error that has no better help.
    way_out: &'static str,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

impl<'a> TomlFile<'a> {
    /// A file of at most [`MAX_BYTES`] without conflict markers. `way_out` is the help of every error that has no better one.
    pub(crate) fn new(path: &'a Path, text: &'a str, way_out: &'static str) -> Checked<Self> {
        if text.len() as u64 > MAX_BYTES {
            let message = format!(
                "the file has {} bytes, more than the {MAX_BYTES} accepted",
                text.len()
            );
            return fail(OperatorError::whole(path, message).with_help(way_out));
        }
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(at, _)| at + 1),
            )
            .collect();
        let file = Self {
            path,
            text,
            way_out,
            lines,
        };
        file.refuse_conflict_markers()?;
        Ok(file)
    }

    /// The whole file as `T`, whose tables deny unknown fields. `version` is looked at before anything else, because a newer
    /// format may give known keys another meaning.
    pub(crate) fn parse<T: Deserialize<'a>>(&self, known_version: i64) -> Checked<T> {
        self.parse_revised(known_version, KNOWN_REVISION)
    }

    /// The same of a file whose form has the revision `known_revision`.
    pub(crate) fn parse_revised<T: Deserialize<'a>>(
        &self,
        known_version: i64,
        known_revision: i64,
    ) -> Checked<T> {
        let root = DeTable::parse(self.text).map_err(|e| self.toml_error(&e))?;
        self.check_version(root.get_ref(), known_version)?;
        let newer = root
            .get_ref()
            .get("revision")
            .and_then(|r| integer(r.get_ref()))
            .is_some_and(|revision| revision > known_revision);
        T::deserialize(toml::Deserializer::from(root)).or_else(|e| {
            let error = self.toml_error(&e);
            fail(if newer {
                error.with_help("the file is of a newer revision; upgrade openclaw-verify")
            } else {
                error
            })
        })
    }

    /// An error at a place of this file.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> OperatorError {
        OperatorError::at(self.path, &harmless(self.text), span, message).with_help(self.way_out)
    }

    /// The line, from 1, of a byte offset.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// The path under which the file is known.
    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// A day without time of day, as in `until = 2027-01-31`.
    pub(crate) fn date(&self, value: &Spanned<Datetime>) -> Checked<Date> {
        let wrong = || {
            self.error(
                value.span(),
                "expected a day such as 2027-01-31, without a time",
            )
        };
        let Datetime {
            date: Some(date),
            time: None,
            offset: None,
        } = value.get_ref()
        else {
            return fail(wrong());
        };
        let (Ok(year), Ok(month), Ok(day)) = (
            i16::try_from(date.year),
            i8::try_from(date.month),
            i8::try_from(date.day),
        ) else {
            return fail(wrong());
        };
        Date::new(year, month, day).or_else(|_| fail(wrong()))
    }

    /// The text of a value that people wrote to say something: not blank.
    pub(crate) fn sentence(&self, value: &Spanned<String>, key: &str) -> Checked<String> {
        if value.get_ref().trim().is_empty() {
            return fail(self.error(value.span(), format!("`{key}` is empty")));
        }
        Ok(value.get_ref().clone())
    }

    /// An error that shows a second entry where only one may be, and says where the first is.
    pub(crate) fn duplicate(
        &self,
        what: &str,
        first: Range<usize>,
        second: Range<usize>,
    ) -> OperatorError {
        let line = self.line(first.start);
        self.error(
            second,
            format!("duplicate entry: {what} is already in line {line}"),
        )
        .with_label("second entry")
        .with_help("keep one of the two; it is not clear which one was meant")
    }

    fn check_version(&self, root: &DeTable<'a>, known: i64) -> Checked<()> {
        let Some(version) = root.get("version") else {
            let end = self.text.find('\n').unwrap_or(self.text.len());
            return fail(
                self.error(0..end, "the file has no `version`")
                    .with_help(format!("write `version = {known}` as its first line")),
            );
        };
        match integer(version.get_ref()) {
            Some(found) if found == known => Ok(()),
            Some(found) if found > known => fail(
                self.error(
                    version.span(),
                    format!("the file is of format version {found}; this openclaw-verify knows up to {known}"),
                )
                .with_help("upgrade openclaw-verify"),
            ),
            _ => fail(
                self.error(version.span(), "no known format version")
                    .with_help(format!("the format that this openclaw-verify reads is `version = {known}`")),
            ),
        }
    }

    fn refuse_conflict_markers(&self) -> Checked<()> {
        for line in 1..=self.lines.len() {
            let (span, text) = self.text_of(line);
            if text.starts_with("<<<<<<<") || text.starts_with(">>>>>>>") {
                return fail(self.conflict(span));
            }
        }
        Ok(())
    }

    fn conflict(&self, span: Range<usize>) -> OperatorError {
        let mut error = self
            .error(
                span,
                "the file holds a conflict marker of a merge that was not finished",
            )
            .with_label("conflict marker");
        // What is left over of a conflict cannot be put together.
        if !unmerged::is_whole(self.text) {
            return error.with_help(unmerged::BROKEN);
        }
        error.unmerged = Some(Unmerged::Other);
        error.with_help("resolve the merge in this file, then run again")
    }

    /// A line by its number, from 1, without its end.
    fn text_of(&self, line: usize) -> (Range<usize>, &'a str) {
        let start = line
            .checked_sub(1)
            .and_then(|index| self.lines.get(index))
            .copied()
            .unwrap_or(0);
        let end = self
            .lines
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        (start..end, self.text.get(start..end).unwrap_or_default())
    }

    fn toml_error(&self, error: &toml::de::Error) -> OperatorError {
        let message = text::excerpt(error.message().trim(), 300);
        let span = error.span().unwrap_or(0..0);
        // Inside a text these two may mean something else, so they count only where they break the file.
        let (line, broken) = self.text_of(self.line(span.start));
        if error.span().is_some()
            && (broken.starts_with("=======") || broken.starts_with("|||||||"))
        {
            return self.conflict(line);
        }
        let plain = match message.as_str() {
            "duplicate key" => {
                format!(
                    "duplicate key `{}`",
                    text::excerpt(self.text.get(span.clone()).unwrap_or_default(), 80)
                )
            }
            // serde's words for what people call keys and values.
            other => [
                ("unknown field", "unknown key"),
                ("missing field", "missing key"),
                ("unknown variant", "unknown value"),
            ]
            .iter()
            .fold(other.to_owned(), |text, (from, to)| {
                text.replacen(from, to, 1)
            }),
        };
        let reported = self.error(span, plain);
        // serde names what it met first, then what it would have taken, each between backticks.
        let mut names = message.split('`').skip(1).step_by(2);
        let unknown = if message.starts_with("unknown ") {
            names.next()
        } else {
            None
        };
        match unknown.and_then(|name| closest(name, names)) {
            Some(known) => reported.with_help(format!("did you mean `{known}`?")),
            None => reported,
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

/// The text as an error may show it: what could act on a terminal is replaced by as many bytes of `?`, so that spans still point right.
/// An imported file is other people's text.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\n' && c != '\t' && c != '\r' && text::is_hazard(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => shown.extend(std::iter::repeat_n('?', c.len_utf8())),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The byte offset behind the last entry of the array `table` whose `key` is not after `value`: there a new one goes in, so that two
/// branches that add different entries write at two different places. None where no entry is before it.
pub(crate) fn behind(text: &str, table: &str, key: &str, value: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let DeValue::Array(entries) = root.get(table)?.get_ref() else {
        return None;
    };
    let is_before = |entry: &&toml::Spanned<DeValue<'_>>| match entry.get_ref() {
        DeValue::Table(entry) => entry
            .get(key)
            .is_some_and(|v| matches!(v.get_ref(), DeValue::String(own) if own.as_ref() <= value)),
        _ => false,
    };
    let last = entries.iter().rfind(is_before)?;
    Some(end_of_line(text, end_of(last)))
}

/// The byte offset behind the keys at the top of the file.
pub(crate) fn behind_keys(text: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else {
        return text.len();
    };
    let keys = root.get_ref().values();
    let keys = keys.filter(|v| !matches!(v.get_ref(), DeValue::Array(_) | DeValue::Table(_)));
    end_of_line(text, keys.map(end_of).max().unwrap_or(0))
}

/// The end of the last thing that belongs to a value. The parser bounds the depth.
pub(crate) fn end_of(value: &toml::Spanned<DeValue<'_>>) -> usize {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.values().map(end_of).max(),
        DeValue::Array(array) => array.iter().map(end_of).max(),
        _ => None,
    };
    inner.unwrap_or(0).max(value.span().end)
}

/// The offset behind the line in which `at` lies.
pub(crate) fn end_of_line(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |newline| at + newline + 1)
}

/// The candidate nearest to `name`, when it is near enough to be a slip of the keyboard.
pub(crate) fn closest<'c>(
    name: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    if name.len() > 64 {
        return None;
    }
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .map(|c| (strsim::osa_distance(name, c), c))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, c)| c)
}

/// `text` as a TOML basic string on one line. Besides what TOML asks for, every character that could act on a terminal is escaped, so
/// that a diff of the file shows what is in it.
pub(crate) fn quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if text::is_hazard(c) => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
