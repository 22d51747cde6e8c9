//! `stagefreight manifest show FILE…`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Document, check, content, decode, kind_of, printable, short_checksum, short_digest, shown};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::manifest::views::{ArchiveExecutionView, BinaryExecutionView, PublicationView, archive_views, binary_views, publication_views};
use crate::manifest::{Artifact, Outcome, OutcomeStatus, OutputsManifest, ResultsManifest, Target};

/// Everything the files tell.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Shown {
    /// The outputs manifest. A valid one satisfies `outputs.schema.json`; a damaged one is shown as it is.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    outputs: Option<OutputsManifest>,
    /// The results manifest. A valid one satisfies `results.schema.json`; a damaged one is shown as it is.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    results: Option<ResultsManifest>,
    /// The three joins.
    views: Views,
}

/// The three joins; `null` where there is nothing to join.
#[derive(Debug, Serialize, JsonSchema, Default)]
struct Views {
    /// One per push.
    publication: Option<Vec<PublicationView>>,
    /// One per binary build.
    binary: Option<Vec<BinaryExecutionView>>,
    /// One per archive.
    archive: Option<Vec<ArchiveExecutionView>>,
}

pub(super) fn run(session: &Session, files: &[PathBuf]) -> Result<()> {
    let (mut outputs, mut results) = (None, None);
    for file in files {
        let text = content(session, file)?;
        let kind = kind_of(file, &text);
        let document = decode(kind, &text).map_err(|error| Error::from(error).context(shown(file)))?;
        // A damaged manifest can still be looked at, but not without being told.
        if let Err(error) = check(kind, Ok(text)) {
            let hint = "`stagefreight manifest verify` judges; this only shows".to_owned();
            session.events.warn(format!("{}: {}", shown(file), printable(&error.to_string())), Some(hint));
        }
        let taken = match document {
            Document::Outputs(manifest) => outputs.replace(manifest).is_some(),
            Document::Results(manifest) => results.replace(manifest).is_some(),
        };
        if taken {
            return Err(Error::usage(format!("{} is a second {} manifest", shown(file), kind.name()))
                .hint("show takes one of each; `stagefreight manifest diff` compares two of a kind"));
        }
    }
    let views = views(outputs.as_ref(), results.as_ref())?;
    session.print(&Shown { outputs, results, views }, text)
}

/// Results alone are joined with nothing intended, so that their outcomes still show.
fn views(outputs: Option<&OutputsManifest>, results: Option<&ResultsManifest>) -> Result<Views> {
    let Some(results) = results else { return Ok(Views::default()) };
    let nothing = OutputsManifest::default();
    let outputs = outputs.unwrap_or(&nothing);
    let list = |views: Vec<PublicationView>| (!views.is_empty()).then_some(views);
    Ok(Views {
        publication: list(publication_views(outputs, results)?),
        binary: Some(binary_views(outputs, results)).filter(|views| !views.is_empty()),
        archive: Some(archive_views(outputs, results)).filter(|views| !views.is_empty()),
    })
}

fn text(shown: &Shown) -> String {
    let mut out = String::new();
    if let Some(outputs) = &shown.outputs {
        out.push_str(&format!("outputs  {}", printable(&outputs.generated_at)));
        if !outputs.commit.is_empty() {
            out.push_str(&format!("  commit {}", printable(&outputs.commit)));
        }
        if let Some(pipeline) = &outputs.pipeline {
            out.push_str(&format!("  pipeline {} {}", printable(&pipeline.provider), printable(&pipeline.id)));
        }
        out.push_str(&format!("  checksum {}\n", short_checksum(&outputs.checksum)));
        for artifact in outputs.artifacts() {
            show_artifact(&mut out, artifact);
        }
    }
    if let Some(results) = &shown.results {
        let belongs = match &shown.outputs {
            Some(outputs) if outputs.checksum == results.intent_checksum => "of these outputs".to_owned(),
            Some(_) => format!("of other outputs: {}", short_checksum(&results.intent_checksum)),
            None => format!("of outputs {}", short_checksum(&results.intent_checksum)),
        };
        let time = printable(&results.completed_at);
        out.push_str(&format!("results  {time}  {belongs}  checksum {}\n", short_checksum(&results.checksum)));
        for result in results.results() {
            out.push_str(&format!("  {}\n", printable(result.artifact_id.as_str())));
            for outcome in result.outcomes() {
                show_outcome(&mut out, outcome);
            }
        }
    }
    out
}

