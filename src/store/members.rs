//! The members of a JSON object in their order, each value as its text: for writing a document again with one of them changed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Name and text of every member.
pub(super) type Members<'a> = Vec<(String, &'a RawValue)>;

/// Reads an object of a document that was parsed before, so that its names are known to be unique where it matters.
pub(super) fn of_object(text: &str) -> Result<Members<'_>, serde_json::Error> {
    struct Ordered<'a>(Members<'a>);

    impl<'de> Deserialize<'de> for Ordered<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Object;

            impl<'de> Visitor<'de> for Object {
                type Value = Ordered<'de>;

                fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<'de>, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Ordered(members))
                }
            }
            deserializer.deserialize_map(Object)
        }
    }
    serde_json::from_str::<Ordered<'_>>(text).map(|ordered| ordered.0)
}
