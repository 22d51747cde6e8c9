//! BuildKit's caches in a registry: the implementation of `build`'s port over the distribution API.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::client::{Access, Client};
use super::error::{RegistryError, RegistryErrorKind};
use super::manifests::Found;
use crate::build::{CacheTags, Stamp, TagFacts};
use crate::core::oci::{Descriptor, Manifest};
use crate::core::{BoxFuture, Digest, Timestamp};
use crate::error::{Error, Result};
use crate::names::annotation;

/// BuildKit's description of a cache: its layers, and what each is the result of.
const CACHE_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";

/// The most such a description may weigh.
const MAX_CACHE_CONFIG: u64 = 32 * 1024 * 1024;

/// The cache tags of one repository at a registry.
#[derive(Debug, Clone)]
pub struct RegistryCacheTags {
    client: Arc<Client>,
    path: String,
}

#[derive(Deserialize)]
struct CacheConfig {
    #[serde(default)]
    layers: Vec<CacheLayer>,
}

#[derive(Deserialize)]
struct CacheLayer {
    #[serde(default)]
    annotations: Option<CacheLayerAnnotations>,
}

#[derive(Deserialize)]
struct CacheLayerAnnotations {
    #[serde(default, rename = "createdAt")]
    created_at: Option<String>,
}

impl RegistryCacheTags {
    /// Of this repository.
    pub fn new(client: Arc<Client>, path: &str) -> Self {
        Self { client, path: path.to_owned() }
    }

    async fn facts(&self, tag: &str, cancel: &CancellationToken) -> Result<Option<TagFacts>, RegistryError> {
        let Some(found) = self.client.get_manifest(&self.path, tag, Access::Pull, cancel).await? else { return Ok(None) };
        let annotations = &found.manifest.annotations;
        let stamped = annotations.get(annotation::CACHE_WRITTEN).and_then(|text| Timestamp::parse(text).ok());
        let written = match stamped {
            Some(written) => Some(written),
            None => self.newest_layer(&found, cancel).await?,
        };
        Ok(Some(TagFacts {
            written,
            repository: annotations.get(annotation::CACHE_REPOSITORY).cloned(),
            lists: found.manifest.manifests.iter().map(|entry| entry.digest.clone()).collect(),
            digest: found.digest,
        }))
    }

    /// When the newest layer of a cache was made. Not when the tag was written, but never later than that.
    async fn newest_layer(&self, found: &Found, cancel: &CancellationToken) -> Result<Option<Timestamp>, RegistryError> {
        let manifest = &found.manifest;
        let is_config = |descriptor: &&Descriptor| descriptor.media_type == CACHE_CONFIG && descriptor.size <= MAX_CACHE_CONFIG;
        // BuildKit's older form is an index that lists its layers and this among them.
        let Some(config) = manifest.config.iter().chain(&manifest.manifests).find(is_config) else { return Ok(None) };
        let bytes = self.client.get_small_blob(&self.path, config, MAX_CACHE_CONFIG, cancel).await?;
        let Ok(config) = serde_json::from_slice::<CacheConfig>(&bytes) else { return Ok(None) };
        let times = config.layers.into_iter().filter_map(|layer| Timestamp::parse(&layer.annotations?.created_at?).ok());
        Ok(times.max())
    }

    async fn put_stamp(&self, tag: &str, stamp: &Stamp, cancel: &CancellationToken) -> Result<(), RegistryError> {
        let protocol = |why: String| RegistryError::new(RegistryErrorKind::Protocol, format!("mark {}:{tag}: {why}", self.place()));
        let found = self.client.get_manifest(&self.path, tag, Access::Push, cancel).await?;
        let found = found.ok_or_else(|| protocol("it is not there".to_owned()))?;
        let mut document: Value = serde_json::from_slice(&found.manifest.raw).map_err(|error| protocol(error.to_string()))?;
        let annotations = document
            .as_object_mut()
            .map(|document| document.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::default())));
        let Some(Value::Object(annotations)) = annotations else { return Err(protocol("its annotations are none".to_owned())) };
        annotations.insert(annotation::CACHE_WRITTEN.to_owned(), stamp.written.to_string().into());
        annotations.insert(annotation::CACHE_REPOSITORY.to_owned(), stamp.repository.to_string().into());
        let raw = serde_json::to_vec(&document).map_err(|error| protocol(error.to_string()))?;
        let digest = Digest::of(&raw);
        let marked = Manifest::parse(raw).map_err(|error| protocol(error.to_string()))?;
        self.client.put_manifest(&self.path, tag, &marked, &digest, cancel).await.map(|_| ())
    }

    /// By tag, which leaves the manifest to others who name it; where the registry does not know that, by digest.
    async fn delete_tag(&self, tag: &str, digest: &Digest, cancel: &CancellationToken) -> Result<(), RegistryError> {
        let by_tag = self.client.delete_manifest(&self.path, tag, cancel).await;
        match by_tag {
            Err(error) if !matches!(error.kind, RegistryErrorKind::Rejected | RegistryErrorKind::NotFound) => return Err(error),
            _ => {}
        }
        if self.client.head_manifest(&self.path, tag, Access::Push, cancel).await?.is_none_or(|now| now != *digest) {
            return Ok(());
        }
        self.client.delete_manifest(&self.path, digest.as_str(), cancel).await?;
        if self.client.head_manifest(&self.path, tag, Access::Push, cancel).await?.is_some_and(|now| now == *digest) {
            return Err(RegistryError::new(
                RegistryErrorKind::Rejected,
                format!("delete {}:{tag}: the registry says it is deleted, and it is still there", self.place()),
            ));
        }
        Ok(())
    }
}

impl CacheTags for RegistryCacheTags {
    fn place(&self) -> String {
        format!("{}/{}", self.client.host(), self.path)
    }

    fn list<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { self.client.tags(&self.path, cancel).await.map_err(Error::from) })
    }

    fn read<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagFacts>>> {
        Box::pin(async move { self.facts(tag, cancel).await.map_err(Error::from) })
    }

    fn stamp<'a>(&'a self, tag: &'a str, stamp: &'a Stamp, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.put_stamp(tag, stamp, cancel).await.map_err(Error::from) })
    }

    fn delete<'a>(&'a self, tag: &'a str, digest: &'a Digest, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.delete_tag(tag, digest, cancel).await.map_err(Error::from) })
    }
}
