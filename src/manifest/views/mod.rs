//! Three read models that join what was intended with what happened (spec/manifest.md §7). They do not validate and
//! do not compare checksums; they keep file order and surface every status.

mod archive;
mod binary;
mod publication;

pub use archive::{ArchiveExecutionView, archive_views};
pub use binary::{BinaryExecutionView, binary_views};
pub use publication::{PublicationView, RequirementsView, publication_views};

use std::collections::HashMap;

use super::artifact::{Artifact, ArtifactId};
use super::outputs::OutputsManifest;

/// Artifacts by id. If an unvalidated manifest repeats an id, the last one counts.
fn by_id(outputs: &OutputsManifest) -> HashMap<&ArtifactId, &Artifact> {
    outputs.artifacts().iter().map(|artifact| (&artifact.id, artifact)).collect()
}
