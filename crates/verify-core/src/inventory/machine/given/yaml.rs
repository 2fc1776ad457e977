//! YAML with the line of each value: bounded in size, depth and what aliases make of it.
//!
//! Anchors and merge keys are resolved by the reader. Tags of the application's own (`!reset`, `!override`) are passed over.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::error::Malformed;
use crate::text;

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Line, from 1. Of an alias that of the alias.
    pub(super) line: usize,
    /// The value.
    pub(super) value: Yaml,
}

/// A value. Numbers are their text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    Null,
    Bool(bool),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Reads one document.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn read(text: &str) -> Result<Node, Malformed> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 100_000,
            max_events: 400_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1,
            flow_nesting_limit: 64,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 1_000,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Yaml>>(text, options) {
        Ok(found) => Ok(Node::of(found)),
        Err(error) => {
            let line = error.location().map(|place| place.line());
            let why = text::excerpt(&error.to_string(), 160);
            Err(match line {
                Some(line) if line > 0 => format!("line {line}: {why}").into(),
                _ => why.into(),
            })
        }
    }
}

impl Node {
    /// What stands in no line.
    pub(super) fn nowhere() -> Self {
        Self {
            line: 0,
            value: Yaml::Null,
        }
    }

    fn of(found: Spanned<Yaml>) -> Self {
        Self {
            line: usize::try_from(found.referenced.line()).unwrap_or_default(),
            value: found.value,
        }
    }

    /// The value of a key; none where it is not written or null.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Yaml::Map(members) = &self.value else {
            return None;
        };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
            .filter(|node| node.value != Yaml::Null)
    }

    /// Its elements; none where it is no list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Yaml::List(items) => items,
            _ => &[],
        }
    }

    /// Its text, also of a number or a boolean.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            Yaml::Bool(true) => Some("true"),
            Yaml::Bool(false) => Some("false"),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Yaml>>()? {
            found.push(Node::of(item));
        }
        Ok(Yaml::List(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Yaml, A::Error> {
        let mut found = Vec::new();
        while let Some((key, value)) = members.next_entry::<String, Spanned<Yaml>>()? {
            found.push((key, Node::of(value)));
        }
        Ok(Yaml::Map(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_lines_and_merge_keys_are_resolved() {
        let node =
            read("x-base: &base\n  ports: [80]\nservices:\n  a:\n    <<: *base\n    user: 0755\n")
                .expect("yaml");
        let service = node
            .get("services")
            .and_then(|all| all.get("a"))
            .expect("a");
        assert_eq!(
            service.get("ports").map(|p| p.items()[0].text()),
            Some(Some("80"))
        );
        let user = service.get("user").expect("user");
        assert_eq!((user.text(), user.line), (Some("0755"), 6));
        let tagged = read("a: !override [1]\nb: !reset null\n").expect("yaml");
        assert_eq!(tagged.get("a").map(|a| a.items().len()), Some(1));
        assert_eq!(tagged.get("b"), None);
    }

    #[test]
    fn what_cannot_be_read_in_one_way_is_an_error() {
        for broken in ["a: 1\na: 2\n", "a: b\n---\nc: d\n", "a: [1\n", "a: *none\n"] {
            assert!(read(broken).is_err(), "{broken}: {:?}", read(broken));
        }
        let bomb: String = (0..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, at| {
            let list = vec![format!("*a{at}"); 9].join(",");
            text + &format!("a{n}: &a{n} [{list}]\n", n = at + 1)
        });
        assert!(read(&bomb).is_err());
        assert!(read(&"[".repeat(5000)).is_err());
    }
}
