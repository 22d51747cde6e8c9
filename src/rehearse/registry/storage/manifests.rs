//! Manifests and the tags that name them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::blobs::found;
use super::{Storage, below};
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE, Manifest};
use crate::core::{Digest, Tag};
use crate::fs;

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its digest, of the algorithm it was asked for with.
    pub digest: Digest,
    /// Media type it was pushed with.
    pub media_type: String,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A tag.
    Tag(Tag),
    /// A digest.
    Digest(Digest),
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(rename = "mediaType")]
    media_type: String,
}

impl Storage {
    /// The manifest a tag or digest names.
    pub fn manifest(&self, name: &str, target: &Target) -> fs::Result<Option<Stored>> {
        let digest = match target {
            Target::Digest(digest) => digest.clone(),
            Target::Tag(tag) => match self.tag(name, tag)? {
                Some(digest) => digest,
                None => return Ok(None),
            },
        };
        let (bytes, record) = self.manifest_paths(name, &digest);
        let Some(record) = found(fs::read_bounded(&record, 4096))? else { return Ok(None) };
        let Some(raw) = found(fs::read_bounded(&bytes, (MAX_MANIFEST_SIZE * 4) as u64))? else { return Ok(None) };
        let Ok(record) = serde_json::from_slice::<Record>(&record) else { return Ok(None) };
        Ok(Some(Stored { digest, media_type: record.media_type, raw }))
    }

    /// Size of a manifest the repository holds.
    pub fn manifest_size(&self, name: &str, digest: &Digest) -> fs::Result<Option<u64>> {
        let (bytes, record) = self.manifest_paths(name, digest);
        if fs::exists(&record) { found(fs::size_of(&bytes)) } else { Ok(None) }
    }

    /// Stores a manifest and points the tags at it, after `check` agreed. Everything happens under the repository's
    /// lock: what `check` saw still holds when the tag moves.
    pub fn put_manifest<E: From<crate::core::PathError>>(
        &self,
        name: &str,
        manifest: &Manifest,
        stored: &Stored,
        tags: &[Tag],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _held = self.lock(name)?;
        check()?;
        let (bytes, record) = self.manifest_paths(name, &stored.digest);
        let known = self.manifest(name, &Target::Digest(stored.digest.clone()))?;
        if known.is_none_or(|known| known.raw != stored.raw || known.media_type != stored.media_type) {
            fs::write_atomic(&bytes, &stored.raw, 0o644)?;
            let text = serde_json::json!({ "mediaType": stored.media_type }).to_string();
            fs::write_atomic(&record, text.as_bytes(), 0o644)?;
        }
        if let Some(subject) = &manifest.subject {
            self.add_referrer(name, &subject.digest, &descriptor(manifest, stored))?;
        }
        for tag in tags {
            if self.tag(name, tag)?.as_ref() != Some(&stored.digest) {
                fs::write_atomic(&self.tag_path(name, tag), stored.digest.as_str().as_bytes(), 0o644)?;
            }
        }
        Ok(())
    }

    /// Removes a manifest and every tag that names it, after `check` agreed to the tags. `false` when there is none.
    pub fn delete_manifest<E: From<crate::core::PathError>>(
        &self,
        name: &str,
        digest: &Digest,
        check: impl FnOnce(&[Tag]) -> Result<(), E>,
    ) -> Result<bool, E> {
        if !self.has_repository(name) {
            return Ok(false);
        }
        let _held = self.lock(name)?;
        let Some(stored) = self.manifest(name, &Target::Digest(digest.clone()))? else { return Ok(false) };
        let mut tags = Vec::new();
        for tag in self.all_tags(name)? {
            if self.tag(name, &tag)?.as_ref() == Some(digest) {
                tags.push(tag);
            }
        }
        check(&tags)?;
        for tag in &tags {
            fs::remove_file(&self.tag_path(name, tag))?;
        }
        if let Some(subject) = Manifest::parse(stored.raw).ok().and_then(|manifest| manifest.subject) {
            self.remove_referrer(name, &subject.digest, digest)?;
        }
        let (bytes, record) = self.manifest_paths(name, digest);
        fs::remove_file(&record)?;
        fs::remove_file(&bytes)?;
        Ok(true)
    }

    /// The digest a tag names.
    pub fn tag(&self, name: &str, tag: &Tag) -> fs::Result<Option<Digest>> {
        let text = found(fs::read_bounded(&self.tag_path(name, tag), 4096))?;
        Ok(text.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok()))
    }

    /// Removes a tag; the manifest stays. `false` when there is none.
    pub fn delete_tag(&self, name: &str, tag: &Tag) -> fs::Result<bool> {
        if !self.has_repository(name) {
            return Ok(false);
        }
        let _held = self.lock(name)?;
        fs::remove_file(&self.tag_path(name, tag))
    }

    /// Tags in byte order after `last`, at most `limit`, and whether there are more.
    pub fn tags(&self, name: &str, last: &str, limit: usize) -> fs::Result<(Vec<Tag>, bool)> {
        let mut tags = self.all_tags(name)?;
        tags.retain(|tag| tag.as_str() > last);
        let more = tags.len() > limit;
        tags.truncate(limit);
        Ok((tags, more))
    }

    fn all_tags(&self, name: &str) -> fs::Result<Vec<Tag>> {
        // Temporary siblings begin with a dot, which no tag does.
        let names = fs::names_in(&self.repository(name).join("_tags"))?;
        Ok(names.into_iter().filter_map(|name| name.parse().ok()).collect())
    }

    fn tag_path(&self, name: &str, tag: &Tag) -> PathBuf {
        self.repository(name).join("_tags").join(tag.as_str())
    }

    fn manifest_paths(&self, name: &str, digest: &Digest) -> (PathBuf, PathBuf) {
        let bytes = below(&self.repository(name).join("_manifests"), digest);
        let record = bytes.with_extension("json");
        (bytes, record)
    }
}

/// How a referrer is listed (specification, "Listing Referrers"): an image without `artifactType` is what its config is.
fn descriptor(manifest: &Manifest, stored: &Stored) -> Descriptor {
    let by_config = || manifest.config.as_ref().map(|config| config.media_type.clone());
    let artifact_type = manifest.artifact_type.clone().filter(|text| !text.is_empty()).or_else(by_config);
    Descriptor {
        media_type: stored.media_type.clone(),
        digest: stored.digest.clone(),
        size: stored.raw.len() as u64,
        urls: Vec::new(),
        annotations: manifest.annotations.clone(),
        data: None,
        artifact_type,
        platform: None,
    }
}
