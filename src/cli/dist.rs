//! Built files below `.stagefreight/dist`, read again by every stage that answers for them: they must still be what the
//! outputs manifest says.

use std::io::Read as _;
use std::path::Path;

use crate::core::Digest;
use crate::error::{Error, Result};
use crate::fs;
use crate::manifest::{ArchiveOutcome, Artifact, ArtifactKind, BinaryOutcome, Outcome, OutcomeStatus, OutcomeType, OutputsManifest};
use crate::names;

const PIECE: usize = 256 * 1024;

/// Where an artifact's file is, for programs and archives.
pub fn path_of(artifact: &Artifact) -> Option<&str> {
    let binary = artifact.binary.as_ref().map(|binary| binary.path.as_str());
    binary.or_else(|| artifact.archive.as_ref().map(|archive| archive.path.as_str()))
}

/// Hashes an artifact's file: how many bytes it has, or what is wrong with it.
pub fn check(workspace: &Path, artifact: &Artifact) -> Result<u64, String> {
    let path = path_of(artifact).ok_or("it names no file")?;
    let digest: Digest = artifact.digest.parse().map_err(|error| format!("{error}"))?;
    let (mut file, size) = open(workspace, path)?;
    let mut hash = digest.digester();
    let mut buffer = vec![0; PIECE];
    loop {
        let read = file.read(&mut buffer).map_err(|error| format!("{path} cannot be read: {error}"))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found = hash.finish();
    if found == digest { Ok(size) } else { Err(format!("{path} hashes to {found}, and was made as {digest}")) }
}

// The path comes from another job: it stays below `.stagefreight/dist` and leads through no link.
fn open(workspace: &Path, path: &str) -> Result<(std::fs::File, u64), String> {
    let inside = path.strip_prefix(names::path::DIST).and_then(|rest| rest.strip_prefix('/'));
    let parts: Vec<&str> = inside.map(|rest| rest.split('/').collect()).unwrap_or_default();
    if parts.is_empty() || parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(format!("`{}` is not below {}", path.escape_debug(), names::path::DIST));
    }
    let mut at = workspace.join(names::path::DIST);
    for part in parts {
        if !fs::is_dir(&at) {
            return Err(format!("{path} is not there"));
        }
        at.push(part);
    }
    fs::open_regular(&at).map_err(|error| error.to_string())
}

/// One outcome per program and archive of the outputs, for the results manifest.
///
/// # Errors
/// Kind `Failed` when a file is not there or not what was approved.
pub fn outcomes(workspace: &Path, outputs: &OutputsManifest) -> Result<Vec<(crate::manifest::ArtifactId, Outcome)>> {
    let files = outputs.artifacts().iter().filter(|artifact| artifact.kind != ArtifactKind::Docker);
    files
        .map(|artifact| {
            let size = check(workspace, artifact).map_err(|problem| {
                Error::failed(format!("the bytes of {} are not whole: {problem}", artifact.id))
                    .hint("pass the .stagefreight/ directory of the job that made them, or run perform again")
            })?;
            Ok((artifact.id.clone(), outcome(artifact, i64::try_from(size).unwrap_or(i64::MAX))))
        })
        .collect()
}

fn outcome(artifact: &Artifact, size: i64) -> Outcome {
    let sha256 = artifact.digest.strip_prefix("sha256:").unwrap_or(&artifact.digest).to_owned();
    let path = path_of(artifact).unwrap_or_default().to_owned();
    match &artifact.archive {
        Some(archive) => Outcome {
            kind: OutcomeType::ArchiveBuild,
            archive: Some(ArchiveOutcome {
                status: OutcomeStatus::Success,
                sha256,
                path,
                format: archive.format.clone(),
                size,
                ..ArchiveOutcome::default()
            }),
            ..Outcome::default()
        },
        None => Outcome {
            kind: OutcomeType::BinaryBuild,
            binary: Some(BinaryOutcome { status: OutcomeStatus::Success, sha256, path, size, ..BinaryOutcome::default() }),
            ..Outcome::default()
        },
    }
}
