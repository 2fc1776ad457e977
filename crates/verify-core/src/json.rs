//! JSON and JSON5 that an attacker may have written: bounded in depth, and a duplicate key is never silent.
//!
//! Two readers exist because the files have two kinds of readers. [`strict`] is for files whose duplicate keys are an error for
//! every reader. [`last_wins`] and [`json5()`] are for files that OpenClaw reads with `JSON.parse` or npm's `json5`, which keep the last
//! of two equal keys: the value is what OpenClaw sees, and the duplicates are reported. `members` does so for some members of an object.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::text;

/// Deepest nesting of objects and arrays that is read; below the limit of `serde_json` itself.
pub const MAX_DEPTH: usize = 120;

/// Most values in one text: a value takes some 80 bytes of memory, and three bytes of text can make one.
pub const MAX_VALUES: usize = 2_000_000;

/// Most duplicate keys that are reported of one text.
const MAX_DUPLICATES: usize = 100;

/// Why a text is not read as JSON. The message is safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is not JSON, or is nested deeper than [`MAX_DEPTH`].
    #[error("is not valid {language}: {why}")]
    Syntax {
        /// `JSON` or `JSON5`.
        language: &'static str,
        /// What the parser says, with line and column.
        why: String,
    },
    /// The same key stands twice in one object.
    #[error("holds the key `{}` twice in one object", text::excerpt(key, 80))]
    DuplicateKey {
        /// The key, as written.
        key: String,
    },
}

/// A value, and the keys of which only the last was kept.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parsed {
    /// The value as JavaScript sees it.
    pub value: Value,
    /// Keys that stood more than once in one object, each once, in order of appearance; at most 100.
    pub duplicates: Vec<String>,
    /// How many values the text holds, nested ones included.
    pub values: usize,
}

/// Reads JSON in which a duplicate key is an error.
///
/// # Errors
/// [`JsonError`] when the text is not JSON, too deep, or holds a duplicate key.
pub fn strict(text: &str) -> Result<Value, JsonError> {
    let (value, notes) = read(text, |seed, json| seed.deserialize(json))?;
    match notes.duplicates.into_inner().into_iter().next() {
        None => Ok(value),
        Some(key) => Err(JsonError::DuplicateKey { key }),
    }
}

/// Reads JSON as `JSON.parse` does: of equal keys the last counts.
///
/// # Errors
/// [`JsonError::Syntax`] when the text is not JSON or too deep.
pub fn last_wins(text: &str) -> Result<Parsed, JsonError> {
    as_javascript(text, |text| read(text, |seed, json| seed.deserialize(json)))
        .map(|(value, notes)| notes.parsed(value))
}

/// The top-level members of the object in `text` that `wanted` names, as `JSON.parse` reads them, and the keys of which only the last
/// was kept. Other members are passed over without being built, whatever their size and depth: a deep value under a name that is not
/// needed cannot keep the rest from being read.
///
/// # Errors
/// [`JsonError::Syntax`] when the text is no JSON object, or a wanted member is too deep.
pub(crate) fn members(
    text: &str,
    wanted: &[&str],
) -> Result<(Map<String, Value>, Vec<String>), JsonError> {
    as_javascript(text, |text| {
        read(text, |seed, json| {
            json.deserialize_map(Members { seed, wanted })
        })
    })
    .map(|(members, notes)| (members, notes.duplicates.into_inner()))
}

/// Reads a text as OpenClaw reads its config and plugin manifests: JSON first, JSON5 when that fails; of equal keys the last counts.
///
/// # Errors
/// [`JsonError::Syntax`] when the text is neither, or too deep.
pub fn json5(text: &str) -> Result<Parsed, JsonError> {
    if let Ok(parsed) = last_wins(text) {
        return Ok(parsed);
    }
    let notes = Notes::default();
    let mut deserializer = json5::Deserializer::from_str(text);
    let value = Seed {
        depth: 0,
        notes: &notes,
    }
    .deserialize(&mut deserializer)
    .map_err(|error| syntax("JSON5", &error))?;
    // The deserializer stops after the first value and does not tell where, so the end is checked by reading the text once more
    // through the function that refuses trailing text. By now its depth is known to be bounded.
    json5::from_str::<serde::de::IgnoredAny>(text).map_err(|error| syntax("JSON5", &error))?;
    Ok(notes.parsed(value))
}

