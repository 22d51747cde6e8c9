//! One view per push.

use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::by_id;
use crate::manifest::artifact::{Artifact, ArtifactId};
use crate::manifest::error::{ManifestError, Rule};
use crate::manifest::outcome::{AttestationOutcome, Outcome, OutcomeStatus, OutcomeTarget, OutcomeType};
use crate::manifest::outputs::OutputsManifest;
use crate::manifest::results::ResultsManifest;
use crate::manifest::target::{Requirements, Target, TargetKind};
use crate::manifest::wire::Wire;

/// One push, joined with what was intended and with its attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PublicationView {
    /// Identity of the artifact.
    #[schemars(with = "String")]
    pub artifact_id: ArtifactId,
    /// Its kind.
    pub artifact_kind: String,
    /// Its name.
    pub artifact_name: String,
    /// Version the outputs intended; empty when they do not know the artifact.
    pub version: String,
    /// Registry host.
    pub host: String,
    /// Repository path.
    pub path: String,
    /// Tag.
    pub tag: String,
    /// How the push ended.
    #[schemars(with = "String")]
    pub push_status: OutcomeStatus,
    /// Digest that was to be there.
    pub digest: String,
    /// Digest that was read back.
    pub observed_digest: String,
    /// What read it back.
    pub observed_by: String,
    /// Why it failed.
    pub push_error: String,
    /// An attestation of exactly this artifact, host, path and tag was attempted, whatever came of it.
    pub signing_attempted: bool,
    /// The last such attestation.
    #[schemars(schema_with = "attestation_schema")]
    pub attestation: Option<AttestationOutcome>,
    /// Every tag intended for this host and path; none when it was not intended at all.
    pub expected_tags: Option<Vec<String>>,
    /// What was to accompany it there.
    pub requirements: RequirementsView,
    /// Commit of the outputs.
    pub expected_commit: String,
    /// `host/path:tag`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// `host/path@digest`, or empty without a digest. Never the observed one.
    pub digest_ref: String,
}

// As the contract describes it, or null; a damaged manifest may hold a status that is none of its words.
fn attestation_schema(_: &mut SchemaGenerator) -> Schema {
    let mut attestation = <AttestationOutcome as Wire>::schema();
    attestation["properties"]["status"] = <String as Wire>::schema();
    json_schema!({ "anyOf": [attestation, { "type": "null" }] })
}

/// Requirements with every field written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RequirementsView {
    /// A signature.
    pub sign: bool,
    /// An attestation.
    pub attest: bool,
    /// A software bill of materials.
    pub sbom: bool,
}

impl From<&Requirements> for RequirementsView {
    fn from(requirements: &Requirements) -> Self {
        Self { sign: requirements.sign, attest: requirements.attest, sbom: requirements.sbom }
    }
}

/// One view per push outcome with a body, in any result.
///
/// # Errors
/// `VIEW-TARGET` when a push or attestation names no target, which validation excludes.
pub fn publication_views(outputs: &OutputsManifest, results: &ResultsManifest) -> Result<Vec<PublicationView>, ManifestError> {
    let artifacts = by_id(outputs);
    let attestations = attestations(results)?;
    let mut views = Vec::new();
    for result in results.results() {
        let artifact = artifacts.get(&result.artifact_id).copied();
        for outcome in result.outcomes() {
            let (OutcomeType::Push, Some(push)) = (&outcome.kind, &outcome.push) else { continue };
            let target = target_of(&result.artifact_id, outcome)?;
            let place = format!("{}/{}", target.host, target.path);
            let intended = artifact.and_then(|artifact| intended(artifact, &place));
            let tags = intended.and_then(|intended| intended.registry.as_ref()).map(|registry| registry.tags.clone().unwrap_or_default());
            let attestation = attestations.get(&key(&result.artifact_id, target)).copied().cloned();
            views.push(PublicationView {
                artifact_id: result.artifact_id.clone(),
                artifact_kind: result.kind.clone(),
                artifact_name: result.artifact_name.clone(),
                version: artifact.map(|artifact| artifact.version.clone()).unwrap_or_default(),
                push_status: push.status.clone(),
                digest: push.digest.clone(),
                observed_digest: push.observed_digest.clone(),
                observed_by: push.observed_by.clone(),
                push_error: push.error.clone(),
                signing_attempted: attestation.is_some(),
                attestation,
                expected_tags: tags,
                requirements: intended.map(|intended| (&intended.requirements).into()).unwrap_or_default(),
                expected_commit: outputs.commit.clone(),
                reference: format!("{place}:{}", target.tag),
                digest_ref: if push.digest.is_empty() { String::new() } else { format!("{place}@{}", push.digest) },
                host: target.host.clone(),
                path: target.path.clone(),
                tag: target.tag.clone(),
            });
        }
    }
    Ok(views)
}

type AttestationKey<'a> = (&'a ArtifactId, &'a str, &'a str, &'a str);

fn key<'a>(id: &'a ArtifactId, target: &'a OutcomeTarget) -> AttestationKey<'a> {
    (id, &target.host, &target.path, &target.tag)
}

/// The last attestation of each artifact and place in the whole file, before or after its push.
fn attestations(results: &ResultsManifest) -> Result<HashMap<AttestationKey<'_>, &AttestationOutcome>, ManifestError> {
    let mut found = HashMap::new();
    for result in results.results() {
        for outcome in result.outcomes() {
            if let (OutcomeType::Attestation, Some(body)) = (&outcome.kind, &outcome.attestation) {
                found.insert(key(&result.artifact_id, target_of(&result.artifact_id, outcome)?), body);
            }
        }
    }
    Ok(found)
}

/// The last registry target whose joined `host/path` is this text.
fn intended<'a>(artifact: &'a Artifact, place: &str) -> Option<&'a Target> {
    artifact.targets.iter().flatten().rev().find(|target| {
        target.kind == TargetKind::Registry
            && target.registry.as_ref().is_some_and(|registry| {
                place.strip_prefix(registry.host.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(registry.path.as_str())
            })
    })
}

fn target_of<'a>(id: &ArtifactId, outcome: &'a Outcome) -> Result<&'a OutcomeTarget, ManifestError> {
    outcome.target.as_ref().ok_or_else(|| ManifestError::new(None, Rule::ViewTarget, format!("a {} of {id} names no target", outcome.kind)))
}
