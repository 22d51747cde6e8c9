//! The record of one pull.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientReceipt;
use super::push::{AdapterReceipt, TargetReceipt};

/// One pull that ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PullReceipt {
    /// `1`.
    pub receipt_version: u32,
    /// `pull`.
    pub kind: String,
    /// When, RFC 3339 with milliseconds.
    pub created_at: String,
    /// The remote, by its name in the config.
    pub remote: String,
    /// The environment of the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Where at the remote.
    pub target: TargetReceipt,
    /// What was asked for: `latest`, `digest …`, `version …`, `release …`.
    pub requested: String,
    /// What was brought.
    pub pack: PulledPack,
    /// Its bytes are those that were asked for and promised.
    pub verified: bool,
    /// Address they came from, without credentials and query.
    pub from: String,
    /// Which adapter did it.
    pub adapter: AdapterReceipt,
    /// What is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Who wrote this.
    pub client: ClientReceipt,
    /// Hash of everything above.
    #[serde(default)]
    pub checksum: String,
}

/// What was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PulledPack {
    /// Where it lies.
    pub output_path: String,
    /// Hash of its bytes.
    pub digest: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Stream it belongs to, as the remote says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// When it was released, as the remote says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Id of its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Labels it was pushed with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}
