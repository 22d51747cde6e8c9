//! What is in a version: said by the version itself, and by pointers at it.

use serde::{Deserialize, Serialize};

use crate::core::Digest;

/// Name of the document below the pointer's directory: `latest/index.json`.
pub const POINTER_FILE: &str = "index.json";

/// The most such a document may weigh.
pub(super) const MOST: usize = 1 << 20;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// `"1"`.
    pub schema_version: String,
    /// `1.4.0`.
    pub version: String,
    /// Full commit id.
    pub revision: String,
    /// Files of the version, sorted by name.
    pub files: Vec<IndexedFile>,
}

/// A file of the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedFile {
    /// Name.
    pub name: String,
    /// Where it is, below the place: `app/1.4.0/app.tar.gz`.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

impl Index {
    /// Of a version; files in any order.
    pub fn new(version: &str, revision: &str, mut files: Vec<IndexedFile>) -> Self {
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Self { schema_version: "1".to_owned(), version: version.to_owned(), revision: revision.to_owned(), files }
    }

    /// As it is kept: the same bytes for the same content.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads one; `None` when it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|index| index.schema_version == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_the_same_bytes() {
        let file = |name: &str| IndexedFile { name: name.to_owned(), path: format!("a/{name}"), sha256: Digest::of(b"x"), size: 1 };
        let one = Index::new("1.4.0", "c", vec![file("b"), file("a")]);
        let other = Index::new("1.4.0", "c", vec![file("a"), file("b")]);
        assert_eq!(one.bytes(), other.bytes());
        assert_eq!(Index::read(&one.bytes()), Some(other));
        assert_eq!(Index::read(b"{}"), None);
    }
}
