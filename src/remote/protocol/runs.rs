//! `runs.sync`: records of runs that belong to a pack.

use serde::{Deserialize, Serialize};

use super::{Command, Message, TargetConfig};

/// Asks the remote to take over records of runs. The adapter reads them from this machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunsSyncRequest {
    /// Where at the remote.
    #[serde(default)]
    pub target: TargetConfig,
    /// Hash of the pack's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<String>,
    /// Identity of the pack, as the older generation reads it; the host writes both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_digest: Option<String>,
    /// The runs.
    #[serde(default)]
    pub runs: Vec<RunInfo>,
}

impl RunsSyncRequest {
    /// The pack in either spelling.
    pub fn digest(&self) -> Option<&str> {
        self.file_digest.as_deref().or(self.pack_digest.as_deref())
    }
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Name of the directory its result lies in.
    pub run_id: String,
    /// Absolute path of its result on this machine.
    pub result_path: String,
    /// `sha256:` and the hash of that file.
    pub result_digest: String,
}

/// What became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsSyncResponse {
    /// How many were accepted.
    #[serde(default)]
    pub accepted: i64,
    /// How many were rejected.
    #[serde(default)]
    pub rejected: i64,
    /// One per run.
    #[serde(default)]
    pub items: Vec<RunSyncItem>,
    /// Outputs that could not be taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_outputs: Vec<FailedOutput>,
}

/// What became of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSyncItem {
    /// Which.
    #[serde(default)]
    pub run_id: String,
    /// One of [`RunStatus`]; other words count as failed.
    #[serde(default)]
    pub status: String,
}

impl RunSyncItem {
    /// The remote has it.
    pub fn is_synced(&self) -> bool {
        [RunStatus::Accepted, RunStatus::Duplicate].iter().any(|status| status.name() == self.status)
    }
}

/// What may become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// It was taken over.
    Accepted,
    /// It was refused.
    Rejected,
    /// It was there already.
    Duplicate,
}

impl RunStatus {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
        }
    }
}

/// An output of a run that could not be taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedOutput {
    /// Which run.
    #[serde(default)]
    pub run_id: String,
    /// Which file.
    #[serde(default)]
    pub path: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl Message for RunsSyncRequest {
    const COMMAND: Command = Command::RunsSync;
    type Response = RunsSyncResponse;
}
