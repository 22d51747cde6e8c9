//! `pull.prepare` and `pull.finalize`.

use serde::{Deserialize, Serialize};

use super::{AuthHints, Command, DownloadInfo, Message, PackMetadata, PackRef, TargetConfig};

/// Begins a pull.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PullPrepareRequest {
    /// Name of the remote in the config.
    #[serde(default)]
    pub remote: String,
    /// Where at the remote.
    #[serde(default)]
    pub target: TargetConfig,
    /// Which pack.
    #[serde(rename = "ref", default)]
    pub pack_ref: PackRef,
    /// As whom, when that is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<AuthHints>,
}

/// Where the bytes are and what they must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullPrepareResponse {
    /// Where to read them.
    pub download: DownloadInfo,
    /// What they must be.
    pub pack: PackMetadata,
    /// Handed back in `pull.finalize`; opaque to the host.
    pub finalize_token: String,
}

/// The bytes arrived and are what they should be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PullFinalizeRequest {
    /// Name of the remote in the config.
    #[serde(default)]
    pub remote: String,
    /// Where at the remote.
    #[serde(default)]
    pub target: TargetConfig,
    /// What `pull.prepare` called `pack.digest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The same as the older generation spells it; the host writes both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_digest: Option<String>,
    /// What `pull.prepare` answered.
    #[serde(default)]
    pub finalize_token: String,
}

impl PullFinalizeRequest {
    /// The digest in either spelling.
    pub fn pulled_digest(&self) -> Option<&str> {
        self.digest.as_deref().or(self.pack_digest.as_deref())
    }
}

/// The remote took note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullFinalizeResponse {
    /// `true`; absent from the older generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<bool>,
}

impl Message for PullPrepareRequest {
    const COMMAND: Command = Command::PullPrepare;
    type Response = PullPrepareResponse;
}

impl Message for PullFinalizeRequest {
    const COMMAND: Command = Command::PullFinalize;
    type Response = PullFinalizeResponse;
}
