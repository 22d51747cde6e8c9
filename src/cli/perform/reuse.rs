//! A retried job does not rebuild: outputs of an equal plan and commit are taken as they are.

use super::{Performed, PerformedArtifact, record};
use crate::cli::session::Session;
use crate::cli::{dist, files};
use crate::core::Digest;
use crate::error::Result;
use crate::manifest::{ArtifactKind, BUILDS_SCHEMA_VERSION, BuildRecords, DESTINATIONS_SCHEMA_VERSION, Destinations, OutputsManifest};
use crate::names;
use crate::plan::{FileStep, Plan, SCHEMA_VERSION};
use crate::store::ContentStore;

/// The outputs of an equal plan, when everything they need is there and whole. Anything missing or broken means
/// building again: these files are ours to replace.
pub fn reuse(session: &Session, plan: &Plan, store: &ContentStore) -> Result<Option<Performed>> {
    let Some(earlier) = parsed::<Plan>(session, names::path::PLAN, SCHEMA_VERSION) else { return Ok(None) };
    if earlier.fingerprint != plan.fingerprint || earlier.commit != plan.commit {
        return Ok(None);
    }
    let outputs = OutputsManifest::from_file(files::read(&session.directory, names::path::OUTPUTS)).ok();
    let Some(outputs) = outputs else { return Ok(None) };
    let destinations = parsed::<Destinations>(session, names::path::DESTINATIONS, DESTINATIONS_SCHEMA_VERSION);
    let records = parsed::<BuildRecords>(session, names::path::BUILDS, BUILDS_SCHEMA_VERSION);
    let (Some(destinations), Some(records)) = (destinations, records) else { return Ok(None) };
    if destinations.outputs_checksum != outputs.checksum || records.outputs_checksum != outputs.checksum {
        return Ok(None);
    }
    let mut artifacts = Vec::new();
    for artifact in outputs.artifacts() {
        let Ok(digest) = artifact.digest.parse::<Digest>() else { return Ok(None) };
        // Review hashes everything again; here it is enough that nothing is missing.
        let size = if artifact.kind == ArtifactKind::Docker {
            let Ok((_, closure)) = store.resolve_unhashed(&digest) else { return Ok(None) };
            closure.size
        } else {
            let Ok(size) = dist::check(&session.directory, artifact) else { return Ok(None) };
            size
        };
        let by = records.builds.iter().find(|record| record.artifact == artifact.id.as_str()).map(|record| record.by.clone());
        artifacts.push(PerformedArtifact {
            id: artifact.id.as_str().to_owned(),
            digest: artifact.digest.clone(),
            size,
            origin: "reused",
            by: by.unwrap_or_default(),
            why: "an equal plan of this commit made it".to_owned(),
            cache: None,
        });
    }
    let images = plan.builds.iter().filter(|step| step.required).map(|step| format!("docker:{}", step.id));
    let files = plan.files.iter().filter(|step| step.required).flat_map(FileStep::artifacts);
    if images.chain(files).any(|id| artifacts.iter().all(|artifact| artifact.id != id)) {
        return Ok(None);
    }
    let count = destinations.destinations.len();
    let outputs = if outputs.pipeline.as_ref() == Some(&record::pipeline(plan)) {
        outputs
    } else {
        record::take_over(session, plan, outputs, destinations, records)?
    };
    Ok(Some(Performed {
        version: plan.version.version.clone(),
        commit: plan.commit.clone(),
        outputs_checksum: Some(outputs.checksum),
        part: None,
        artifacts,
        destinations: count,
    }))
}

fn parsed<T: serde::de::DeserializeOwned>(session: &Session, name: &str, version: &str) -> Option<T> {
    let bytes = files::read(&session.directory, name).ok()?;
    files::parse(name, &bytes, version).ok()
}
