//! Collecting outcomes into a results manifest (spec/manifest.md §6.1).

use super::artifact::ArtifactId;
use super::error::{ManifestError, Rule};
use super::outcome::Outcome;
use super::outputs::OutputsManifest;
use super::results::{ArtifactResult, ResultsManifest};

/// Outcomes per artifact, in the order in which they were recorded. Only appends: retries and repeats all stay.
#[derive(Debug, Clone, Default)]
pub struct ResultsBuilder {
    recorded: indexmap::IndexMap<ArtifactId, Vec<Outcome>>,
}

impl ResultsBuilder {
    /// With nothing recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replays an existing results manifest (spec/manifest.md §8): repeated entries of one artifact become one.
    pub fn seeded(results: &ResultsManifest) -> Self {
        let mut builder = Self::new();
        for result in results.results() {
            for outcome in result.outcomes() {
                builder.record(&result.artifact_id, outcome.clone());
            }
        }
        builder
    }

    /// Appends one outcome.
    pub fn record(&mut self, artifact: &ArtifactId, outcome: Outcome) {
        self.recorded.entry(artifact.clone()).or_default().push(outcome);
    }

    /// The results so far for these outputs: not finalized and not validated, that is the writer's part. The
    /// intent checksum is the outputs' own, verbatim.
    ///
    /// # Errors
    /// `BLD-NO-CHECKSUM` when the outputs are not finalized, `BLD-UNKNOWN-ID` naming every artifact they do not have.
    pub fn build(&self, outputs: &OutputsManifest) -> Result<ResultsManifest, ManifestError> {
        if outputs.checksum.is_empty() {
            return Err(ManifestError::new(None, Rule::BldNoChecksum, "the outputs manifest has no checksum"));
        }
        let by_id: std::collections::HashMap<_, _> = outputs.artifacts().iter().map(|artifact| (&artifact.id, artifact)).collect();
        let mut unknown = Vec::new();
        let mut results = Vec::with_capacity(self.recorded.len());
        for (id, outcomes) in &self.recorded {
            let Some(artifact) = by_id.get(id) else {
                unknown.push(id.as_str());
                continue;
            };
            results.push(ArtifactResult {
                artifact_id: id.clone(),
                artifact_name: artifact.name.clone(),
                kind: artifact.kind.to_string(),
                outcomes: Some(outcomes.clone()),
            });
        }
        if !unknown.is_empty() {
            let problem = format!("the outputs manifest has no artifact {}", unknown.join(", "));
            return Err(ManifestError::new(None, Rule::BldUnknownId, problem));
        }
        Ok(ResultsManifest { intent_checksum: outputs.checksum.clone(), results: Some(results), ..ResultsManifest::default() })
    }
}
