//! Reading one JSON document that somebody else wrote: bounded in size, depth and count; repeated keys are refused;
//! `null` members count as absent, as the protocol's first readers treat them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::limits;

/// Why bytes are not one JSON document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// There is nothing.
    #[error("it is empty where one JSON document was expected")]
    Empty,
    /// It is larger than it may be.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It is no UTF-8 text.
    #[error("it is not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first wrong byte, from 0.
        at: usize,
    },
    /// It is no JSON, or holds a repeated key, or is nested too deeply.
    #[error("{problem} (line {line}, column {column})")]
    Malformed {
        /// What is wrong.
        problem: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Something follows the document.
    #[error("something follows the JSON document (line {line}, column {column})")]
    More {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is JSON and no object.
    #[error("it is a JSON {found} where an object was expected")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
}

/// Reads exactly one JSON object, of at most `limit` bytes, with white space around it.
pub fn read_document(bytes: &[u8], limit: usize) -> Result<Map<String, Value>, DocumentError> {
    if bytes.len() > limit {
        return Err(DocumentError::TooLarge { limit });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::NotUtf8 { at: error.valid_up_to() })?;
    if text.trim_ascii().is_empty() {
        return Err(DocumentError::Empty);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut nodes = 0;
    let value = Strict { depth: 0, nodes: &mut nodes }.deserialize(&mut reader).map_err(|error| malformed(&error))?;
    reader.end().map_err(|error| DocumentError::More { line: error.line(), column: error.column() })?;
    match value {
        Value::Object(members) => Ok(members),
        other => Err(DocumentError::NotAnObject { found: kind_of(&other) }),
    }
}

fn malformed(error: &serde_json::Error) -> DocumentError {
    let text = error.to_string();
    // The library appends the place, which is said once already.
    let problem = text.split(" at line ").next().unwrap_or(&text).to_owned();
    DocumentError::Malformed { problem, line: error.line(), column: error.column() }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Builds a value and refuses what the library would let pass.
struct Strict<'a> {
    depth: usize,
    nodes: &'a mut usize,
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.nodes += 1;
        if *self.nodes > limits::MAX_NODES {
            return Err(E::custom(format!("more than {} values", limits::MAX_NODES)));
        }
        Ok(())
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<Strict<'_>, E> {
        if self.depth >= limits::MAX_DEPTH {
            return Err(E::custom(format!("nested more than {} deep", limits::MAX_DEPTH)));
        }
        Ok(Strict { depth: self.depth + 1, nodes: self.nodes })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
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
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.deeper()?)? {
            self.count()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut members: Map<String, Value> = Map::new();
        let mut absent: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            self.count()?;
            if members.contains_key(&key) || absent.contains(&key) {
                let shown: String = key.chars().take(60).collect();
                return Err(serde::de::Error::custom(format!("the key `{}` is repeated", shown.escape_debug())));
            }
            match map.next_value_seed(self.deeper()?)? {
                // A document of nothing but nulls must not cost more than one of anything else.
                Value::Null if absent.len() < 1000 => absent.push(key),
                Value::Null => return Err(serde::de::Error::custom("more than 1000 members are null")),
                value => {
                    members.insert(key, value);
                }
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Map<String, Value>, DocumentError> {
        read_document(text.as_bytes(), 1000)
    }

    #[test]
    fn one_object_with_space_around_it() {
        assert_eq!(read(" {\"a\": 1, \"b\": null}\n").map(|members| members.len()), Ok(1));
        assert_eq!(read(" \n"), Err(DocumentError::Empty));
        assert_eq!(read("[1]"), Err(DocumentError::NotAnObject { found: "list" }));
        assert!(matches!(read("{} {}"), Err(DocumentError::More { line: 1, column: 4 })));
        assert!(matches!(read("uploading 10%\n{}"), Err(DocumentError::Malformed { .. })));
        assert_eq!(read_document(b"{\"a\":\"\xff\"}", 100), Err(DocumentError::NotUtf8 { at: 6 }));
        assert_eq!(read_document(&[b' '; 101], 100), Err(DocumentError::TooLarge { limit: 100 }));
    }

    #[test]
    fn repeated_keys_are_refused_at_every_depth_and_also_as_null() {
        for text in [r#"{"ok":true,"ok":true}"#, r#"{"a":[{"b":1,"b":2}]}"#, r#"{"a":null,"a":1}"#, r#"{"a":1,"a":null}"#] {
            let error = read(text).expect_err(text);
            assert!(error.to_string().contains("is repeated"), "{error}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels: usize| format!("{}{}{}", "{\"a\":".repeat(levels), 1, "}".repeat(levels));
        assert!(read(&deep(limits::MAX_DEPTH)).is_ok());
        let error = read(&deep(limits::MAX_DEPTH + 1)).expect_err("too deep");
        assert!(error.to_string().contains("nested more than 64"), "{error}");
    }
}
