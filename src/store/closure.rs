//! Everything a root digest leads to, and the walk that collects it.

use std::collections::HashMap;
use std::path::Path;

use super::{Layout, StoreError};
use crate::core::Digest;
use crate::core::oci::{Descriptor, Manifest, ManifestKind, media_type};

/// Indexes within indexes. Real images have one level, attestations included.
const MAX_DEPTH: usize = 8;
/// Manifests below one root.
const MAX_MANIFESTS: usize = 10_000;
/// Configs and layers below one root.
const MAX_BLOBS: usize = 100_000;

/// What must be present for a root to be complete, in an order in which it can be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The root itself.
    pub root: Descriptor,
    /// Every manifest once, children before the index that lists them; the root is last.
    pub manifests: Vec<(Descriptor, Manifest)>,
    /// Every config and layer once, in the order in which they are met. Foreign layers that are absent are left out.
    pub blobs: Vec<Descriptor>,
    /// Bytes of all manifests and blobs together.
    pub size: u64,
}

impl Closure {
    /// Every digest of the closure once: manifests, then blobs.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.manifests.iter().map(|(descriptor, _)| &descriptor.digest).chain(self.blobs.iter().map(|blob| &blob.digest))
    }

    /// The root's manifest.
    pub fn root_manifest(&self) -> Option<&Manifest> {
        self.manifests.last().map(|(_, manifest)| manifest)
    }
}

pub(super) fn walk(layout: &Layout, root: &Digest) -> Result<Closure, StoreError> {
    let listed = layout.entries()?.into_iter().find(|entry| &entry.digest == root);
    let root = match listed {
        Some(entry) => entry,
        None => layout.read_manifest(root)?.descriptor(),
    };
    let mut walk = Walk { layout, manifests: Vec::new(), blobs: Vec::new(), seen: HashMap::new(), size: 0 };
    walk.manifest(&root, 0)?;
    Ok(Closure { root, manifests: walk.manifests, blobs: walk.blobs, size: walk.size })
}

struct Walk<'a> {
    layout: &'a Layout,
    manifests: Vec<(Descriptor, Manifest)>,
    blobs: Vec<Descriptor>,
    /// Stated size of every digest met, by whether it was met as a manifest.
    seen: HashMap<(Digest, bool), u64>,
    size: u64,
}

impl Walk<'_> {
    fn manifest(&mut self, descriptor: &Descriptor, depth: usize) -> Result<(), StoreError> {
        let path = self.layout.blob_path(&descriptor.digest);
        if depth >= MAX_DEPTH {
            return Err(StoreError::integrity(&path, format!("indexes are nested more than {MAX_DEPTH} deep")));
        }
        if self.met(&path, descriptor, true)? {
            return Ok(());
        }
        if self.seen.len() - self.blobs.len() > MAX_MANIFESTS {
            return Err(StoreError::integrity(&path, format!("more than {MAX_MANIFESTS} manifests below one root")));
        }
        let manifest = self.layout.read_manifest(&descriptor.digest)?;
        stated_size(&path, descriptor, manifest.raw.len() as u64)?;
        // The old index.json of a layout may leave the type out; what a parent states must be what the document is.
        if !descriptor.media_type.is_empty() && descriptor.media_type != manifest.media_type {
            let problem = format!("listed as `{}` but it is `{}`", descriptor.media_type, manifest.media_type);
            return Err(StoreError::integrity(&path, problem));
        }
        if !media_type::is_manifest(&manifest.media_type) {
            return Err(StoreError::integrity(&path, format!("`{}` is not a manifest type we know", manifest.media_type)));
        }
        match manifest.kind {
            ManifestKind::Index => {
                for child in &manifest.manifests {
                    if !media_type::is_manifest(&child.media_type) {
                        let problem = format!("it lists {} as `{}`, which is not a manifest type we know", child.digest, child.media_type);
                        return Err(StoreError::integrity(&path, problem));
                    }
                    self.manifest(child, depth + 1)?;
                }
            }
            ManifestKind::Image => {
                for blob in manifest.blobs() {
                    self.blob(blob)?;
                }
            }
        }
        self.size += manifest.raw.len() as u64;
        self.manifests.push((descriptor.clone(), manifest));
        Ok(())
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<(), StoreError> {
        let path = self.layout.blob_path(&descriptor.digest);
        if self.met(&path, descriptor, false)? {
            return Ok(());
        }
        if self.blobs.len() >= MAX_BLOBS {
            return Err(StoreError::integrity(&path, format!("more than {MAX_BLOBS} blobs below one root")));
        }
        let kind = &descriptor.media_type;
        if !well_formed(kind) || media_type::is_manifest(kind) {
            return Err(StoreError::integrity(&path, format!("`{}` is not the type of a config or layer", kind.escape_debug())));
        }
        if media_type::is_foreign_layer(kind) && !crate::fs::exists(&path) {
            return Ok(());
        }
        let (_, size) = self.layout.open_blob(&descriptor.digest)?;
        stated_size(&path, descriptor, size)?;
        self.size += size;
        self.blobs.push(descriptor.clone());
        Ok(())
    }

    /// Was this digest met before? Then its size must have been the same.
    fn met(&mut self, path: &Path, descriptor: &Descriptor, manifest: bool) -> Result<bool, StoreError> {
        match self.seen.insert((descriptor.digest.clone(), manifest), descriptor.size) {
            None => Ok(false),
            Some(size) if size == descriptor.size => Ok(true),
            Some(size) => {
                let problem = format!("it is listed with {size} bytes and with {} bytes", descriptor.size);
                Err(StoreError::integrity(path, problem))
            }
        }
    }
}

fn stated_size(path: &Path, descriptor: &Descriptor, size: u64) -> Result<(), StoreError> {
    if descriptor.size == size {
        return Ok(());
    }
    Err(StoreError::integrity(path, format!("it is {size} bytes long, but listed with {}", descriptor.size)))
}

/// `type/subtype` as RFC 6838 §4.2 allows it.
fn well_formed(media_type: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty()
            && text.len() <= 127
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    // Parameters such as `; charset=utf-8` say nothing about the type itself.
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    essence.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype))
}
