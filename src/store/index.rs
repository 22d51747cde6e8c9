//! `index.json` of a layout, read two ways: as leniently as the contract's `verify` asks, and strictly for everything
//! that acts on it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::core::oci::{Descriptor, media_type};

/// The most an `index.json` may weigh, in bytes.
pub(super) const MAX_INDEX_SIZE: u64 = 16 * 1024 * 1024;

/// The digest texts `index.json` lists, as the contract reads them: unknown keys pass by, key case does not matter,
/// nulls count as empty (spec/manifest.md §9 "Verify" step 2, §3.4).
pub(super) fn listed_digests(bytes: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let index: Option<Lenient> = serde_json::from_slice(bytes)?;
    Ok(index.unwrap_or_default().manifests)
}

#[derive(Default)]
struct Lenient {
    manifests: Vec<String>,
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Index;
        impl<'de> Visitor<'de> for Index {
            type Value = Lenient;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient, A::Error> {
                let mut index = Lenient::default();
                while let Some(key) = map.next_key::<String>()? {
                    if folds_to(&key, "manifests") {
                        let entries: Option<Vec<Option<LenientEntry>>> = map.next_value()?;
                        let entries = entries.unwrap_or_default();
                        index.manifests = entries.into_iter().map(|entry| entry.unwrap_or_default().digest).collect();
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(index)
            }
        }
        deserializer.deserialize_map(Index)
    }
}

#[derive(Default)]
struct LenientEntry {
    digest: String,
}

impl<'de> Deserialize<'de> for LenientEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;
        impl<'de> Visitor<'de> for Entry {
            type Value = LenientEntry;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LenientEntry, A::Error> {
                let mut entry = LenientEntry::default();
                while let Some(key) = map.next_key::<String>()? {
                    if folds_to(&key, "digest") {
                        if let Some(digest) = map.next_value::<Option<String>>()? {
                            entry.digest = digest;
                        }
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(entry)
            }
        }
        deserializer.deserialize_map(Entry)
    }
}

// The folding of spec/manifest.md §3.4: ASCII letters, and U+017F for s. (K has no use in these two names.)
fn folds_to(key: &str, name: &str) -> bool {
    key.chars().map(|c| if c == '\u{17f}' { 's' } else { c.to_ascii_lowercase() }).eq(name.chars())
}

/// The descriptors of `index.json`, strictly: an OCI index whose every entry is a whole descriptor.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Descriptor>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        manifests: Option<Vec<Descriptor>>,
    }
    Ok(serde_json::from_slice::<Index>(bytes)?.manifests.unwrap_or_default())
}

/// The bytes of an `index.json` listing these roots.
pub(super) fn listing(roots: &[Descriptor]) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Index<'a> {
        schema_version: u8,
        media_type: &'static str,
        manifests: &'a [Descriptor],
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: BTreeMap<String, String>,
    }
    let index = Index { schema_version: 2, media_type: media_type::OCI_INDEX, manifests: roots, annotations: BTreeMap::new() };
    serde_json::to_vec(&index)
}
