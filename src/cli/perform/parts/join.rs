//! Joining parts: each artifact's images into one, and then the same files that one perform would have written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::{Made, Performed, record, take_lock};
use super::agree::agreed;
use super::file::PartArtifact;
use super::find::{Found, find};
use crate::build::merge::{Source, merge};
use crate::build::nodes::index_annotations;
use crate::cli::session::Session;
use crate::core::{Digest, Platform};
use crate::error::{Error, Kind, Result};
use crate::fs::Scratch;
use crate::manifest::{BuildRecord, Origin};
use crate::names;
use crate::plan::BuildStep;
use crate::store::{ContentStore, Layout};

/// One part's image of an artifact.
struct Piece<'a> {
    found: &'a Found,
    artifact: &'a PartArtifact,
    digest: Digest,
}

/// Joins the parts of this workspace and of `dirs`, and writes plan, destinations, records and outputs.
///
/// # Errors
/// Parts of different builds, a platform that no part holds or two hold, bytes that are not there or damaged.
pub fn join(session: &Session, dirs: &[PathBuf]) -> Result<Performed> {
    let _lock = take_lock(&session.directory)?;
    let found = find(session, dirs)?;
    let plan = agreed(&found)?;
    if plan.dirty {
        let hint = "build releases from what is committed".to_owned();
        session.events.warn("the parts were built from changed files, and nothing tells whether the changes were the same", Some(hint));
    }
    let store = ContentStore::new(&session.directory);
    let mut made = Vec::new();
    for step in &plan.builds {
        let pieces = pieces(&found, step)?;
        match one(session, &store, step, &pieces) {
            Ok(artifact) => made.push(artifact),
            Err(error) if !step.required => {
                let hint = error.hint_text().map(str::to_owned);
                session.events.warn(format!("build {} is left out and not required: {error}", step.id), hint);
            }
            Err(error) => return Err(error),
        }
    }
    record::record(session, plan, &made, &[])
}

fn pieces<'a>(found: &'a [Found], step: &BuildStep) -> Result<Vec<Piece<'a>>> {
    let of_step = found.iter().flat_map(|found| found.part.artifacts.iter().map(move |artifact| (found, artifact)));
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    for (found, artifact) in of_step.filter(|(_, artifact)| artifact.build == step.id) {
        let digest = artifact.digest.parse::<Digest>();
        let digest = digest.map_err(|error| Error::failed(format!("{} is not valid", found.name)).because(&error))?;
        // An image of all platforms that every part adopted is one image.
        let known = pieces.iter().any(|piece| piece.digest == digest && piece.artifact.platforms == artifact.platforms);
        if !known {
            pieces.push(Piece { found, artifact, digest });
        }
    }
    Ok(pieces)
}

fn one(session: &Session, store: &ContentStore, step: &BuildStep, pieces: &[Piece<'_>]) -> Result<Made> {
    check_complete(step, pieces)?;
    let sources = pieces.iter().map(|piece| piece.source(store)).collect::<Result<Vec<_>>>()?;
    let scratch = Scratch::below(&session.path(names::path::ROOT), "merge")?;
    let platforms: Vec<Platform> = step.platforms.iter().filter_map(|text| text.parse().ok()).collect();
    // What is said of the index was kept from the parts; an image that is whole already says it itself.
    let annotations = if sources.len() > 1 { index_annotations(step) } else { BTreeMap::new() };
    let doing = || format!("build {}", step.id);
    let merged = merge(&sources, &platforms, &annotations, &scratch.path().join("layout")).map_err(|error| error.context(doing()))?;
    let (_, closure) =
        store.put_complete(&merged.digest, &Layout::open(&merged.layout)?).map_err(|error| Error::from(error).context(doing()))?;
    let build_args_digest = pieces.iter().find_map(|piece| piece.artifact.build_args_digest.clone());
    Ok(Made { step: step.clone(), digest: merged.digest, closure, record: record_of(step, pieces), build_args_digest, cache: None })
}

/// Every platform of the step is in exactly one piece.
fn check_complete(step: &BuildStep, pieces: &[Piece<'_>]) -> Result<()> {
    let adopted = pieces.iter().find(|piece| piece.artifact.record.origin == Origin::Adopted);
    let built = pieces.iter().find(|piece| piece.artifact.record.origin == Origin::Built);
    if let (Some(adopted), Some(built)) = (adopted, built) {
        let text = format!("{} was published while its parts were being built", step.id);
        return Err(Error::new(Kind::Conflict, text)
            .note(format!("{} adopted it from {}", adopted.found.name, adopted.artifact.record.by))
            .note(format!("{} built it", built.found.name))
            .hint("run `perform --platform …` of every part again: each will adopt what was published"));
    }
    let usual = |text: &String| text.parse::<Platform>().map_or_else(|_| text.clone(), |platform| platform.normalized().to_string());
    let has = |wanted: &String| pieces.iter().any(|piece| piece.artifact.platforms.iter().any(|own| usual(own) == usual(wanted)));
    let missing: Vec<&str> = step.platforms.iter().filter(|platform| !has(platform)).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::missing(format!("no part holds {} for {}", step.id, missing.join(", ")));
    let error =
        pieces.iter().fold(error, |error, piece| error.note(format!("{}  {}", piece.found.name, piece.artifact.platforms.join(", "))));
    Err(error.hint(format!("run `stagefreight perform --platform {}` and hand its .stagefreight/ to this job", missing.join(","))))
}

impl Piece<'_> {
    /// Where the bytes are: in the store that came with the part, or in this workspace's, where a packed store was
    /// unpacked into.
    fn source(&self, own: &ContentStore) -> Result<Source> {
        let name = format!("{} of {}", self.artifact.platforms.join(", "), self.found.name);
        for store in [&self.found.store, own] {
            match store.resolve_unhashed(&self.digest) {
                Ok((layout, _)) => return Ok(Source { name, layout: layout.path().to_owned(), root: self.digest.clone() }),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(Error::from(error).context(name)),
            }
        }
        Err(Error::missing(format!("{name}: no store holds its image {}", self.digest.short()))
            .hint("hand over the whole .stagefreight/ of that job, or `stagefreight store unpack` what it packed"))
    }
}

fn record_of(step: &BuildStep, pieces: &[Piece<'_>]) -> BuildRecord {
    let records: Vec<&BuildRecord> = pieces.iter().map(|piece| &piece.artifact.record).collect();
    let by: BTreeSet<&str> = records.iter().map(|record| record.by.as_str()).collect();
    // Bases are known only when every part knows its own.
    let bases: Option<Vec<_>> = records.iter().map(|record| record.bases.clone()).collect();
    let bases = bases.map(|bases| {
        let mut bases: Vec<_> = bases.into_iter().flatten().collect();
        bases.sort_by(|a, b| (&a.reference, &a.digest).cmp(&(&b.reference, &b.digest)));
        bases.dedup();
        bases
    });
    BuildRecord {
        artifact: format!("docker:{}", step.id),
        origin: records.first().map_or(Origin::Built, |record| record.origin),
        by: by.into_iter().collect::<Vec<_>>().join(", "),
        bases,
        args: records.first().map(|record| record.args.clone()).unwrap_or_default(),
        sources: Vec::new(),
    }
}
