//! What a registry gets of an image that does not get it as it was built: an index with fewer entries, and attestations
//! as manifests of their own. It follows from the image's bytes and the rendition alone, so every job comes to the
//! same digests; nothing of it needs to travel (docs/design/0009-attestation-forms.md).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Closure, Layout, LayoutWriter, StoreError, members};
use crate::core::oci::{Descriptor, EMPTY_JSON, MAX_MANIFEST_SIZE, Manifest, ManifestKind, attestation, media_type};
use crate::core::{AttestationForm, Digest, Rendition};

/// What goes to a registry instead of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    /// The index with the entries that are kept.
    pub root: Manifest,
    /// Attestations beside it, images in the order of the index.
    pub attestations: Vec<Attestation>,
    /// Bytes of everything, attestations included.
    pub size: u64,
    /// Manifests and blobs of the image that go along unchanged.
    carried: Vec<Digest>,
}

/// Statements about one image, as a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The manifest: with a subject, or for a tag.
    pub manifest: Manifest,
    /// The tag it goes under; none for a referrer.
    pub tag: Option<String>,
}

/// One entry of the index.
struct Entry<'a> {
    listed: &'a Descriptor,
    /// What it attests, when it is an attestation.
    about: Option<&'a str>,
    kept: bool,
}

/// What a rendition makes of an image; `None` when that is the image as it was built.
///
/// # Errors
/// A platform that the image does not have or does not tell, attestations of something the index does not list, statements that cannot be
/// read: `Integrity`, with the place in the index.
pub fn derive(image: &Closure, rendition: &Rendition) -> Result<Option<Derivation>, StoreError> {
    let Some(index) = image.root_manifest().filter(|root| root.kind == ManifestKind::Index) else { return Ok(None) };
    let wrong = |problem: String| StoreError::integrity(Path::new(image.root.digest.as_str()), problem);
    let entries = choose(index, rendition).map_err(wrong)?;
    if entries.iter().all(|entry| entry.kept) {
        return Ok(None);
    }
    let kept: Vec<bool> = entries.iter().map(|entry| entry.kept).collect();
    let root = with_entries(index, &kept).map_err(|error| wrong(format!("its index: {error}")))?;
    let manifests: HashMap<&Digest, &Manifest> = image.manifests.iter().map(|(listed, manifest)| (&listed.digest, manifest)).collect();
    let mut attestations = Vec::new();
    for image in entries.iter().filter(|entry| entry.kept) {
        let about = |entry: &&Entry<'_>| entry.about == Some(image.listed.digest.as_str());
        let statements: Vec<&Manifest> =
            entries.iter().filter(about).filter_map(|entry| manifests.get(&entry.listed.digest).copied()).collect();
        let made = match rendition.attestations {
            AttestationForm::Index | AttestationForm::None => Ok(Vec::new()),
            AttestationForm::Referrers => as_referrers(image.listed, &statements),
            AttestationForm::Tag => under_a_tag(image.listed, &statements),
        };
        attestations.extend(made.map_err(|error| wrong(format!("the attestations of {}: {error}", image.listed.digest)))?);
    }
    let carried = carried(image, &manifests, &root, &attestations);
    let sizes: HashMap<&Digest, u64> = image
        .manifests
        .iter()
        .map(|(listed, manifest)| (&listed.digest, manifest.raw.len() as u64))
        .chain(image.blobs.iter().map(|blob| (&blob.digest, blob.size)))
        .collect();
    let own = attestations.iter().map(|attestation| &attestation.manifest).chain([&root]).map(|manifest| manifest.raw.len() as u64);
    let empty = if attestations.is_empty() { 0 } else { EMPTY_JSON.len() as u64 };
    let size = own.sum::<u64>() + empty + carried.iter().filter_map(|digest| sizes.get(digest)).sum::<u64>();
    Ok(Some(Derivation { root, attestations, size, carried }))
}

