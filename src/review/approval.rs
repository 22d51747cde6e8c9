//! `.stagefreight/review.json`: the verdict, bound to the SHA-256 of `outputs.json` and `destinations.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the file's JSON form.
pub const REVIEW_SCHEMA_VERSION: &str = "1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// `"1"`.
    pub schema_version: String,
    /// What review decided.
    pub verdict: Verdict,
    /// When, RFC 3339.
    pub reviewed_at: String,
    /// SHA-256 (hex) of the bytes of `outputs.json`.
    pub outputs_sha256: String,
    /// SHA-256 (hex) of the bytes of `destinations.json`.
    pub destinations_sha256: String,
    /// Commit of the outputs.
    pub commit: String,
    /// Artifacts whose whole closure was read and hashed, by id.
    pub verified: Vec<String>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// What review went by. Absent where a version of this program reviewed that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

/// What review went by, beside the outputs themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The config whose `security` was applied; null: there was none, and what holds without one was applied.
    pub config: Option<ConfigRead>,
    /// The commit of the outputs was compared with that the pipeline runs for. False where no CI says which that is.
    pub commit_compared: bool,
}

/// A config, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRead {
    /// Where it lay: relative to the workspace where it is inside.
    pub path: String,
    /// SHA-256 (hex) of its bytes.
    pub sha256: String,
}

/// What review decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Publish may go on.
    Approved,
    /// It may not.
    Refused,
}

/// One thing review noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Does it refuse?
    pub severity: Severity,
    /// Rule that found it: `integrity`, `base_images`, `max_image_size`, `required_labels`, `secret_scan`, `origin`.
    pub rule: String,
    /// Artifact id, or empty for the whole.
    pub artifact: String,
    /// The sentence. Never contains the secret it found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It refuses.
    Refuse,
    /// It is worth knowing.
    Note,
}
