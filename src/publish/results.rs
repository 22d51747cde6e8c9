//! From placements to the public contract: `published.json`.

use super::placements::{Placement, PlacementState, Placements};
use crate::error::Result;
use crate::manifest::{
    ArtifactId, Outcome, OutcomeStatus, OutcomeTarget, OutcomeType, OutputsManifest, PushOutcome, ResultsBuilder, ResultsManifest,
};

/// How a digest at a registry was read (spec/manifest.md §7 `observed_by`).
const OBSERVED_BY: &str = "registry-api";

/// The results of these outputs: one push outcome per registry destination, in the order of the plan, then what is said of
/// built files.
pub fn to_results(outputs: &OutputsManifest, placements: &Placements, files: Vec<(ArtifactId, Outcome)>) -> Result<ResultsManifest> {
    let mut builder = ResultsBuilder::default();
    // Tags of images are what the contract tells of; what else was published stands in `placements.json`.
    for placement in placements.destinations.iter().filter(|placement| placement.kind == "registry_tag") {
        // Review made sure that every destination names an artifact of these outputs.
        if let Some(artifact) = outputs.artifacts().iter().find(|artifact| artifact.id.as_str() == placement.artifact) {
            builder.record(&artifact.id, outcome(placement));
        }
    }
    for (artifact, outcome) in files {
        builder.record(&artifact, outcome);
    }
    Ok(builder.build(outputs)?)
}

fn outcome(placement: &Placement) -> Outcome {
    let status = match placement.state {
        PlacementState::Complete | PlacementState::Placed => OutcomeStatus::Success,
        PlacementState::Failed | PlacementState::Conflict => OutcomeStatus::Failed,
        PlacementState::Superseded | PlacementState::Skipped | PlacementState::NotTried | PlacementState::WouldPlace => {
            OutcomeStatus::Skipped
        }
    };
    let observed = placement.found.clone().unwrap_or_default();
    let push = PushOutcome {
        status,
        digest: placement.expected.clone(),
        observed_by: if observed.is_empty() { String::new() } else { OBSERVED_BY.to_owned() },
        observed_digest: observed,
        error: placement.error.as_ref().map(|error| error.message.clone()).unwrap_or_default(),
    };
    let target = OutcomeTarget {
        kind: "registry".to_owned(),
        host: placement.host.clone(),
        path: placement.path.clone(),
        tag: placement.tag.clone(),
    };
    Outcome { kind: OutcomeType::Push, target: Some(target), push: Some(push), ..Outcome::default() }
}