/// Reads the whole of `text` with `value`.
fn read<T>(
    text: &str,
    value: impl FnOnce(
        Seed<'_>,
        &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>,
    ) -> serde_json::Result<T>,
) -> Result<(T, Notes), JsonError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let notes = Notes::default();
    let read = value(
        Seed {
            depth: 0,
            notes: &notes,
        },
        &mut json,
    )
    .and_then(|value| json.end().map(|()| value));
    read.map(|value| (value, notes))
        .map_err(|error| syntax("JSON", &error))
}

/// Reads `text`, and where that fails what JavaScript would make of it.
fn as_javascript<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, JsonError>,
) -> Result<T, JsonError> {
    read(text).or_else(|error| match as_written_by_javascript(text) {
        Some(text) => read(&text),
        None => Err(error),
    })
}

/// `text` with what `JSON.parse` takes and `serde_json` does not in the nearest form that both take: half of a surrogate pair becomes
/// U+FFFD, and a number that is too large for a double the largest one. None when it holds neither.
fn as_written_by_javascript(text: &str) -> Option<String> {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let (mut written, mut changed, mut inside) = (String::with_capacity(text.len()), false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = match (inside, c) {
            (true, '\\') => match unit(rest) {
                Some(0xd800..=0xdbff)
                    if rest
                        .get(6..)
                        .and_then(unit)
                        .is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) =>
                {
                    12
                }
                Some(0xd800..=0xdfff) => 6,
                // The character behind a backslash may have any length.
                _ => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            },
            (false, '-' | '0'..='9') => rest.find(|c| !number(c)).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        let (token, behind) = rest.split_at(token);
        rest = behind;
        inside ^= token == "\"";
        match (inside, token.len()) {
            (true, 6) if unit(token).is_some_and(|unit| (0xd800..=0xdfff).contains(&unit)) => {
                written.push_str("\\ufffd")
            }
            (false, _) if token.parse().is_ok_and(f64::is_infinite) => {
                written.push_str(if c == '-' {
                    "-1.7976931348623157e308"
                } else {
                    "1.7976931348623157e308"
                });
            }
            _ => {
                written.push_str(token);
                continue;
            }
        }
        changed = true;
    }
    changed.then_some(written)
}

fn syntax(language: &'static str, error: &dyn fmt::Display) -> JsonError {
    JsonError::Syntax {
        language,
        why: text::excerpt(&error.to_string(), 200),
    }
}

#[derive(Default)]
struct Notes {
    duplicates: RefCell<Vec<String>>,
    values: Cell<usize>,
}

impl Notes {
    fn parsed(self, value: Value) -> Parsed {
        Parsed {
            value,
            duplicates: self.duplicates.into_inner(),
            values: self.values.get(),
        }
    }
}

/// Builds a [`Value`], counting depth so that no input can exhaust the stack, and noting duplicate keys.
#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    notes: &'a Notes,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Puts the next value into `map`, where the last of two equal keys stays.
    fn member<'de, A: MapAccess<'de>>(
        self,
        map: &mut Map<String, Value>,
        key: String,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let value = access.next_value_seed(self)?;
        if map.contains_key(&key) {
            let mut seen = self
                .notes
                .duplicates
                .try_borrow_mut()
                .map_err(A::Error::custom)?;
            if seen.len() < MAX_DUPLICATES && !seen.contains(&key) {
                seen.push(key.clone());
            }
        }
        map.insert(key, value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = self.notes.values.get() + 1;
        self.notes.values.set(values);
        if values > MAX_VALUES {
            return Err(D::Error::custom(format_args!(
                "more than {MAX_VALUES} values"
            )));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            inner.member(&mut map, key, &mut access)?;
        }
        Ok(Value::Object(map))
    }
}