fn show_artifact(out: &mut String, artifact: &Artifact) {
    let mut facts = Vec::new();
    facts.push(artifact.version.clone());
    facts.push(short_digest(&artifact.digest));
    if let Some(docker) = &artifact.docker {
        facts.push(docker.platforms.iter().flatten().cloned().collect::<Vec<_>>().join(" "));
    }
    if let Some(binary) = &artifact.binary {
        facts.push(format!("{}/{}  {}", binary.os, binary.arch, binary.path));
    }
    if let Some(archive) = &artifact.archive {
        facts.push(format!("{}  {}", archive.format, archive.path));
    }
    facts.retain(|fact| !fact.is_empty());
    out.push_str(&format!("  {:<28}  {}\n", printable(artifact.id.as_str()), printable(&facts.join("  "))));
    for target in artifact.targets.iter().flatten() {
        show_target(out, target);
    }
}

fn show_target(out: &mut String, target: &Target) {
    let required =
        [(target.requirements.sign, "signature"), (target.requirements.attest, "attestation"), (target.requirements.sbom, "SBOM")];
    let required: Vec<_> = required.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| *name).collect();
    let required = if required.is_empty() { String::new() } else { format!("  requires {}", required.join(", ")) };
    if let Some(registry) = &target.registry {
        let tags = registry.tags.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        out.push_str(&format!("    to {}{required}\n", printable(&format!("{}/{}  {tags}", registry.host, registry.path))));
    }
    if let Some(asset) = &target.forge_release_asset {
        out.push_str(&format!("    to release asset {}{required}\n", printable(&asset.asset_name)));
    }
}

fn show_outcome(out: &mut String, outcome: &Outcome) {
    let place = outcome.target.as_ref().map(|target| format!("{}/{}:{}", target.host, target.path, target.tag));
    let (status, detail, error) = told(outcome);
    let mark = match status {
        Some(OutcomeStatus::Success) => "✓",
        Some(OutcomeStatus::Failed) => "✗",
        Some(OutcomeStatus::Skipped) => "–",
        _ => "?",
    };
    let facts = [outcome.kind.to_string(), place.unwrap_or_default(), detail, error];
    let facts: Vec<_> = facts.into_iter().filter(|fact| !fact.is_empty()).map(|fact| printable(&fact)).collect();
    out.push_str(&format!("    {mark} {}\n", facts.join("  ")));
}

/// Status, the one detail people look for, and the error of whichever body there is.
fn told(outcome: &Outcome) -> (Option<&OutcomeStatus>, String, String) {
    if let Some(body) = &outcome.push {
        return (Some(&body.status), short_digest(&body.digest), body.error.clone());
    }
    if let Some(body) = &outcome.attestation {
        return (Some(&body.status), body.kind.clone(), body.error.clone());
    }
    if let Some(body) = &outcome.binary {
        return (Some(&body.status), sized(&body.path, body.size), body.error.clone());
    }
    if let Some(body) = &outcome.archive {
        return (Some(&body.status), sized(&body.path, body.size), body.error.clone());
    }
    if let Some(body) = &outcome.blob_signature {
        return (Some(&body.status), body.blob_path.clone(), body.error.clone());
    }
    match &outcome.provenance_attestation {
        Some(body) => (Some(&body.status), body.predicate_type.clone(), body.error.clone()),
        None => (None, String::new(), String::new()),
    }
}

fn sized(path: &str, size: i64) -> String {
    match u64::try_from(size) {
        Ok(size) if size > 0 && path.is_empty() => crate::core::ByteSize(size).to_string(),
        Ok(size) if size > 0 => format!("{path}  {}", crate::core::ByteSize(size)),
        _ => path.to_owned(),
    }
}
