//! `push.prepare` and `push.finalize`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuthHints, Command, FinalizePack, Message, PackInfo, ReleaseInfo, ReleaseResult, Sidecar, TargetConfig, UploadInfo};

/// Begins a push.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PrepareRequest {
    /// Name of the remote in the config.
    #[serde(default)]
    pub remote: String,
    /// Where at the remote.
    #[serde(default)]
    pub target: TargetConfig,
    /// The file.
    pub pack: PackInfo,
    /// What is said of the release.
    #[serde(default)]
    pub release: ReleaseInfo,
    /// As whom, when that is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<AuthHints>,
    /// *Additive.* The same for every attempt to make this one release; see `features.idempotent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// *Additive.* Files that travel with the pack; only sent to adapters with `features.sidecars`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<Sidecar>,
}

/// Where the bytes shall go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareResponse {
    /// Where to send them.
    pub upload: UploadInfo,
    /// Handed back in `push.finalize`; opaque to the host.
    pub finalize_token: String,
    /// *Additive.* Where to send each sidecar, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sidecar_uploads: BTreeMap<String, UploadInfo>,
}

/// Makes the release of what was uploaded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FinalizeRequest {
    /// Name of the remote in the config.
    #[serde(default)]
    pub remote: String,
    /// Where at the remote.
    #[serde(default)]
    pub target: TargetConfig,
    /// The file.
    pub pack: FinalizePack,
    /// What `push.prepare` answered.
    pub finalize_token: String,
    /// *Additive.* As in `push.prepare`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The release that exists now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FinalizeResponse {
    /// The release.
    pub release: ReleaseResult,
    /// Addresses for people: `view`, `share`, `release`, `pack`, or others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Whatever else the adapter says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
}

impl Message for PrepareRequest {
    const COMMAND: Command = Command::PushPrepare;
    type Response = PrepareResponse;
}

impl Message for FinalizeRequest {
    const COMMAND: Command = Command::PushFinalize;
    type Response = FinalizeResponse;
}
