//! A pair and what is remembered of it: the pointer, whose replacement is the moment a put takes effect.

use std::path::PathBuf;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::Digest;
use crate::core::artifact_ref::Ref;

/// Version of the pointer's form.
const POINTER_VERSION: u32 = 1;

/// The most a pointer may weigh: a reference of 1024 bytes and two descriptions.
pub const MAX_POINTER: u64 = 8 * 1024;

/// Where the bytes of one half come from. They can be read more than once: an upload that is cut begins again.
#[derive(Debug, Clone)]
pub enum Source {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file. It must not change while it is stored; what was read last is what is stored.
    File(PathBuf),
}

impl From<&[u8]> for Source {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

/// What is stored together under one reference. Both halves are opaque.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The bytes.
    pub data: Source,
    /// What somebody says about them.
    pub manifest: Source,
}

/// What is known of one half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Half {
    /// Digest of its bytes.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
    /// Where a backend keeps them, when it does not keep them under their digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub key: Option<String>,
}

impl Half {
    /// Bytes held in memory, described.
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), size: bytes.len() as u64, key: None }
    }

    /// The same bytes, wherever they are?
    pub fn same_bytes(&self, other: &Self) -> bool {
        self.digest == other.digest && self.size == other.size
    }
}

/// What is known of a stored pair without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// The bytes.
    pub data: Half,
    /// What is said about them.
    pub manifest: Half,
}

impl Entry {
    /// The same two halves?
    pub fn same_bytes(&self, other: &Self) -> bool {
        self.data.same_bytes(&other.data) && self.manifest.same_bytes(&other.manifest)
    }

    /// For messages: both digests, short.
    pub fn shown(&self) -> String {
        format!("{} with manifest {}", self.data.digest.short(), self.manifest.digest.short())
    }
}

/// The stored form of an [`Entry`]: JSON that says which reference it belongs to, so that one that was moved, or is
/// found by a file system that does not tell upper from lower case, is noticed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    version: u32,
    #[serde(rename = "ref")]
    reference: String,
    data: Half,
    manifest: Half,
}

/// An entry as it is stored.
pub fn encode(at: &Ref, entry: &Entry) -> Vec<u8> {
    let pointer =
        Pointer { version: POINTER_VERSION, reference: at.to_string(), data: entry.data.clone(), manifest: entry.manifest.clone() };
    let mut bytes = serde_json::to_vec(&pointer).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads a stored entry. There is one way to write it, so that a changed byte anywhere is noticed; `Err` says what is
/// wrong, to stand after "is damaged: ".
pub fn decode(at: &Ref, bytes: &[u8]) -> Result<Entry, String> {
    let pointer: Pointer = serde_json::from_slice(bytes).map_err(|error| format!("its pointer cannot be read ({error})"))?;
    if pointer.version != POINTER_VERSION {
        return Err(format!("its pointer has version {}, and this program knows {POINTER_VERSION}", pointer.version));
    }
    if pointer.reference != at.as_str() {
        return Err("its pointer belongs to another reference".to_owned());
    }
    let entry = Entry { data: pointer.data, manifest: pointer.manifest };
    if encode(at, &entry) != bytes {
        return Err("its pointer is not written as this program writes it".to_owned());
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_of_a_pointer_is_noticed() {
        let at = Ref::parse("a/b").expect("reference");
        let entry = Entry { data: Half::of(b"data"), manifest: Half { key: Some("blobs/1".to_owned()), ..Half::of(b"{}") } };
        let good = encode(&at, &entry);
        assert_eq!(decode(&at, &good).as_ref(), Ok(&entry));
        assert!(good.len() as u64 <= MAX_POINTER);
        for position in 0..good.len() {
            for flip in [1, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[position] ^= flip;
                // A digest or size that is still one leads to bytes that are not there, or are others.
                assert!(decode(&at, &bad).as_ref() != Ok(&entry), "byte {position} ^ {flip}");
            }
            assert!(decode(&at, &good[..position]).is_err());
        }
        assert!(decode(&Ref::parse("a/c").expect("reference"), &good).is_err());
    }
}
