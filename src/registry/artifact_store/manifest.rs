//! A pair as an OCI artifact manifest (image-spec 1.1, "Guidelines for artifact usage").

use crate::core::Digest;
use crate::core::oci::{Descriptor, Manifest, media_type};
use crate::store::artifact::{Entry, Half, Ref};
use crate::store::{LayoutWriter, StoreError};

/// Type of both halves: the store does not know what they are.
pub const HALF: &str = "application/octet-stream";

/// `artifactType` of a pair.
const PAIR: &str = "application/vnd.stagefreight.pair.v1";

/// Annotation with the reference, so that a manifest belongs to one tag and tells which.
const REFERENCE: &str = "dev.stagefreight.ref";

/// The empty config that the image specification asks artifacts to have.
const EMPTY: &[u8] = b"{}";

/// What a tag was found to name.
pub struct Tagged {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The pair.
    pub entry: Entry,
}

/// Writes the manifest of a pair into a layout that holds both halves.
pub fn write_manifest(writer: &LayoutWriter, at: &Ref, entry: &Entry) -> Result<Descriptor, StoreError> {
    let config = writer.put_bytes(media_type::OCI_EMPTY, EMPTY)?;
    let half = |half: &Half| Descriptor::new(HALF, half.digest.clone(), half.size);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": PAIR,
        "config": config,
        "layers": [half(&entry.data), half(&entry.manifest)],
        "annotations": { REFERENCE: at.as_str() },
    });
    writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes())
}

/// The reference a manifest belongs to.
pub fn reference_of(manifest: &Manifest) -> Option<Ref> {
    manifest.annotations.get(REFERENCE).and_then(|text| Ref::parse(text).ok())
}

/// Reads the manifest of a pair; `Err` says what is wrong with it.
pub fn read_manifest(at: &Ref, manifest: &Manifest) -> Result<Entry, String> {
    if manifest.artifact_type.as_deref() != Some(PAIR) {
        return Err("its tag names something that is no pair".to_owned());
    }
    if reference_of(manifest).as_ref() != Some(at) {
        return Err("its manifest belongs to another reference".to_owned());
    }
    let [data, said] = manifest.layers.as_slice() else {
        return Err(format!("its manifest has {} layers, not two", manifest.layers.len()));
    };
    let half = |descriptor: &Descriptor| Half { digest: descriptor.digest.clone(), size: descriptor.size, key: None };
    Ok(Entry { data: half(data), manifest: half(said) })
}
