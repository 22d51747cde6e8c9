//! Review: reads and hashes every byte of the outputs, gathers the facts the policy asks for, and writes the verdict.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::dist;
use super::files;
use super::load;
use super::rendered;
use super::session::Session;
use crate::core::oci::Manifest;
use crate::core::{Digest, Reference};
use crate::error::{Error, Kind, Result};
use crate::manifest::{
    Artifact, ArtifactKind, BUILDS_SCHEMA_VERSION, Base, BuildRecords, DESTINATIONS_SCHEMA_VERSION, Destinations, OutputsManifest,
};
use crate::names;
use crate::report::counted;
use crate::review::{Approval, ArtifactFacts, BaseFact, PlatformFacts, Severity, Subject, Verdict, judge};
use crate::store::{Closure, ContentStore, Layout};

/// Largest image config that is read.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;

/// Runs review and writes `review.json`, also when it refuses.
pub fn review(session: &Session, expected: &Expected) -> Result<Approval> {
    let workspace = &session.directory;
    let (config, read) = load::config_read(session)?;
    let outputs_bytes = files::need(workspace, names::path::OUTPUTS, "perform")?;
    let destinations_bytes = files::need(workspace, names::path::DESTINATIONS, "perform")?;
    let outputs = files::outputs(&outputs_bytes)?;
    let destinations: Destinations = files::parse(names::path::DESTINATIONS, &destinations_bytes, DESTINATIONS_SCHEMA_VERSION)?;
    if destinations.outputs_checksum != outputs.checksum {
        return Err(Error::new(Kind::Refused, format!("{} belongs to other outputs", names::path::DESTINATIONS))
            .hint("run perform again; the two files are written together"));
    }
    let records = records(session, &outputs)?;
    let store = ContentStore::new(workspace);
    let artifacts: Vec<ArtifactFacts> =
        outputs.artifacts().iter().map(|artifact| facts(workspace, &store, &outputs, artifact, &records)).collect();
    check_destinations(&store, &outputs, &destinations)?;
    let pipeline = outputs.pipeline.as_ref().map(|pipeline| pipeline.id.as_str()).filter(|id| !id.is_empty());
    let subject = Subject {
        outputs: &outputs_bytes,
        destinations: &destinations_bytes,
        commit: &outputs.commit,
        pipeline,
        expected_commit: expected.commit.as_deref(),
        expected_pipeline: expected.pipeline.as_deref(),
        config: read.as_ref(),
        artifacts: &artifacts,
    };
    let approval = judge(&config.security, &subject, session.world.clock.now());
    files::write(workspace, names::path::REVIEW, &approval)?;
    Ok(approval)
}

/// What this pipeline runs for, when it is known.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Commit.
    pub commit: Option<String>,
    /// Run id.
    pub pipeline: Option<String>,
}

/// The error review ends with when it refuses.
pub fn refusal(approval: &Approval) -> Option<Error> {
    if approval.verdict == Verdict::Approved {
        return None;
    }
    let refusing: Vec<_> = approval.findings.iter().filter(|finding| finding.severity == Severity::Refuse).collect();
    let first = refusing.first()?;
    let mut error = Error::new(Kind::Refused, format!("review refused: {}", first.message));
    for finding in &refusing[1..] {
        error = error.note(finding.message.clone());
    }
    Some(match &first.hint {
        Some(hint) => error.hint(hint.clone()),
        None => error,
    })
}

/// The screen.
pub fn screen(approval: &Approval) -> String {
    let word = if approval.verdict == Verdict::Approved { "approved" } else { "refused" };
    let mut text = format!(
        "review  {word}  {} read and hashed  outputs sha256 {:.12}…\n",
        counted(approval.verified.len(), "artifact"),
        approval.outputs_sha256
    );
    for finding in &approval.findings {
        let mark = if finding.severity == Severity::Refuse { "✗" } else { "-" };
        text.push_str(&format!("  {mark} {}: {}\n", finding.rule, finding.message));
    }
    text
}

fn records(session: &Session, outputs: &OutputsManifest) -> Result<BTreeMap<String, crate::manifest::BuildRecord>> {
    // Outputs of a foreign builder have no records; then base images are unknown, and a policy on them refuses.
    let Ok(bytes) = files::read(&session.directory, names::path::BUILDS) else { return Ok(BTreeMap::new()) };
    let records: BuildRecords = files::parse(names::path::BUILDS, &bytes, BUILDS_SCHEMA_VERSION)?;
    if records.outputs_checksum != outputs.checksum {
        return Ok(BTreeMap::new());
    }
    Ok(records.builds.into_iter().map(|record| (record.artifact.clone(), record)).collect())
}

