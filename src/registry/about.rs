//! What an image tells of itself: revision, version, time.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::client::{Access, Client};
use super::error::{RegistryError, RegistryErrorKind};
use super::manifests::Found;
use crate::core::Digest;
use crate::core::oci::{Descriptor, Manifest, ManifestKind};
use crate::names::label;
use crate::store::Layout;

/// The most a config that is only read for its labels may weigh.
const MAX_CONFIG: u64 = 4 * 1024 * 1024;

/// Facts from an image's labels, or from the annotations of its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Commit.
    pub revision: Option<String>,
    /// Version of the contents.
    pub version: Option<String>,
    /// When it was made.
    pub created: Option<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    config: Option<Inner>,
}

#[derive(Default, Deserialize)]
struct Inner {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

impl About {
    /// From the bytes of an image config and its manifest's annotations. Labels win.
    pub fn of_config(config: &[u8], annotations: &BTreeMap<String, String>) -> Self {
        let config: Option<Config> = serde_json::from_slice(config).ok();
        let labels = config.as_ref().and_then(|config| config.config.as_ref()?.labels.clone()).unwrap_or_default();
        let told = |name: &str| {
            let text = labels.get(name).or_else(|| annotations.get(name))?;
            // Others wrote this and people will read it.
            let clean: String = text.chars().filter(|c| !c.is_control()).take(128).collect();
            (!clean.is_empty()).then_some(clean)
        };
        let created = told(label::CREATED).or_else(|| config.as_ref()?.created.clone().filter(|text| text.len() <= 64));
        Self { revision: told(label::REVISION), version: told(label::VERSION), created }
    }

    /// Reads it from a layout: of an index, the first platform's image tells.
    pub fn of_layout(layout: &Layout, root: &Digest) -> Result<Self, RegistryError> {
        let mut manifest = layout.read_manifest(root)?;
        if manifest.kind == ManifestKind::Index {
            let Some(image) = first_image(&manifest) else { return Ok(Self::of_config(b"", &manifest.annotations)) };
            manifest = layout.read_manifest(&image.digest.clone())?;
        }
        let Some(config) = manifest.config.as_ref().filter(|config| config.size <= MAX_CONFIG) else {
            return Ok(Self::of_config(b"", &manifest.annotations));
        };
        Ok(Self::of_config(&layout.read_blob(&config.digest, MAX_CONFIG)?, &manifest.annotations))
    }

    /// Reads it from the registry: of an index, the first platform's image tells.
    pub async fn fetch(client: &Client, path: &str, found: &Found, cancel: &CancellationToken) -> Result<Self, RegistryError> {
        let child;
        let mut manifest: &Manifest = &found.manifest;
        if manifest.kind == ManifestKind::Index {
            let Some(image) = first_image(manifest) else { return Ok(Self::of_config(b"", &manifest.annotations)) };
            let missing = || {
                RegistryError::new(
                    RegistryErrorKind::NotFound,
                    format!("{}/{path}: {} is listed but not there", client.host(), image.digest),
                )
            };
            child = client.get_manifest(path, image.digest.as_str(), Access::Pull, cancel).await?.ok_or_else(missing)?;
            manifest = &child.manifest;
        }
        let Some(config) = manifest.config.as_ref().filter(|config| config.size <= MAX_CONFIG) else {
            return Ok(Self::of_config(b"", &manifest.annotations));
        };
        let bytes = client.get_small_blob(path, config, MAX_CONFIG, cancel).await?;
        Ok(Self::of_config(&bytes, &manifest.annotations))
    }

    /// `version 1.4.0, revision 1a2b3c4d5e6f, made 2026-07-01T12:00:00Z`, as far as known.
    pub fn describe(&self) -> Option<String> {
        let version = self.version.as_ref().map(|version| format!("version {version}"));
        let revision = self.revision.as_ref().map(|revision| format!("revision {}", revision.chars().take(12).collect::<String>()));
        let created = self.created.as_ref().map(|created| format!("made {created}"));
        let parts: Vec<String> = [version, revision, created].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

// Attestations have an unknown platform.
fn first_image(index: &Manifest) -> Option<&Descriptor> {
    index.manifests.iter().find(|entry| entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown"))
}
