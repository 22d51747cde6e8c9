//! Steps that make files, and what the outputs say of what they made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{MadeFile, failed};
use crate::build::binary::{self, FileCx, FileKind};
use crate::build::{BuildCx, archive};
use crate::cli::session::Session;
use crate::cli::wire::Wiring;
use crate::core::Digest;
use crate::error::Result;
use crate::fs::{self, EntryKind, Scratch};
use crate::manifest::{ArchiveDescriptor, Artifact, ArtifactId, ArtifactKind, BinaryDescriptor, BuildRecord, Origin};
use crate::names;
use crate::plan::{FileStep, PlannedWorkplace, StepWork};

/// What steps that run in images need.
pub(super) struct InImages<'a> {
    pub wiring: &'a Wiring,
    /// What builders are named after.
    pub repository: &'a str,
    /// Images of this config that are there already.
    pub made: BTreeMap<String, (PathBuf, Digest)>,
}

/// Runs one step.
pub(super) async fn make(session: &Session, in_images: InImages<'_>, cx: &FileCx<'_>, step: &FileStep) -> Result<Vec<MadeFile>> {
    session.events.info(format!("building {}", step.id()));
    let outcome = match &step.work {
        _ if binary::image_of(step).is_some() => contained(session, in_images, cx, step).await,
        StepWork::Binary(work) => binary::compile(cx, step, work).await.map(|made| vec![made]),
        StepWork::Archive(work) => archive::pack(cx, step, work).await.map(|made| vec![made]),
        StepWork::Command(work) => binary::command(cx, step, work).await,
    };
    outcome.as_ref().err().into_iter().for_each(|error| failed::annotate(session, error));
    let args = match &step.work {
        StepWork::Binary(work) => environment(&work.at),
        StepWork::Command(work) => environment(&work.at),
        StepWork::Archive(_) => BTreeMap::new(),
    };
    Ok(outcome?.into_iter().map(|made| describe(session, made, &args)).collect())
}

async fn contained(session: &Session, in_images: InImages<'_>, cx: &FileCx<'_>, step: &FileStep) -> Result<Vec<binary::MadeFile>> {
    let scratch = Scratch::below(&session.path(names::path::ROOT), "build")?;
    let planned = binary::step_for(cx, step, scratch.path())?;
    let InImages { wiring, repository, made } = in_images;
    let builder = wiring.builder(session, repository, &planned).await?;
    let mut build = BuildCx::new(session.directory.clone(), scratch.path().to_owned(), cx.cancel.clone(), session.events.clone());
    build.made = made;
    build.logins = Some(wiring.logins());
    binary::run_contained(cx, &build, builder.as_ref(), &planned, step).await
}

// What review looks for secrets in.
fn environment(at: &PlannedWorkplace) -> BTreeMap<String, String> {
    at.env.clone()
}

fn describe(session: &Session, made: binary::MadeFile, args: &BTreeMap<String, String>) -> MadeFile {
    let binary::MadeFile { kind, name, build, path, digest, size, by } = made;
    session.events.info(format!("made {path}  {}  {}", digest.short(), crate::core::ByteSize(size)));
    let mut artifact = Artifact { name, digest: digest.to_string(), ..Artifact::default() };
    let mut sums = false;
    let mut contents = Vec::new();
    match kind {
        FileKind::Binary { os, arch, toolchain } => {
            artifact.kind = ArtifactKind::Binary;
            artifact.binary = Some(BinaryDescriptor { os, arch, path, toolchain, build_id: build });
        }
        FileKind::Archive { format, sources, listed } => {
            artifact.kind = ArtifactKind::Archive;
            artifact.archive = Some(ArchiveDescriptor { format, path, set: build });
            sums = listed;
            contents = sources;
        }
    }
    artifact.id = ArtifactId::new(&artifact.kind, &artifact.name);
    let record = BuildRecord {
        artifact: artifact.id.as_str().to_owned(),
        origin: Origin::Built,
        by: by.to_owned(),
        // A file has no base image, which is not the same as one that is not known.
        bases: Some(Vec::new()),
        args: args.clone(),
        sources: contents,
    };
    MadeFile { artifact, record, size, listed: sums }
}

/// After the last step: SHA256SUMS, no files of another day, everything on disk.
pub(super) fn settle(session: &Session, files: &[MadeFile]) -> Result<()> {
    let workspace = &session.directory;
    let path = |file: &MadeFile| crate::cli::dist::path_of(&file.artifact).map(str::to_owned);
    let listed: Vec<(String, String)> =
        files.iter().filter(|file| file.listed).filter_map(|file| Some((path(file)?, file.artifact.digest.clone()))).collect();
    let mut ours: Vec<String> = files.iter().filter_map(path).collect();
    // One that was taken over from another builder is an artifact, and stays what it was.
    if !listed.is_empty() && !ours.iter().any(|path| path == names::path::SUMS) {
        archive::sums(workspace, &listed)?;
        ours.push(names::path::SUMS.to_owned());
    }
    let dist = session.path(names::path::DIST);
    if fs::is_dir(&dist) {
        for entry in fs::walk(&dist, &|_| true)?.iter().rev() {
            let relative = format!("{}/{}", names::path::DIST, entry.relative.display());
            let holds_ours = entry.kind == EntryKind::Dir && ours.iter().any(|path| path.starts_with(&format!("{relative}/")));
            if holds_ours || ours.contains(&relative) {
                continue;
            }
            if entry.kind == EntryKind::Dir {
                fs::remove_tree(&entry.path)?;
            } else {
                fs::remove_file(&entry.path)?;
            }
        }
        fs::sync_tree(&dist)?;
    }
    Ok(())
}