// Every destination must name an artifact of these outputs, by its digest or by that of what it gets of it.
fn check_destinations(store: &ContentStore, outputs: &OutputsManifest, destinations: &Destinations) -> Result<()> {
    let mut closures: BTreeMap<&str, Closure> = BTreeMap::new();
    for destination in &destinations.destinations {
        // A release is a set of files, each with a destination of its own; its digest is that of the list.
        if destination.artifact.is_empty() {
            continue;
        }
        let artifact = outputs.artifacts().iter().find(|artifact| artifact.id.as_str() == destination.artifact);
        let from = destination.derived.as_ref().map_or(&destination.digest, |derived| &derived.from);
        let Some(artifact) = artifact.filter(|artifact| artifact.digest == *from) else {
            let text = format!("{} is meant to hold {}, which is not among the outputs", destination.name, destination.digest);
            return Err(Error::new(Kind::Refused, text).hint("run perform again; the two files are written together"));
        };
        if destination.derived.is_none() {
            continue;
        }
        if !closures.contains_key(artifact.id.as_str()) {
            // Bytes that are damaged were told of by now, as what is wrong with the artifact.
            let Ok(digest) = artifact.digest.parse::<Digest>() else { continue };
            let Ok((_, closure)) = store.resolve_unhashed(&digest) else { continue };
            closures.insert(artifact.id.as_str(), closure);
        }
        if let Some(closure) = closures.get(artifact.id.as_str()) {
            rendered::check(destination, closure)?;
        }
    }
    Ok(())
}

fn facts(
    workspace: &Path,
    store: &ContentStore,
    outputs: &OutputsManifest,
    artifact: &Artifact,
    records: &BTreeMap<String, crate::manifest::BuildRecord>,
) -> ArtifactFacts {
    // An image that started from another of these outputs: that one is judged itself.
    let ours = |base: &&Base| outputs.artifacts().iter().any(|other| other.digest == base.digest && other.id != artifact.id);
    let id = artifact.id.as_str().to_owned();
    let record = records.get(&id);
    let mut facts = ArtifactFacts {
        bases: record.and_then(|record| record.bases.as_ref()).map(|bases| {
            bases.iter().filter(|base| !ours(base)).map(|base| BaseFact { reference: whole_reference(&base.reference) }).collect()
        }),
        args: record.map(|record| record.args.clone()).unwrap_or_default(),
        id,
        ..ArtifactFacts::default()
    };
    if artifact.kind != ArtifactKind::Docker {
        facts.damage = dist::check(workspace, artifact).err();
        return facts;
    }
    let read = artifact.digest.parse::<Digest>().map_err(|error| error.to_string()).and_then(|digest| {
        let (layout, closure) = store.resolve_complete(&digest).map_err(|error| error.to_string())?;
        platforms(&layout, &closure)
    });
    match read {
        Ok(platforms) => facts.platforms = platforms,
        Err(damage) => facts.damage = Some(damage),
    }
    facts
}

// `debian:12` and `docker.io/library/debian:12` are one image to the policy. What is no reference (`scratch`, a layout on
// disk) stays as it is.
fn whole_reference(text: &str) -> String {
    match text.parse::<Reference>() {
        Ok(reference) if text != "scratch" && !text.contains("://") => reference.to_string(),
        _ => text.to_owned(),
    }
}

fn platforms(layout: &Layout, closure: &Closure) -> Result<Vec<PlatformFacts>, String> {
    let mut platforms = Vec::new();
    for (descriptor, manifest) in &closure.manifests {
        let Some(config) = manifest.config.as_ref().filter(|_| is_image(manifest)) else { continue };
        // BuildKit's attestation manifests sit beside the images and run nowhere.
        if descriptor.annotations.contains_key("vnd.docker.reference.type") {
            continue;
        }
        let bytes = layout.read_blob(&config.digest, MAX_CONFIG).map_err(|error| error.to_string())?;
        let read: ImageConfig =
            serde_json::from_slice(&bytes).map_err(|error| format!("image config {} is not valid: {error}", config.digest))?;
        let inner = read.config.unwrap_or_default();
        platforms.push(PlatformFacts {
            platform: format!("{}/{}", read.os, read.architecture),
            size: manifest.blobs().map(|blob| blob.size).sum(),
            labels: inner.labels.unwrap_or_default(),
            env: inner.env.unwrap_or_default(),
            history: read.history.unwrap_or_default().into_iter().filter_map(|entry| entry.created_by).collect(),
        });
    }
    Ok(platforms)
}

fn is_image(manifest: &Manifest) -> bool {
    use crate::core::oci::media_type::{DOCKER_CONFIG, OCI_CONFIG};
    manifest.config.as_ref().is_some_and(|config| matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG))
}

#[derive(Deserialize)]
struct ImageConfig {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Option<InnerConfig>,
    #[serde(default)]
    history: Option<Vec<HistoryEntry>>,
}

#[derive(Deserialize, Default)]
struct InnerConfig {
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "Env", default)]
    env: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct HistoryEntry {
    #[serde(default)]
    created_by: Option<String>,
}
