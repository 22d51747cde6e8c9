//! One line of an index, with every field its writer gave it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::oci::{Descriptor, attestation};
use crate::core::{Digest, Platform};

/// What `index.json` of a layout says about its root that an index says nothing of: names and times of the export.
const OF_THE_LAYOUT: [&str; 4] =
    ["org.opencontainers.image.created", "org.opencontainers.image.ref.name", "io.containerd.image.name", "config.digest"];

/// A descriptor of an index. Unlike [`Descriptor`] it keeps what this program does not use (`os.features`, fields yet
/// to come), and it is written in the order of the OCI image specification's Go types, as BuildKit writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Media type of the manifest.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it may be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urls: Option<Value>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The manifest itself, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Platform it is for; `unknown/unknown` for attestations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<EntryPlatform>,
    /// Type of an artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Fields of later versions of the specification.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// The `platform` of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPlatform {
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// Windows build.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features the system must have.
    #[serde(rename = "os.features", default, skip_serializing_if = "Option::is_none")]
    pub os_features: Option<Vec<String>>,
    /// `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde's skip_serializing_if passes a reference to the field")]
fn is_empty(annotations: &Option<BTreeMap<String, String>>) -> bool {
    annotations.as_ref().is_none_or(BTreeMap::is_empty)
}

impl Entry {
    /// The digest of the manifest this attestation manifest is about; none for everything else.
    pub fn attests(&self) -> Option<&str> {
        attestation::attested_by(self.annotations.as_ref()?)
    }

    /// The platform in its usual name; none where the entry does not tell.
    pub fn platform(&self) -> Option<Platform> {
        self.platform.as_ref().and_then(EntryPlatform::named)
    }

    /// The entry as an index has it: without what only the `index.json` of a layout says about its root.
    #[must_use]
    pub fn of_an_index(mut self) -> Self {
        if let Some(annotations) = &mut self.annotations {
            annotations.retain(|name, _| !OF_THE_LAYOUT.contains(&name.as_str()));
        }
        self
    }
}

impl EntryPlatform {
    /// `linux/arm64`, `linux/arm/v7`; none for `unknown/unknown`.
    pub fn named(&self) -> Option<Platform> {
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty());
        let text = variant
            .map_or_else(|| format!("{}/{}", self.os, self.architecture), |variant| format!("{}/{}/{variant}", self.os, self.architecture));
        let platform: Platform = text.parse().ok()?;
        (platform.os != "unknown").then(|| platform.normalized())
    }

    /// The same with the platform's usual name.
    #[must_use]
    pub fn normalized(self) -> Self {
        match self.named() {
            Some(Platform { os, arch, variant }) => Self { os, architecture: arch, variant, ..self },
            None => self,
        }
    }
}

impl From<&Descriptor> for Entry {
    fn from(descriptor: &Descriptor) -> Self {
        let platform = descriptor.platform.as_ref().map(|platform| EntryPlatform {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            os_features: None,
            variant: platform.variant.clone(),
        });
        Self {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            urls: (!descriptor.urls.is_empty()).then(|| descriptor.urls.clone().into()),
            annotations: Some(descriptor.annotations.clone()),
            data: descriptor.data.clone(),
            platform,
            artifact_type: descriptor.artifact_type.clone(),
            rest: BTreeMap::new(),
        }
    }
}
