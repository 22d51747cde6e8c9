//! Caches around a build: made ready before it, put away and reported after it, kept small when all is done. Nothing here
//! fails a build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Made, Performed};
use crate::build::backend::BackendKind;
use crate::build::cache::{self, CacheResolution, Ready, Stamp, TagRetention, Times, remember};
use crate::build::solve::Work;
use crate::cli::files;
use crate::cli::gather::Gathered;
use crate::cli::session::Session;
use crate::cli::tidy::{Tidied, Tidy, registry_tags};
use crate::cli::wire::Wiring;
use crate::error::Result;
use crate::names;
use crate::plan::BuildStep;
use crate::report::counted;

/// Version of the file's JSON form.
pub const CACHE_SCHEMA_VERSION: &str = "1";

/// `.stagefreight/cache.json`: what the builds of the last perform found in their caches, and how long their steps took.
/// The next perform in this workspace reads the times, to tell what its own caches save.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CacheReport {
    /// `"1"`.
    pub schema_version: String,
    /// Checksum of the outputs manifest this belongs to; none where only a part was built.
    pub outputs_checksum: Option<String>,
    /// One per artifact that was built.
    pub builds: Vec<BuildCache>,
}

/// Caches of one build.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BuildCache {
    /// Artifact id.
    pub artifact: String,
    /// What was found and written.
    pub cache: CacheResolution,
    /// How long its steps took when they ran last, in milliseconds.
    pub times: Times,
}

/// The caches of one build, ready.
pub(super) struct Cached {
    step: BuildStep,
    planned: BuildStep,
    ready: Ready,
    times: Times,
}

/// Makes them ready. What cannot be used here is a warning.
pub(super) fn open(session: &Session, step: &BuildStep) -> Cached {
    let ready = cache::prepare(&step.cache);
    for (name, why) in ready.unusable() {
        session.events.warn(
            format!("build {}: the cache {name} is not used: {why}", step.id),
            Some("mount a directory there, or name one that can be written: `build_cache.local.path`".to_owned()),
        );
    }
    let artifact = format!("docker:{}", step.id);
    let earlier = read(session).into_iter().find(|build| build.artifact == artifact);
    let placed = BuildStep { cache: ready.cache().clone(), ..step.clone() };
    Cached { step: placed, planned: step.clone(), ready, times: earlier.map(|build| build.times).unwrap_or_default() }
}

impl Cached {
    /// The step as the builder gets it.
    pub fn step(&self) -> &BuildStep {
        &self.step
    }

    /// After a build: puts away what was written; `None` for a builder without steps and caches.
    pub fn close(self, session: &Session, mut work: Work) -> Option<BuildCache> {
        let failed = |work: &Work| work.exports.iter().filter(|(_, why)| why.is_some()).count();
        let before = failed(&work);
        self.ready.finish(&mut work, session.world.clock.now());
        if failed(&work) > before {
            for (name, why) in work.exports.iter().filter_map(|(name, why)| Some((name, why.as_ref()?))) {
                session.events.detail(format!("build {}: the cache {name} was not written: {why}", self.step.id));
            }
        }
        if work.steps.is_empty() && self.planned.cache.mode.is_empty() {
            return None;
        }
        let resolution = CacheResolution::of(&self.planned.cache, &work, &self.times);
        session.events.info(format!("build {}: {}", self.step.id, resolution.summary()));
        Some(BuildCache { artifact: format!("docker:{}", self.step.id), cache: resolution, times: remember(&work, &self.times) })
    }
}

/// Writes down what was found. A build that was not run this time keeps its times.
pub(super) fn record(session: &Session, performed: &Performed, made: &[Made]) -> Result<()> {
    let mut builds: Vec<BuildCache> = made.iter().filter_map(|made| made.cache.clone()).collect();
    let adopted = |build: &BuildCache| made.iter().any(|made| made.cache.is_none() && made.record.artifact == build.artifact);
    builds.extend(read(session).into_iter().filter(adopted));
    if builds.is_empty() {
        return Ok(());
    }
    let outputs_checksum = performed.outputs_checksum.clone();
    files::write(
        &session.directory,
        names::path::CACHE,
        &CacheReport { schema_version: CACHE_SCHEMA_VERSION.to_owned(), outputs_checksum, builds },
    )
}