/// Reads the requested members of one object.
struct Members<'a> {
    seed: Seed<'a>,
    wanted: &'a [&'a str],
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let inner = self.seed.deeper()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if self.wanted.contains(&key.as_str()) {
                inner.member(&mut map, key, &mut access)?;
            } else {
                access.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_duplicate_key_is_reported_and_the_last_wins() {
        assert_eq!(
            strict(r#"{"a":{"b":1,"b":2}}"#),
            Err(JsonError::DuplicateKey {
                key: "b".to_owned()
            })
        );
        let parsed = last_wins(r#"{"a":1,"c":0,"a":2}"#).expect("valid");
        assert_eq!(
            (parsed.value.to_string(), parsed.duplicates),
            (r#"{"a":2,"c":0}"#.to_owned(), vec!["a".to_owned()])
        );
        let parsed = json5("{a:1, 'a':2, \"\\u0061\":3,}").expect("valid");
        assert_eq!(
            (parsed.value.to_string(), parsed.duplicates),
            (r#"{"a":3}"#.to_owned(), vec!["a".to_owned()])
        );
    }

    #[test]
    fn nesting_of_500_000_levels_is_an_error_and_not_an_overflow() {
        for open in ["[", "{a:", "{\"a\":", "[{a:["] {
            let text = open.repeat(500_000);
            assert!(matches!(last_wins(&text), Err(JsonError::Syntax { .. })));
            assert!(matches!(json5(&text), Err(JsonError::Syntax { .. })));
        }
        let hidden = format!("/* */ // \u{2028} {}", "[".repeat(500_000));
        assert!(matches!(json5(&hidden), Err(JsonError::Syntax { .. })));
        let fits = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(strict(&fits).is_ok() && json5(&format!("/**/{fits}")).is_ok());
        assert!(strict(&format!("[{fits}]")).is_err() && json5(&format!("[{fits}]")).is_err());
    }

    #[test]
    fn what_only_javascript_reads_is_read_and_never_strictly() {
        for (text, value) in [
            (
                r#"{"a":1e400,"b":[-1e999]}"#,
                json!({ "a": f64::MAX, "b": [f64::MIN] }),
            ),
            (
                r#"{"a":"\ud800x\\ud800","\udc00":"\ud83d\ude00\udfff"}"#,
                json!({ "a": "\u{fffd}x\\ud800", "\u{fffd}": "\u{1f600}\u{fffd}" }),
            ),
            (r#"["1e400\ud800"]"#, json!(["1e400\u{fffd}"])),
        ] {
            assert_eq!(last_wins(text).expect(text).value, value);
            assert!(strict(text).is_err(), "{text}");
        }
        let (members, duplicates) =
            members(r#"{"x":1e400,"a":"\ud800","a":2}"#, &["a"]).expect("an object");
        assert_eq!(
            (Value::Object(members), duplicates),
            (json!({ "a": 2 }), vec!["a".to_owned()])
        );
        for bad in [
            r#"{"a":"\u12"}"#,
            r#"["\ud800"#,
            r#""\"#,
            "1e400x",
            "-",
            "\"\u{e9}\\",
        ] {
            assert!(last_wins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json5_reads_what_people_write() {
        let parsed = json5("\u{feff}{ // why\n a: 'x', b: [1,+2,0x10,], c: .5, }").expect("valid");
        assert_eq!(
            parsed.value.to_string(),
            r#"{"a":"x","b":[1,2,16],"c":0.5}"#
        );
        assert_eq!(parsed.values, 7);
        assert!(last_wins(&format!("[{}0]", "0,".repeat(MAX_VALUES))).is_err());
        assert!(
            json5("{} {}").is_err()
                && json5("{}x").is_err()
                && json5("").is_err()
                && last_wins("{} 1").is_err()
        );
    }
}
