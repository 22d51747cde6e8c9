//! The file a push sends or a pull brings, as the messages describe it.

use serde::{Deserialize, Serialize};

/// The file to push, in `push.prepare`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackInfo {
    /// Absolute path of the file on this machine.
    pub path: String,
    /// Identity of the content, `sha256:…`. For a file without an identity of its own: the hash of its bytes.
    pub digest: String,
    /// Hash of the manifest inside, where there is one; with or without `sha256:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<String>,
    /// `sha256:` and the hash of the file's bytes. Absent from old hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<String>,
    /// Length in bytes.
    pub size_bytes: i64,
    /// MD5 of the bytes in base64, for `Content-MD5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// *Additive.* File name at the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl PackInfo {
    /// Hash of the file's bytes as far as the host tells: `file_digest`, else `digest`.
    pub fn bytes_digest(&self) -> &str {
        self.file_digest.as_deref().unwrap_or(&self.digest)
    }
}

/// The file that was pushed, in `push.finalize`: hosts send only this much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalizePack {
    /// Absolute path of the file on this machine.
    pub path: String,
    /// Identity of the content.
    pub digest: String,
    /// Length in bytes.
    pub size_bytes: i64,
    /// *Additive.* Hash of the file's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<String>,
    /// *Additive.* File name at the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Which pack a pull asks for: exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRef {
    /// By hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// By id of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// By version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The newest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latest: bool,
}

impl PackRef {
    /// The newest.
    pub fn latest() -> Self {
        Self { latest: true, ..Self::default() }
    }

    /// By hash.
    pub fn digest(digest: impl Into<String>) -> Self {
        Self { digest: Some(digest.into()), ..Self::default() }
    }

    /// By version.
    pub fn version(version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..Self::default() }
    }

    /// By id of the release.
    pub fn release_id(id: impl Into<String>) -> Self {
        Self { release_id: Some(id.into()), ..Self::default() }
    }

    /// Exactly one member is set.
    pub fn is_valid(&self) -> bool {
        let set = [self.digest.is_some(), self.release_id.is_some(), self.version.is_some(), self.latest];
        set.into_iter().filter(|set| *set).count() == 1
    }
}

/// The pack a pull will bring, in the answer to `pull.prepare`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackMetadata {
    /// Hash of the bytes that will be downloaded, `sha256:…`: what a push calls `file_digest`.
    pub digest: String,
    /// Length in bytes, when the remote knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// Stream it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// When it was released, RFC 3339. Written only when known: an empty text breaks old hosts.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub created_at: Option<String>,
    /// Id of its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Labels it was pushed with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// *Additive.* File name it was pushed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Nothing, or an empty text.
#[expect(clippy::ref_option, reason = "serde's skip_serializing_if passes a reference to the field")]
pub(super) fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}
