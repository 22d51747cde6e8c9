//! What a push says of the release, and what the remote made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a push says of the release it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseInfo {
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// A text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What is known of the build: `git_sha`, `ci_run_url`, `runner_type`, `pipeline_id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build_context: BTreeMap<String, String>,
    /// The same as the older generation reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceInfo>,
    /// *Additive.* Version of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// *Additive.* Channel: `stable`, `beta`, or a word of the config's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// *Additive.* It is not for everybody yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerelease: bool,
}

/// Where the content comes from, as the older generation reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Full commit id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha: Option<String>,
    /// Web address of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_run_url: Option<String>,
}

/// The release the remote made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseResult {
    /// Its id at the remote.
    pub release_id: String,
    /// What it holds: `pack.digest` or `pack.file_digest` of the push.
    pub pack_digest: String,
    /// When it was made, RFC 3339. Written only when known: an empty text breaks old hosts.
    #[serde(default, skip_serializing_if = "super::pack::is_blank")]
    pub created_at: Option<String>,
    /// How others name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_ref: Option<String>,
}
