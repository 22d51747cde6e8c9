//! Built files below `.stagefreight/dist`, read again by every stage that answers for them: they must still be what the
//! outputs manifest says.

use std::io::Read as _;
use std::path::Path;

use super::files;
use super::session::Session;
use crate::core::Digest;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::manifest::{
    ArchiveOutcome, Artifact, ArtifactKind, BUILDS_SCHEMA_VERSION, BinaryOutcome, BuildRecord, BuildRecords, Outcome, OutcomeStatus,
    OutcomeType, OutputsManifest, ResultsManifest,
};
use crate::names;
use crate::report::counted;

const PIECE: usize = 256 * 1024;

/// Files up to this size are hashed before anything is sent, so that a damaged one stops a publish before it begins. Larger
/// ones are where that would cost seconds, and where reading twice may mean reading twice from the disk.
const HASHED_FIRST: u64 = 64 << 20;

/// Where an artifact's file is, for programs and archives.
pub fn path_of(artifact: &Artifact) -> Option<&str> {
    let binary = artifact.binary.as_ref().map(|binary| binary.path.as_str());
    binary.or_else(|| artifact.archive.as_ref().map(|archive| archive.path.as_str()))
}

/// Hashes an artifact's file: how many bytes it has, or what is wrong with it.
pub fn check(workspace: &Path, artifact: &Artifact) -> Result<u64, String> {
    compare(workspace, path_of(artifact).ok_or("it names no file")?, &artifact.digest)
}

// The same for a file that is hashed again on its way: a large one only has to have the right length.
fn check_length(workspace: &Path, artifact: &Artifact, expected: u64) -> Result<u64, String> {
    if expected <= HASHED_FIRST {
        return check(workspace, artifact);
    }
    let path = path_of(artifact).ok_or("it names no file")?;
    match open(workspace, path)? {
        (_, size) if size == expected => Ok(size),
        (_, size) => Err(format!("{path} has {size} bytes, and had {expected} when it was made")),
    }
}

fn compare(workspace: &Path, path: &str, digest: &str) -> Result<u64, String> {
    let digest: Digest = digest.parse().map_err(|error| format!("{error}"))?;
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

/// Compares the built files that are on this machine with what was published of them. Files are no destinations: those
/// that are elsewhere are counted, and told.
///
/// # Errors
/// Kind `Unverified` for the first that differs.
pub fn verify(session: &Session, results: &ResultsManifest) -> Result<()> {
    let mut absent = 0;
    for result in results.results() {
        for outcome in result.outcomes() {
            let binary = outcome.binary.as_ref().map(|built| (&built.path, &built.sha256));
            let Some((path, sha256)) = binary.or_else(|| outcome.archive.as_ref().map(|built| (&built.path, &built.sha256))) else {
                continue;
            };
            if !fs::exists(&session.path(path)) {
                absent += 1;
                continue;
            }
            compare(&session.directory, path, &format!("sha256:{sha256}")).map_err(|problem| {
                Error::new(Kind::Unverified, format!("{} is not what was published: {problem}", result.artifact_id))
                    .hint("take the files from the job that made them")
            })?;
        }
    }
    if absent > 0 {
        session.events.info(format!("{} not on this machine and not compared", counted(absent, "built file")));
    }
    Ok(())
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

/// One outcome per program and archive of the outputs, for the results manifest. `hashed_on_its_way` tells the length of
/// files that whoever sends them hashes, and sends to their end only when they are what was approved.
///
/// # Errors
/// Kind `Failed` when a file is not there or not what was approved.
pub fn outcomes(
    workspace: &Path,
    outputs: &OutputsManifest,
    hashed_on_its_way: impl Fn(&Artifact) -> Option<u64>,
) -> Result<Vec<(crate::manifest::ArtifactId, Outcome)>> {
    let records = records(workspace, outputs);
    let files = outputs.artifacts().iter().filter(|artifact| artifact.kind != ArtifactKind::Docker);
    files
        .map(|artifact| {
            let checked = match hashed_on_its_way(artifact) {
                Some(length) => check_length(workspace, artifact, length),
                None => check(workspace, artifact),
            };
            let size = checked.map_err(|problem| {
                Error::failed(format!("the bytes of {} are not whole: {problem}", artifact.id))
                    .hint("pass the .stagefreight/ directory of the job that made them, or run perform again")
            })?;
            let sources = records.iter().find(|record| record.artifact == artifact.id.as_str()).map(|record| record.sources.clone());
            Ok((artifact.id.clone(), outcome(artifact, i64::try_from(size).unwrap_or(i64::MAX), sources.unwrap_or_default())))
        })
        .collect()
}

// How each came to be, where that was written down for these outputs.
fn records(workspace: &Path, outputs: &OutputsManifest) -> Vec<BuildRecord> {
    let read = files::read(workspace, names::path::BUILDS).ok();
    let parsed = read.and_then(|bytes| files::parse::<BuildRecords>(names::path::BUILDS, &bytes, BUILDS_SCHEMA_VERSION).ok());
    parsed.filter(|records| records.outputs_checksum == outputs.checksum).map(|records| records.builds).unwrap_or_default()
}

fn outcome(artifact: &Artifact, size: i64, sources: Vec<String>) -> Outcome {
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
                sources,
                ..ArchiveOutcome::default()
            }),
            ..Outcome::default()
        },
        None => Outcome {
            kind: OutcomeType::BinaryBuild,
            binary: Some(BinaryOutcome {
                status: OutcomeStatus::Success,
                sha256,
                path,
                size,
                build_id: artifact.binary.as_ref().map(|binary| binary.build_id.clone()).unwrap_or_default(),
                ..BinaryOutcome::default()
            }),
            ..Outcome::default()
        },
    }
}
