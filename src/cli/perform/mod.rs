//! Perform: from a plan to bytes in the store and the files that describe them. Reuses what an equal plan of this
//! commit already made, adopts what an immutable destination already holds of our revision, and builds the rest.

mod adopt;
mod cached;
mod execute;
mod failed;
mod files;
mod from;
mod make;
pub mod parts;
mod record;
mod reuse;
pub mod statements;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::gather::{Gathered, gather_part, gather_with};
use super::session::Session;
use super::wire::Wiring;
use crate::build::cache::CacheResolution;
use crate::core::{Digest, Platform};
use crate::error::{Error, Result};
use crate::fs::{Lock, LockError};
use crate::manifest::{Artifact, BuildRecord, Origin};
use crate::names;
use crate::plan::{BuildStep, BuilderKind, Plan, StepWork};
use crate::report::{Table, counted};
use crate::store::{Closure, ContentStore};

pub use cached::{BuildCache, CACHE_SCHEMA_VERSION, CacheReport};
use execute::Execution;
pub use failed::{FAILURE_SCHEMA_VERSION, FailureDetail};
use from::Adoption;
pub use from::Source;

/// What perform was asked to do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Build even when there are bytes to reuse or adopt.
    pub rebuild: bool,
    /// Build these platforms alone, as a part that `merge` joins with others; empty = everything.
    pub platforms: Vec<Platform>,
    /// What others built: taken over instead of building it.
    pub from: Vec<Source>,
}

/// What perform did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Performed {
    /// Version of the artifacts.
    pub version: String,
    /// Full commit id.
    pub commit: String,
    /// Checksum of the outputs manifest; none for a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs_checksum: Option<String>,
    /// The file that describes the part; none for a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// One per artifact.
    pub artifacts: Vec<PerformedArtifact>,
    /// How many destinations the artifacts are meant for; 0 for a part.
    pub destinations: usize,
}

/// One artifact.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PerformedArtifact {
    /// Artifact id.
    pub id: String,
    /// Digest of its root.
    pub digest: String,
    /// Compressed bytes of everything it consists of.
    pub size: u64,
    /// `built`, `adopted` or `reused`.
    pub origin: &'static str,
    /// Builder, destination, or earlier run.
    pub by: String,
    /// Why this builder.
    pub why: String,
    /// What was found in caches and written to them; none when nothing was built, or by a builder without caches.
    pub cache: Option<CacheResolution>,
}

/// An artifact in the store.
pub(super) struct Made {
    step: BuildStep,
    digest: Digest,
    closure: Closure,
    record: BuildRecord,
    build_args_digest: Option<String>,
    cache: Option<BuildCache>,
}

/// A file in its place below `.stagefreight/dist`.
pub(super) struct MadeFile {
    artifact: Artifact,
    record: BuildRecord,
    size: u64,
    /// Its digest is written into SHA256SUMS.
    listed: bool,
}

/// Runs perform.
pub async fn perform(session: &Session, options: Options) -> Result<Performed> {
    let (adoption, gathered) = if options.from.is_empty() {
        (None, Box::pin(gather_part(session, &options.platforms)).await?)
    } else {
        let mut config = super::load::config_or_none(session)?;
        let adoption = Adoption::read(session, &options.from, &config)?;
        adoption.settle(session, &mut config)?;
        let gathered = Box::pin(gather_with(session, config, &[], &adoption.builds())).await?;
        adoption.check(session, &gathered.plan)?;
        (Some(adoption), gathered)
    };
    let plan = &gathered.plan;
    if plan.builds.is_empty() && plan.files.is_empty() && !adoption.as_ref().is_some_and(Adoption::has_files) {
        return Err(Error::usage("the plan has no builds").hint("declare one below `builds:` in .stagefreight.yml"));
    }
    let _lock = take_lock(&session.directory)?;
    let outcome = Box::pin(run(session, options, &gathered, adoption.as_ref())).await;
    failed::remember(session, outcome.as_ref().err())?;
    outcome
}

