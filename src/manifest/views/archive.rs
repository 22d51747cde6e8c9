//! One view per archive.

use schemars::JsonSchema;
use serde::Serialize;

use super::by_id;
use crate::manifest::artifact::{ArtifactId, ArtifactKind};
use crate::manifest::outcome::{OutcomeStatus, OutcomeType};
use crate::manifest::outputs::OutputsManifest;
use crate::manifest::results::ResultsManifest;

/// One archive: names and places from the intent, sizes, hashes and sources from the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArchiveExecutionView {
    /// Identity of the artifact.
    #[schemars(with = "String")]
    pub artifact_id: ArtifactId,
    /// Its kind, `archive`.
    pub artifact_kind: String,
    /// Its name.
    pub artifact_name: String,
    /// Intended version.
    pub version: String,
    /// Format, as intended.
    pub format: String,
    /// Where the file is, as intended; the outcome's own path is ignored.
    pub path: String,
    /// Which set it belongs to, as intended (since v0.8.0).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub set: String,
    /// How it ended.
    #[schemars(with = "String")]
    pub build_status: OutcomeStatus,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its length in bytes.
    pub size: i64,
    /// Why it failed.
    pub build_error: String,
    /// Ids of the artifacts in it.
    pub sources: Vec<String>,
    /// Commit of the outputs.
    pub expected_commit: String,
}

/// One view per `archive_build` outcome with a body, in results of kind `archive`.
pub fn archive_views(outputs: &OutputsManifest, results: &ResultsManifest) -> Vec<ArchiveExecutionView> {
    let artifacts = by_id(outputs);
    let mut views = Vec::new();
    for result in results.results().iter().filter(|result| result.kind == ArtifactKind::Archive.as_str()) {
        let artifact = artifacts.get(&result.artifact_id).filter(|artifact| artifact.kind == ArtifactKind::Archive);
        let intent = artifact.and_then(|artifact| Some((artifact.version.clone(), artifact.archive.clone()?)));
        for outcome in result.outcomes() {
            let (OutcomeType::ArchiveBuild, Some(built)) = (&outcome.kind, &outcome.archive) else { continue };
            let (version, intended) = intent.clone().unwrap_or_default();
            views.push(ArchiveExecutionView {
                artifact_id: result.artifact_id.clone(),
                artifact_kind: result.kind.clone(),
                artifact_name: result.artifact_name.clone(),
                version,
                format: intended.format,
                path: intended.path,
                set: intended.set,
                build_status: built.status.clone(),
                sha256: built.sha256.clone(),
                size: built.size,
                build_error: built.error.clone(),
                sources: built.sources.clone(),
                expected_commit: outputs.commit.clone(),
            });
        }
    }
    views
}
