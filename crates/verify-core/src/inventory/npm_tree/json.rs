//! JSON as Node reads it, with what a careful reader would have stumbled over.

use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A seed that reads any JSON value like `JSON.parse` (the last of two equal keys wins) and remembers each key that came twice.
struct Noting<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Noting<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Noting<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
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
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Noting(self.0))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Noting(self.0))?;
            if object.insert(key.clone(), value).is_some() {
                self.0.push(key);
            }
        }
        Ok(Value::Object(object))
    }
}

/// The top-level members of the object in `text` that `wanted` names. The others are passed over without being built, whatever
/// their size and depth; so a deep value under a name that nobody reads cannot keep the rest from being read.
pub(super) fn members(text: &str, wanted: &[&str]) -> serde_json::Result<(Map<String, Value>, Vec<String>)> {
    struct Members<'a>(&'a [&'a str], Vec<String>);

    impl<'de> Visitor<'de> for Members<'_> {
        type Value = (Map<String, Value>, Vec<String>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut object = Map::new();
            while let Some(key) = map.next_key::<String>()? {
                if self.0.contains(&key.as_str()) {
                    let value = map.next_value_seed(Noting(&mut self.1))?;
                    if object.insert(key.clone(), value).is_some() {
                        self.1.push(key);
                    }
                } else {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
            Ok((object, self.1))
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Members(wanted, Vec::new()))?;
    deserializer.end()?;
    Ok(found)
}

/// Whether `text` is a JSON value of another type than an object.
pub(super) fn is_other_type(text: &str) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    !text.trim_start().starts_with('{')
        && serde::de::IgnoredAny::deserialize(&mut deserializer).is_ok()
        && deserializer.end().is_ok()
}