impl Derivation {
    /// Writes it as a layout of its own, which lists the index and every attestation; what is carried along is linked from the image's layout.
    pub fn write(&self, image: &Layout, into: &Path) -> Result<Layout, StoreError> {
        let writer = LayoutWriter::create(into)?;
        for digest in &self.carried {
            writer.copy_blob_from(image, digest)?;
        }
        let mut roots = vec![writer.put_bytes(&self.root.media_type, &self.root.raw)?];
        if !self.attestations.is_empty() {
            writer.put_bytes(media_type::OCI_EMPTY, EMPTY_JSON)?;
        }
        for Attestation { manifest, .. } in &self.attestations {
            roots.push(writer.put_bytes(&manifest.media_type, &manifest.raw)?);
        }
        writer.finish_with(&roots)
    }
}

/// Which entries of an index stay.
fn choose<'a>(index: &'a Manifest, rendition: &Rendition) -> Result<Vec<Entry<'a>>, String> {
    let mut entries = Vec::with_capacity(index.manifests.len());
    let mut found = HashSet::new();
    for listed in &index.manifests {
        let about = attestation::attested_by(&listed.annotations);
        let platform = listed.platform.as_ref().and_then(crate::core::oci::DescriptorPlatform::platform);
        let kept = match (about, platform) {
            (Some(_), _) => false,
            (None, Some(platform)) => {
                let keeps = rendition.keeps(&platform);
                found.insert(platform.normalized());
                keeps
            }
            (None, None) if rendition.platforms.is_empty() => true,
            (None, None) => return Err(format!("it lists {} without a platform, so that none can be left out", listed.digest)),
        };
        entries.push(Entry { listed, about, kept });
    }
    if let Some(missing) = rendition.platforms.iter().find(|platform| !found.contains(*platform)) {
        return Err(format!("it has no image for {missing}"));
    }
    let listed: HashSet<&str> = entries.iter().filter(|entry| entry.about.is_none()).map(|entry| entry.listed.digest.as_str()).collect();
    let kept: HashSet<&str> = entries.iter().filter(|entry| entry.kept).map(|entry| entry.listed.digest.as_str()).collect();
    for entry in &mut entries {
        let Some(about) = entry.about else { continue };
        match rendition.attestations {
            AttestationForm::None => {}
            // As they were built, also those about nobody; only what attests a platform that is left out goes with it.
            AttestationForm::Index => entry.kept = kept.contains(about) || !listed.contains(about),
            AttestationForm::Referrers | AttestationForm::Tag if listed.contains(about) => {}
            AttestationForm::Referrers | AttestationForm::Tag => {
                let about = if about.is_empty() { "nothing" } else { about };
                return Err(format!("{} attests {about}, which it does not list", entry.listed.digest));
            }
        }
    }
    Ok(entries)
}

/// The index with some of its entries; these, and everything else it says, stay byte for byte.
fn with_entries(index: &Manifest, kept: &[bool]) -> Result<Manifest, String> {
    let text = std::str::from_utf8(&index.raw).map_err(|error| error.to_string())?;
    let members = members::of_object(text).map_err(|error| error.to_string())?;
    let mut lines = Vec::with_capacity(members.len());
    for (name, value) in &members {
        let value = if name == "manifests" {
            let entries: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
            let kept: Vec<&str> = entries.iter().zip(kept).filter(|(_, kept)| **kept).map(|(entry, _)| entry.get()).collect();
            format!("[{}]", kept.join(","))
        } else {
            value.get().to_owned()
        };
        lines.push(format!("{}:{value}", serde_json::Value::from(name.as_str())));
    }
    Manifest::parse(format!("{{{}}}", lines.join(",")).into_bytes()).map_err(|error| error.to_string())
}

