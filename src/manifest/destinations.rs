//! `.stagefreight/destinations.json`: every destination with its artifact, policy and credential *name*. Written by
//! perform, bound by review, read by publish — which therefore never needs the config.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{HostOptions, Rendition};

/// Version of the file's JSON form.
pub const DESTINATIONS_SCHEMA_VERSION: &str = "1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destinations {
    /// `"1"`.
    pub schema_version: String,
    /// Checksum of the outputs manifest this belongs to.
    pub outputs_checksum: String,
    /// Full commit id the artifacts were made from.
    pub commit: String,
    /// Version of the artifacts.
    pub version: String,
    /// Places the destinations are at.
    pub targets: Vec<DestinationTarget>,
    /// The destinations, in the order of the plan.
    pub destinations: Vec<Destination>,
}

/// A place: everything publish must know to reach it, except the credentials themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationTarget {
    /// Unique name, the registry's id in the config.
    pub name: String,
    /// `registry`.
    pub kind: String,
    /// Provider name.
    pub provider: String,
    /// Host.
    pub host: String,
    /// http instead of https.
    pub plain_http: bool,
    /// Prefix of the credential variables.
    pub credentials: Option<String>,
    /// Certificate authorities, a path relative to the workspace.
    pub ca_file: Option<String>,
    /// Client certificate, concurrency, rate, retries.
    #[serde(default, skip_serializing_if = "HostOptions::is_default")]
    pub options: HostOptions,
    /// What only the room that serves the kind reads. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
}

/// One name that must hold one artifact's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// `ghcr.io/acme/app:1.4.0`, unique in the file.
    pub name: String,
    /// `registry_tag`.
    pub kind: String,
    /// Name of its target.
    pub target: String,
    /// Artifact id, `docker:app`; empty where it holds no artifact of ours, as a release does beside its assets.
    pub artifact: String,
    /// Digest of what it must hold: the artifact's, or that of what it gets of the artifact. Empty without an artifact.
    pub digest: String,
    /// Bytes of everything that goes there.
    pub size: u64,
    /// How what it holds comes from the artifact, where it is not the artifact as it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
    /// Repository path; a forge's project, a prefix.
    pub path: String,
    /// Tag; of a release, its tag; of a package, its version.
    pub tag: String,
    /// What only the room that serves the kind reads. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// `immutable`, `forward` or `any`: what may happen to the tag later.
    pub policy: String,
    /// False: its failure does not fail the run.
    pub required: bool,
    /// Why it is a destination.
    pub why: String,
}

/// What a destination holds instead of the artifact. It follows from the artifact's bytes and the rendition alone, so
/// that every job comes to the same digests (docs/design/0009-attestation-forms.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Digest of the artifact as it was built.
    pub from: String,
    /// What of it goes there.
    pub rendition: Rendition,
    /// Digests of the attestations that refer to its images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<String>,
    /// Tags of attestations, each with the digests of the statements that must be found under it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attestation_tags: BTreeMap<String, Vec<String>>,
}
