//! `.stagefreight/builds.json`: how each artifact came to be. What review's policy asks of origin and base images, and
//! what the outputs manifest has no field for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the file's JSON form.
pub const BUILDS_SCHEMA_VERSION: &str = "1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuildRecords {
    /// `"1"`.
    pub schema_version: String,
    /// Checksum of the outputs manifest this belongs to.
    pub outputs_checksum: String,
    /// One per artifact.
    pub builds: Vec<BuildRecord>,
}

/// How one artifact came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    /// Artifact id.
    pub artifact: String,
    /// Where the bytes come from.
    pub origin: Origin,
    /// Builder that made them, or the destination or the files they were adopted from.
    pub by: String,
    /// Base images; `None` when they are not known (adopted bytes).
    pub bases: Option<Vec<Base>>,
    /// Build arguments. Values that look secret are masked before they get here.
    pub args: BTreeMap<String, String>,
    /// Of an archive: ids of the artifacts in it, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// Where an artifact's bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built by this run.
    Built,
    /// Taken as it is: by digest from an immutable destination that already held our revision, or from another builder.
    Adopted,
}

/// A base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// As named, with its host.
    pub reference: String,
    /// Digest it resolved to; empty when the builder did not tell.
    pub digest: String,
}
