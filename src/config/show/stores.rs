//! Artifact stores in the vocabulary of the file.

use schemars::JsonSchema;
use serde::Serialize;

use super::ShownCondition;
use crate::config::resolved::{ArtifactStore, Publish, StorePublish, TagPolicy};
use crate::core::{StorePlace, StoreSpec};

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct ShownStore<'c> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fsync: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'c str>,
    write_once: bool,
}

impl<'c> ShownStore<'c> {
    pub(super) fn new(store: &'c ArtifactStore) -> Self {
        let ArtifactStore { spec, registry } = store;
        let StoreSpec { name: _, write_once, credentials, ca_file, place } = spec;
        let shown = Self { kind: place.kind(), write_once: *write_once, ..Self::default() };
        let shown = match place {
            // The registry says the rest.
            StorePlace::Oci { path, .. } => return Self { registry: registry.as_deref(), path: Some(path), ..shown },
            StorePlace::File { dir, fsync } => Self { dir: Some(dir), fsync: Some(*fsync), ..shown },
            StorePlace::Memory => shown,
            StorePlace::S3 { bucket, prefix, region, endpoint } => {
                Self { bucket: Some(bucket), prefix: prefix.as_deref(), region: region.as_deref(), endpoint: endpoint.as_deref(), ..shown }
            }
            StorePlace::Gcs { bucket, prefix, endpoint } => {
                Self { bucket: Some(bucket), prefix: prefix.as_deref(), endpoint: endpoint.as_deref(), ..shown }
            }
            StorePlace::Azure { account, container, prefix, endpoint } => Self {
                account: Some(account),
                container: Some(container),
                prefix: prefix.as_deref(),
                endpoint: endpoint.as_deref(),
                ..shown
            },
        };
        Self { credentials: credentials.as_deref(), ca_file: ca_file.as_deref(), ..shown }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownStorePublish<'c> {
    kind: &'static str,
    build: &'c [String],
    store: &'c str,
    path: &'c str,
    moving: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
}

impl<'c> ShownStorePublish<'c> {
    pub(super) fn new(publish: &'c Publish, kind: &'c StorePublish) -> Self {
        let Publish { id: _, when, required, kind: _ } = publish;
        let StorePublish { builds, store, path, policy } = kind;
        let moving = match policy {
            TagPolicy::Immutable => "never",
            TagPolicy::Forward => "forward",
            TagPolicy::Any => "any",
        };
        let when = when.iter().map(ShownCondition::new).collect();
        Self { kind: "store", build: builds, store, path, moving, when, required: *required }
    }
}
