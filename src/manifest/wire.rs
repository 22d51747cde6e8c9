//! How a type of the contract is read, written and described: one trait, and a macro that derives it from a struct
//! written like the tables of spec/manifest.md §2 — field, key, and when it is written.

use serde_json::{Value, json};

use super::json::{Decoder, Encoder, Fault};

/// A value of the contract.
pub(super) trait Wire: Default {
    /// Reads a value. `null` leaves a plain value as it is.
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault>;
    /// Writes it canonically.
    fn encode(&self, out: &mut Encoder);
    /// Would a field written "if set" be written?
    fn is_set(&self) -> bool;
    /// JSON Schema of the value as we write it.
    fn schema() -> Value;
}

impl Wire for String {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        if !input.take_null()? {
            *self = input.text()?.into_owned();
        }
        Ok(())
    }

    fn encode(&self, out: &mut Encoder) {
        out.text(self);
    }

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

impl Wire for bool {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        if !input.take_null()? {
            *self = input.boolean()?;
        }
        Ok(())
    }

    fn encode(&self, out: &mut Encoder) {
        out.raw(if *self { "true" } else { "false" });
    }

    fn is_set(&self) -> bool {
        *self
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

impl Wire for i64 {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        if !input.take_null()? {
            *self = input.integer()?;
        }
        Ok(())
    }

    fn encode(&self, out: &mut Encoder) {
        out.raw(&self.to_string());
    }

    fn is_set(&self) -> bool {
        *self != 0
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX})
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        if input.take_null()? {
            return Ok(());
        }
        input.list(|input| {
            let mut element = T::default();
            element.decode(input)?;
            self.push(element);
            Ok(())
        })
    }

    fn encode(&self, out: &mut Encoder) {
        out.open('[');
        for element in self {
            out.item();
            element.encode(out);
        }
        out.close(']');
    }

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

impl<T: Wire> Wire for Option<T> {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        if input.take_null()? {
            *self = None;
            return Ok(());
        }
        self.insert(T::default()).decode(input)
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(value) => value.encode(out),
            None => out.raw("null"),
        }
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn schema() -> Value {
        let mut schema = T::schema();
        if let Some(list) = schema.get_mut("type").filter(|kind| *kind == "array") {
            *list = json!(["array", "null"]);
        }
        schema
    }
}

/// Structs of the contract. `always`: written even when empty; `if_set`: left out when empty, false, 0 or null.
macro_rules! contract {
    ($(
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $( $(#[doc = $field_doc:literal])* $field:ident: $ty:ty = $key:literal $rule:ident, )* }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name { $( $(#[doc = $field_doc])* pub $field: $ty, )* }

        impl $crate::manifest::wire::Wire for $name {
            fn decode(&mut self, input: &mut $crate::manifest::json::Decoder<'_>) -> Result<(), $crate::manifest::json::Fault> {
                if input.take_null()? {
                    return Ok(());
                }
                input.object(&[$($key),*], |input, key| match key {
                    $($key => $crate::manifest::wire::Wire::decode(&mut self.$field, input),)*
                    _ => Ok(()),
                })
            }

            fn encode(&self, out: &mut $crate::manifest::json::Encoder) {
                out.open('{');
                $(if $crate::manifest::wire::contract!(@written $rule &self.$field) {
                    out.key($key);
                    $crate::manifest::wire::Wire::encode(&self.$field, out);
                })*
                out.close('}');
            }

            fn is_set(&self) -> bool {
                true
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                let mut required = Vec::new();
                $(
                    let mut schema = <$ty as $crate::manifest::wire::Wire>::schema();
                    schema["description"] = concat!($($field_doc),*).trim().into();
                    properties.insert($key.to_owned(), schema);
                    if stringify!($rule) == "always" {
                        required.push($key);
                    }
                )*
                serde_json::json!({
                    "type": "object",
                    "description": concat!($($doc),*).trim(),
                    "properties": properties,
                    "required": required,
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if $crate::manifest::wire::contract!(@written $rule &self.$field) {
                    map.serialize_entry($key, &self.$field)?;
                })*
                map.end()
            }
        }
    )*};
    (@written always $field:expr) => { true };
    (@written if_set $field:expr) => { $crate::manifest::wire::Wire::is_set($field) };
}
pub(super) use contract;

/// Enumerations of the contract. Any text can be read, so that a wrong one is refused by the rule that names it and
/// not by the parser; comparison is exact, never trimmed.
macro_rules! vocabulary {
    ($(
        $(#[doc = $doc:literal])*
        pub enum $name:ident { $( $(#[doc = $word_doc:literal])* $word:ident = $text:literal, )* }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[doc = $word_doc])* $word, )*
            /// Any other text, the empty one included.
            Other(Box<str>),
        }

        impl $name {
            /// The words the contract knows.
            pub const WORDS: &'static [&'static str] = &[$($text),*];

            /// The text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)*
                    Self::Other(text) => text,
                }
            }

            /// Is it one of the contract's words?
            pub fn is_valid(&self) -> bool {
                !matches!(self, Self::Other(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$word,)*
                    _ => Self::Other(text.into()),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(Box::default())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::manifest::wire::Wire for $name {
            fn decode(&mut self, input: &mut $crate::manifest::json::Decoder<'_>) -> Result<(), $crate::manifest::json::Fault> {
                if !input.take_null()? {
                    *self = Self::from(&*input.text()?);
                }
                Ok(())
            }

            fn encode(&self, out: &mut $crate::manifest::json::Encoder) {
                out.text(self.as_str());
            }

            fn is_set(&self) -> bool {
                !self.as_str().is_empty()
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": Self::WORDS})
            }
        }
    )*};
}
pub(super) use vocabulary;