/// When all is built: marks the caches that were written, and removes what the config's limits do not keep. Changes from
/// a fork do neither.
pub(super) async fn tidy(session: &Session, gathered: &Gathered, wiring: &Wiring, made: &[Made]) {
    let built: Vec<&BuildCache> = made.iter().filter_map(|made| made.cache.as_ref()).collect();
    if built.is_empty() || gathered.context.is_untrusted() || session.cancel.is_cancelled() {
        return;
    }
    let Gathered { config, repository, .. } = gathered;
    if let Err(error) = stamp(session, gathered, &built).await {
        session.events.warn(format!("the caches could not be marked as written now: {}", error.message()), None);
    }
    let tidy = Tidy { session, config, repository, dry_run: false };
    let mut tidied = tidy.places().await;
    if let Some(lease) = wiring.lease() {
        let kind = session.resolution(&config.builder).await.ok().and_then(|found| found.backend().map(|backend| backend.kind));
        tidy.builders(lease, kind == Some(BackendKind::Spawn), false, &mut tidied).await;
    }
    tell(session, &tidied);
}

/// Says when each cache in a registry was written and whose it is: retention goes by that.
async fn stamp(session: &Session, gathered: &Gathered, built: &[&BuildCache]) -> Result<()> {
    let written: Vec<&str> = built
        .iter()
        .flat_map(|build| &build.cache.exports)
        .filter(|export| export.written && export.kind == "registry")
        .filter_map(|export| Some(export.name.rsplit_once(':')?.1))
        .collect();
    if written.is_empty() {
        return Ok(());
    }
    let Some((_, tags)) = registry_tags(session, &gathered.config, &gathered.repository)? else { return Ok(()) };
    let stamp = Stamp { written: session.world.clock.now(), repository: gathered.repository.clone() };
    for tag in written {
        tags.stamp(tag, &stamp, &session.cancel).await?;
    }
    Ok(())
}

fn tell(session: &Session, tidied: &Tidied) {
    for error in &tidied.errors {
        session.events.warn(format!("a cache could not be pruned: {error}"), Some("`stagefreight cache prune` tries again".to_owned()));
    }
    for builder in &tidied.builders {
        match (&builder.skipped, &builder.reclaimed) {
            (Some(why), _) => session.events.warn(format!("the cache of builder {} is not pruned: {why}", builder.builder), None),
            (None, Some(reclaimed)) => {
                session.events.info(format!("pruned the cache of builder {}: {reclaimed} given back", builder.builder));
            }
            (None, None) => {}
        }
    }
    let local = tidied.local.as_ref().map_or(0, |local| local.removed.len());
    let shared = tidied.registry.as_ref().map_or(0, TagRetention::removed);
    if local + shared > 0 {
        session.events.info(format!("removed {} that the limits do not keep", counted(local + shared, "cache")));
    }
}

fn read(session: &Session) -> Vec<BuildCache> {
    // A record of another version, or none, only means that less is known.
    let bytes = files::read(&session.directory, names::path::CACHE).ok();
    let report = bytes.and_then(|bytes| files::parse::<CacheReport>(names::path::CACHE, &bytes, CACHE_SCHEMA_VERSION).ok());
    report.map(|report| report.builds).unwrap_or_default()
}

/// Lines of perform's screen below an artifact.
pub(super) fn lines(cache: &CacheResolution) -> Vec<[String; 3]> {
    let mut lines = vec![[String::new(), format!("cache {}", cache.mode), cache.summary()]];
    for import in &cache.imports {
        lines.push([String::new(), format!("read {}", import.found.word()), import.name.clone()]);
    }
    for export in &cache.exports {
        let (word, why) = match &export.why {
            None => ("written", String::new()),
            Some(why) => ("not written", format!(": {why}")),
        };
        lines.push([String::new(), word.to_owned(), format!("{}{why}", export.name)]);
    }
    lines
}
