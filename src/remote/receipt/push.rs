//! The record of one push.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientReceipt;

/// How far a push is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushStatus {
    /// It began. No release was asked for.
    Begun,
    /// The bytes are there. No release was asked for.
    Uploaded,
    /// The release was asked for, and no answer is known.
    Finalizing,
    /// The release exists.
    Released,
    /// It failed before a release was asked for, or the remote said that none was made.
    Failed,
}

impl PushStatus {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Uploaded => "uploaded",
            Self::Finalizing => "finalizing",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }
}

/// One push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushReceipt {
    /// `1`.
    pub receipt_version: u32,
    /// `push`.
    pub kind: String,
    /// How far it is.
    pub status: PushStatus,
    /// When it began, RFC 3339 with milliseconds.
    pub created_at: String,
    /// When this was last written.
    pub updated_at: String,
    /// The same for every attempt to make this release.
    pub idempotency_key: String,
    /// Ids of the requests, by command.
    pub request_ids: BTreeMap<String, String>,
    /// The remote, by its name in the config.
    pub remote: String,
    /// The environment of the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Where at the remote.
    pub target: TargetReceipt,
    /// What was pushed.
    pub pack: PackReceipt,
    /// The release, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseReceipt>,
    /// Version, channel, labels and so on, as they were sent.
    pub sent: SentReceipt,
    /// Addresses for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Records of runs.
    pub runs: RunsReceipt,
    /// Which adapter did it.
    pub adapter: AdapterReceipt,
    /// Where the bytes went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadReceipt>,
    /// Files that went with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<SidecarReceipt>,
    /// Seconds each part took.
    pub timings: Timings,
    /// What is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who wrote this.
    pub client: ClientReceipt,
    /// Hash of everything above.
    #[serde(default)]
    pub checksum: String,
}

/// Where at the remote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetReceipt {
    /// Workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackReceipt {
    /// Path of the file on the machine that pushed it.
    pub path: String,
    /// Its name at the remote.
    pub name: String,
    /// Identity of its content.
    pub digest: String,
    /// Hash of its bytes.
    pub file_digest: String,
    /// Bytes.
    pub size_bytes: u64,
}

/// The release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseReceipt {
    /// Its id at the remote.
    pub release_id: String,
    /// What it holds, as the remote says.
    pub pack_digest: String,
    /// When it was made, as the remote says; empty when it does not.
    pub created_at: String,
    /// How others name it; empty when the remote does not say.
    pub canonical_ref: String,
    /// A person said so (`receipt settle`), not the adapter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled_by_hand: bool,
}

/// What was said of the release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentReceipt {
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Not for everybody yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerelease: bool,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What is known of the build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build_context: BTreeMap<String, String>,
}

/// Records of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsReceipt {
    /// Ids the remote has.
    #[serde(default)]
    pub synced: Vec<String>,
    /// Ids it does not have.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Outputs it did not take, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_outputs: Vec<String>,
}

/// Which adapter did it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdapterReceipt {
    /// Its name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
    /// Hash of its bytes.
    pub digest: String,
    /// They are those of the lockfile.
    pub verified: bool,
    /// The same key never makes a second release, as it says itself.
    pub idempotent: bool,
}

/// Where the bytes went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadReceipt {
    /// The adapter had them already, or sent them itself.
    pub skipped: bool,
    /// Address without credentials and query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Bytes this program sent.
    pub bytes: u64,
}

/// A file that went with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SidecarReceipt {
    /// Its name at the remote.
    pub name: String,
    /// Hash of its bytes.
    pub file_digest: String,
    /// Bytes.
    pub size_bytes: u64,
}

/// Seconds each part took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timings {
    /// `push.prepare`.
    pub prepare: f64,
    /// The transfer.
    pub upload: f64,
    /// `push.finalize`.
    pub finalize: f64,
    /// `runs.sync`.
    pub runs: f64,
}