/// Each statement as a manifest that refers to the image: who looks for provenance need not fetch the SBOM.
fn as_referrers(image: &Descriptor, attestations: &[&Manifest]) -> Result<Vec<Attestation>, String> {
    let mut made = Vec::new();
    for statement in statements(attestations)? {
        let kind = if statement.listed.media_type.is_empty() { attestation::IN_TOTO } else { statement.listed.media_type.as_str() };
        let predicate = statement.listed.annotations.get(attestation::PREDICATE_TYPE);
        let annotations = predicate.map(|predicate| (attestation::PREDICATE_TYPE, predicate.as_str())).into_iter().collect();
        let subject = Descriptor::new(&image.media_type, image.digest.clone(), image.size);
        made.push(Attestation { manifest: artifact(kind, &[&statement], Some(subject), annotations)?, tag: None });
    }
    Ok(made)
}

/// All statements as one manifest: a tag names one. It has no subject, so that it is found by its tag alone, also where a
/// registry knows nothing of subjects.
fn under_a_tag(image: &Descriptor, attestations: &[&Manifest]) -> Result<Vec<Attestation>, String> {
    let statements = statements(attestations)?;
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<&Statement<'_>> = statements.iter().collect();
    let manifest = artifact(attestation::IN_TOTO, &all, None, BTreeMap::new())?;
    Ok(vec![Attestation { manifest, tag: Some(attestation::tag_of(&image.digest)) }])
}

/// A layer of an attestation manifest, read and as it stands there.
struct Statement<'a> {
    listed: &'a Descriptor,
    raw: &'a RawValue,
}

fn statements<'a>(attestations: &[&'a Manifest]) -> Result<Vec<Statement<'a>>, String> {
    #[derive(Deserialize)]
    struct Layers<'a> {
        #[serde(borrow, default)]
        layers: Option<Vec<&'a RawValue>>,
    }
    let mut all = Vec::new();
    for manifest in attestations {
        let Layers { layers } = serde_json::from_slice(&manifest.raw).map_err(|error| error.to_string())?;
        all.extend(manifest.layers.iter().zip(layers.unwrap_or_default()).map(|(listed, raw)| Statement { listed, raw }));
    }
    Ok(all)
}

/// A manifest that carries statements (image-spec 1.1, "Guidelines for Artifact Usage").
fn artifact(
    kind: &str,
    statements: &[&Statement<'_>],
    subject: Option<Descriptor>,
    annotations: BTreeMap<&str, &str>,
) -> Result<Manifest, String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        schema_version: u8,
        media_type: &'a str,
        artifact_type: &'a str,
        config: Descriptor,
        layers: Vec<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<Descriptor>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: BTreeMap<&'a str, &'a str>,
    }
    let document = Document {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        artifact_type: kind,
        config: Descriptor { data: Some("e30=".to_owned()), ..Descriptor::of(media_type::OCI_EMPTY, EMPTY_JSON) },
        layers: statements.iter().map(|statement| statement.raw).collect(),
        subject,
        annotations,
    };
    let bytes = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
    if bytes.len() > MAX_MANIFEST_SIZE {
        return Err(format!("a manifest of {} bytes; registries accept at most {MAX_MANIFEST_SIZE}", bytes.len()));
    }
    Manifest::parse(bytes).map_err(|error| error.to_string())
}

/// What of the image goes along, in the order of its closure: manifests below the kept entries, their blobs, and the statements.
fn carried(image: &Closure, manifests: &HashMap<&Digest, &Manifest>, root: &Manifest, attestations: &[Attestation]) -> Vec<Digest> {
    let mut wanted: HashSet<&Digest> = HashSet::new();
    let mut pending: Vec<&Manifest> = vec![root];
    while let Some(manifest) = pending.pop() {
        wanted.extend(manifest.blobs().map(|blob| &blob.digest));
        for child in &manifest.manifests {
            if wanted.insert(&child.digest)
                && let Some(below) = manifests.get(&child.digest)
            {
                pending.push(below);
            }
        }
    }
    wanted.extend(attestations.iter().flat_map(|attestation| &attestation.manifest.layers).map(|layer| &layer.digest));
    image.digests().filter(|digest| wanted.contains(digest)).cloned().collect()
}

#[cfg(test)]
mod tests;
