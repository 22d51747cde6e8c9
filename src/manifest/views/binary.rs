//! One view per binary build.

use schemars::JsonSchema;
use serde::Serialize;

use super::by_id;
use crate::manifest::artifact::{ArtifactId, ArtifactKind};
use crate::manifest::outcome::{OutcomeStatus, OutcomeType};
use crate::manifest::outputs::OutputsManifest;
use crate::manifest::results::ResultsManifest;

/// One binary build: names and places from the intent, sizes and hashes from the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BinaryExecutionView {
    /// Identity of the artifact.
    #[schemars(with = "String")]
    pub artifact_id: ArtifactId,
    /// Its kind, `binary`.
    pub artifact_kind: String,
    /// Its name.
    pub artifact_name: String,
    /// Intended version.
    pub version: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// Where the file is, as intended; the outcome's own path is ignored.
    pub path: String,
    /// What compiled it.
    pub toolchain: String,
    /// How the build ended.
    #[schemars(with = "String")]
    pub build_status: OutcomeStatus,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its length in bytes.
    pub size: i64,
    /// Which build made it.
    pub build_id: String,
    /// Why it failed.
    pub build_error: String,
    /// Commit of the outputs.
    pub expected_commit: String,
}

/// One view per `binary_build` outcome with a body, in results of kind `binary`.
pub fn binary_views(outputs: &OutputsManifest, results: &ResultsManifest) -> Vec<BinaryExecutionView> {
    let artifacts = by_id(outputs);
    let mut views = Vec::new();
    for result in results.results().iter().filter(|result| result.kind == ArtifactKind::Binary.as_str()) {
        let artifact = artifacts.get(&result.artifact_id).filter(|artifact| artifact.kind == ArtifactKind::Binary);
        let intent = artifact.and_then(|artifact| Some((artifact.version.clone(), artifact.binary.clone()?)));
        for outcome in result.outcomes() {
            let (OutcomeType::BinaryBuild, Some(built)) = (&outcome.kind, &outcome.binary) else { continue };
            let (version, intended) = intent.clone().unwrap_or_default();
            views.push(BinaryExecutionView {
                artifact_id: result.artifact_id.clone(),
                artifact_kind: result.kind.clone(),
                artifact_name: result.artifact_name.clone(),
                version,
                os: intended.os,
                arch: intended.arch,
                path: intended.path,
                toolchain: intended.toolchain,
                build_status: built.status.clone(),
                sha256: built.sha256.clone(),
                size: built.size,
                build_id: built.build_id.clone(),
                build_error: built.error.clone(),
                expected_commit: outputs.commit.clone(),
            });
        }
    }
    views
}
