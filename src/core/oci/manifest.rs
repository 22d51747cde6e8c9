//! Manifests and indexes: what a digest leads to.

use serde::Deserialize;

use super::descriptor::Descriptor;
use super::media_type;
use crate::core::digest::Digest;

/// The most a manifest may weigh. Registries accept 4 MiB (distribution specification, "Pushing manifests").
pub const MAX_MANIFEST_SIZE: usize = 4 * 1024 * 1024;

/// How many descriptors one manifest may list before we call it hostile.
const MAX_CHILDREN: usize = 10_000;

/// What a manifest describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestKind {
    /// An image or artifact: config and layers.
    Image,
    /// An index: further manifests.
    Index,
}

/// A manifest: the raw bytes, which its digest is of, beside what we read in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The bytes as they were received or will be sent.
    pub raw: Vec<u8>,
    /// Media type, as the document says, or as inferred from its shape.
    pub media_type: String,
    /// Image or index.
    pub kind: ManifestKind,
    /// The image config; absent in an index.
    pub config: Option<Descriptor>,
    /// Layers of an image.
    pub layers: Vec<Descriptor>,
    /// Manifests of an index.
    pub manifests: Vec<Descriptor>,
    /// What this manifest refers to (`subject`, image-spec 1.1).
    pub subject: Option<Descriptor>,
    /// `artifactType`, when set.
    pub artifact_type: Option<String>,
    /// Annotations of the manifest itself.
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Over 4 MiB.
    #[error("manifest is {0} bytes; registries accept at most {MAX_MANIFEST_SIZE}")]
    TooLarge(usize),
    /// Not JSON of the expected shape.
    #[error("manifest is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// Schema 1 or something newer.
    #[error("manifest has schemaVersion {0}; only 2 is supported")]
    Schema(i64),
    /// Both an index and an image, or neither.
    #[error("manifest is neither an image (config and layers) nor an index (manifests)")]
    Shape,
    /// More descriptors than any real image has.
    #[error("manifest lists {0} descriptors; at most {MAX_CHILDREN} are accepted")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: i64,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    subject: Option<Descriptor>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads a manifest, keeping its bytes.
    pub fn parse(raw: Vec<u8>) -> Result<Self, ManifestError> {
        if raw.len() > MAX_MANIFEST_SIZE {
            return Err(ManifestError::TooLarge(raw.len()));
        }
        let wire: Wire = serde_json::from_slice(&raw)?;
        if wire.schema_version != 2 {
            return Err(ManifestError::Schema(wire.schema_version));
        }
        let declared = wire.media_type.filter(|text| !text.is_empty());
        // A document that could be read both ways is refused: two clients would see two images (CVE-2021-41190).
        let kind = match (&wire.config, &wire.layers, &wire.manifests) {
            (Some(_), _, None) => ManifestKind::Image,
            (None, None, Some(_)) => ManifestKind::Index,
            (None, None, None) if declared.as_deref().is_some_and(media_type::is_index) => ManifestKind::Index,
            _ => return Err(ManifestError::Shape),
        };
        let fallback = if kind == ManifestKind::Index { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
        let media_type = declared.unwrap_or_else(|| fallback.to_owned());
        if media_type::is_index(&media_type) != (kind == ManifestKind::Index) {
            return Err(ManifestError::Shape);
        }
        let layers = wire.layers.unwrap_or_default();
        let manifests = wire.manifests.unwrap_or_default();
        if layers.len() + manifests.len() > MAX_CHILDREN {
            return Err(ManifestError::TooMany(layers.len() + manifests.len()));
        }
        Ok(Self {
            raw,
            media_type,
            kind,
            config: wire.config,
            layers,
            manifests,
            subject: wire.subject,
            artifact_type: wire.artifact_type,
            annotations: wire.annotations.unwrap_or_default(),
        })
    }

    /// The digest of the raw bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.raw)
    }

    /// A descriptor of this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(&self.media_type, &self.raw)
    }

    /// Blobs this manifest needs: config first, then layers in order.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_two_readers_would_read_differently() {
        let d = Digest::of(b"");
        let both = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{d}","size":0}},"layers":[],"manifests":[]}}"#);
        assert!(matches!(Manifest::parse(both.into_bytes()), Err(ManifestError::Shape)));
        let lying =
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"digest":"{d}","size":0}},"layers":[]}}"#, media_type::OCI_INDEX);
        assert!(matches!(Manifest::parse(lying.into_bytes()), Err(ManifestError::Shape)));
    }

    #[test]
    fn reads_an_index_whose_list_is_null() {
        // olareg answers `"manifests": null` where there are none.
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":null}}"#, media_type::OCI_INDEX);
        assert!(Manifest::parse(text.into_bytes()).is_ok_and(|m| m.manifests.is_empty()));
    }
}
