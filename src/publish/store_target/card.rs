//! What the manifest of a published artifact says: a few facts as JSON.

use serde::{Deserialize, Serialize};

use crate::core::Digest;
use crate::publish::port::{ApprovedArtifact, Content};

/// The most a card may weigh.
pub const LARGEST: u64 = 64 * 1024;

/// Version of the card's form.
const VERSION: &str = "1";

/// The manifest of a published artifact. Within a version fields are only added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// `"1"`.
    pub schema_version: String,
    /// `docker:app`, `archive:app-1.4.0-linux-amd64.tar.gz`.
    pub artifact: String,
    /// Digest of the artifact: of a file its bytes', of an image its root's.
    pub digest: Digest,
    /// `file`, or `oci-archive` for an image.
    pub form: String,
    /// Name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Version.
    pub version: String,
    /// Commit it was made from.
    pub revision: String,
}

impl Card {
    /// The card of an artifact.
    pub fn of(artifact: &ApprovedArtifact) -> Self {
        let (form, file) = match &artifact.content {
            Content::File(file) => ("file", Some(file.name.clone())),
            Content::Image(_) => ("oci-archive", None),
        };
        Self {
            schema_version: VERSION.to_owned(),
            artifact: artifact.id.clone(),
            digest: artifact.digest.clone(),
            form: form.to_owned(),
            file,
            version: artifact.version.clone(),
            revision: artifact.revision.clone(),
        }
    }

    /// As it is stored.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads one; `None` for what somebody else wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|card: &Self| card.schema_version == VERSION)
    }
}