async fn run(session: &Session, options: Options, gathered: &Gathered, adoption: Option<&Adoption>) -> Result<Performed> {
    let plan = &gathered.plan;
    let store = ContentStore::new(&session.directory);
    let clean = !gathered.git.dirty;
    let whole = options.platforms.is_empty();
    if !whole && let Some(step) = plan.files.first() {
        return Err(Error::usage(format!("--platform builds parts of images, and build `{}` of this plan makes files", step.build))
            .hint("run `stagefreight perform` without --platform: programs are compiled for every platform in one job"));
    }
    let steps = if whole { plan.builds.clone() } else { parts::narrow(plan, &options.platforms)? };
    if clean
        && !options.rebuild
        && adoption.is_none()
        && let Some(performed) =
            if whole { reuse::reuse(session, plan, &store)? } else { parts::reuse_part(session, plan, &options.platforms, &steps, &store)? }
    {
        session.events.info(format!("reused the outputs of an equal plan for {:.12}; --rebuild builds again", plan.commit));
        return Ok(performed);
    }
    for step in &plan.builds {
        // Before the first build begins: what is missing for the last one would be found out late.
        crate::build::solve::check_secrets(&session.world, &session.directory, step)?;
    }
    if steps.iter().any(|step| step.builder.kind != BuilderKind::Adopted) {
        crate::cli::cleanup::before_building(session, &gathered.config).await?;
    }
    let wiring = Wiring::of_plan(session, plan).await?.with_config(session, &gathered.config);
    let execution = Execution { session, gathered, wiring: &wiring, store: &store, adoption, may_adopt: clean && !options.rebuild };
    let (made, mut files) = execution.run(&steps, if whole { &plan.files } else { &[] }).await?;
    if !whole {
        let performed = parts::record_part(session, plan, &options.platforms, &made)?;
        cached::record(session, &performed, &made)?;
        cached::tidy(session, gathered, &wiring, &made).await;
        return Ok(performed);
    }
    files.extend(adoption.map_or(Ok(Vec::new()), |adoption| adoption.land(session, plan))?);
    files::settle(session, &files)?;
    let performed = record::record(session, plan, &made, &files)?;
    // Parts of another day must not be joined over the whole.
    crate::fs::remove_tree(&session.path(names::path::PARTS))?;
    cached::record(session, &performed, &made)?;
    cached::tidy(session, gathered, &wiring, &made).await;
    Ok(performed)
}

/// One publisher or performer at a time in a workspace.
pub fn take_lock(workspace: &Path) -> Result<Lock> {
    Lock::try_take(&workspace.join(names::path::LOCK)).map_err(|error| match error {
        LockError::Held(path) => Error::failed(format!("another stagefreight is at work in this workspace (it holds {})", path.display()))
            .hint("wait for it to end, or give this job a workspace of its own"),
        LockError::Path(error) => error.into(),
    })
}

impl Performed {
    /// The screen of perform.
    pub fn screen(&self) -> String {
        self.screen_of("perform")
    }

    /// The screen of the command of this name.
    pub fn screen_of(&self, command: &str) -> String {
        let mut text = format!("{command}  version {}  commit {:.7}", self.version, self.commit);
        text.extend(self.outputs_checksum.as_ref().map(|checksum| format!("  outputs {checksum:.12}…")));
        text.push('\n');
        let mut table = Table::indented(2);
        for artifact in &self.artifacts {
            let digest = artifact.digest.get(..19).unwrap_or(&artifact.digest).to_owned();
            let size = crate::core::ByteSize(artifact.size).to_string();
            table.row([artifact.id.clone(), digest, size, format!("{} {}", artifact.origin, artifact.by), artifact.why.clone()]);
            // Without caches in the config what the builder itself remembered is only a detail.
            for line in artifact.cache.iter().filter(|cache| cache.mode != "off").flat_map(cached::lines) {
                table.row(line);
            }
        }
        text.push_str(&table.render());
        if let Some(part) = &self.part {
            let artifacts = counted(self.artifacts.len(), "artifact");
            text.push_str(&format!("a part of {artifacts}   record: {part}   next: stagefreight merge, with every part\n"));
            return text;
        }
        let (artifacts, places) = (counted(self.artifacts.len(), "artifact"), counted(self.destinations, "destination"));
        text.push_str(&format!("{artifacts} for {places}   record: {}\n", names::path::OUTPUTS));
        text
    }
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Built => "built",
        Origin::Adopted => "adopted",
    }
}

/// The plan as it may be written down: values that look secret are masked.
pub fn masked(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.builds {
        mask(&mut step.args);
        mask(&mut step.labels);
        mask(&mut step.buildkit.annotations);
    }
    for step in &mut plan.files {
        match &mut step.work {
            StepWork::Binary(work) => mask(&mut work.at.env),
            StepWork::Command(work) => mask(&mut work.at.env),
            StepWork::Archive(_) => {}
        }
    }
    plan
}

fn mask(values: &mut std::collections::BTreeMap<String, String>) {
    for (name, value) in values.iter_mut() {
        if crate::review::looks_secret(name, value).is_some() {
            crate::core::secret::MASK.clone_into(value);
        }
    }
}
