//! `perform --from`: what other builders made instead of building it. Sources are read and checked whole before anything
//! of the workspace changes; images take the place of the config's builds, files land in `.stagefreight/dist`.

mod assign;
mod land;
mod source;

use std::collections::BTreeMap;

pub use source::Source;

use super::{Made, MadeFile};
use crate::build::adopt::{AdoptCx, FileKind, Found, FoundImage, Limits, adopt};
use crate::cli::session::Session;
use crate::config::{BuildkitOptions, Config, DockerBuild};
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::fs::{self, Scratch};
use crate::manifest::{BuildRecord, Origin};
use crate::names;
use crate::plan::{BuildStep, Plan};
use crate::store::{ContentStore, Layout};

/// Everything the sources hold, and which build each image is.
pub struct Adoption {
    // Holds what was read until it is in its place.
    _scratch: Scratch,
    found: Vec<Found>,
    images: BTreeMap<String, Taken>,
}

/// An image that takes the place of a build.
struct Taken {
    image: FoundImage,
    by: String,
}

impl Adoption {
    /// Reads every source.
    ///
    /// # Errors
    /// As [`adopt`]; kind `Usage` when an image belongs to no build or to several.
    pub fn read(session: &Session, sources: &[Source], config: &Config) -> Result<Self> {
        let scratch = Scratch::below(&session.path(names::path::ROOT), "from")?;
        let mut found = Vec::with_capacity(sources.len());
        for (number, source) in sources.iter().enumerate() {
            let own = scratch.path().join(number.to_string());
            fs::create_dir(&own)?;
            let cx = AdoptCx { scratch: &own, limits: Limits::default(), cancel: &session.cancel };
            let read = adopt(&cx, &session.world.cwd.join(&source.path), &source.shown)?;
            for left in &read.left {
                session.events.info(format!("{}: not taken over: {left}", read.shown));
            }
            found.push(read);
        }
        refuse_repeated_names(&found)?;
        let images = assign::assign(sources, &found, config)?;
        Ok(Self { _scratch: scratch, found, images })
    }

    /// The config as it is without the builds that others did: what they say of Dockerfiles, arguments and caches decided
    /// nothing about these bytes.
    ///
    /// # Errors
    /// Kind `Usage` when an image lacks a platform the config asks for.
    pub fn settle(&self, session: &Session, config: &mut Config) -> Result<()> {
        // What is only assumed nobody asked for.
        if config.assumed {
            config.builds.retain(|id, _| self.images.contains_key(id));
        }
        for (id, taken) in &self.images {
            let Some(build) = config.builds.get_mut(id) else { continue };
            let wanted = std::mem::take(&mut build.docker.platforms);
            check_platforms(session, id, &wanted, taken)?;
            build.depends_on.clear();
            build.docker = bare(taken.image.platforms.clone());
        }
        Ok(())
    }

    /// Builds that are not made here, and who made them.
    pub fn builds(&self) -> BTreeMap<String, String> {
        self.images.iter().map(|(id, taken)| (id.clone(), taken.by.clone())).collect()
    }

    /// Are there files among what was found?
    pub fn has_files(&self) -> bool {
        self.found.iter().any(|found| !found.files.is_empty())
    }

    /// Sources that say of which commit they are must be of this one.
    ///
    /// # Errors
    /// Kind `Failed`, naming the file that says otherwise.
    pub fn check(&self, session: &Session, plan: &Plan) -> Result<()> {
        for found in &self.found {
            let says = &found.says;
            if let Some(commit) = says.commit.as_ref().filter(|commit| !plan.commit.starts_with(commit.as_str())) {
                let text = format!("{}: it was made from commit {commit:.12}, and this is {:.12}", says.file, plan.commit);
                return Err(Error::failed(text).hint("take over what was built from this commit, or check out the other"));
            }
            if let Some(version) = says.version.as_ref().filter(|version| **version != plan.version.version) {
                let hint = "files keep the version of those who made them; images are tagged with the plan's".to_owned();
                session.events.warn(
                    format!("{} says version {version}, and this is {}: {}", says.file, plan.version.version, plan.version.why),
                    Some(hint),
                );
            }
        }
        Ok(())
    }

    /// The image that takes the place of a step, in the store; `None` for a step that is built.
    pub(super) fn image(&self, session: &Session, store: &ContentStore, step: &BuildStep) -> Result<Option<Made>> {
        let Some(taken) = self.images.get(&step.id) else { return Ok(None) };
        let (_, closure) = store
            .put_complete(&taken.image.root, &Layout::open(&taken.image.layout)?)
            .map_err(|error| Error::from(error).context(format!("build {}", step.id)))?;
        session.events.info(format!("took over {} as {}: {}", taken.image.root.short(), step.id, taken.by));
        let record = BuildRecord {
            artifact: format!("docker:{}", step.id),
            origin: Origin::Adopted,
            by: taken.by.clone(),
            bases: None,
            args: BTreeMap::new(),
            sources: Vec::new(),
        };
        let digest = taken.image.root.clone();
        Ok(Some(Made { step: step.clone(), digest, closure, record, build_args_digest: None, cache: None }))
    }

    /// Puts every file into its place and describes it.
    pub(super) fn land(&self, session: &Session, plan: &Plan) -> Result<Vec<MadeFile>> {
        // Earlier outputs may name the places that are written to now.
        for stale in [names::path::REVIEW, names::path::OUTPUTS] {
            fs::remove_file(&session.path(stale))?;
        }
        let mut landed = Vec::new();
        for found in &self.found {
            for file in &found.files {
                landed.push(land::land(session, plan, found, file)?);
            }
        }
        Ok(landed)
    }
}

fn bare(platforms: Vec<Platform>) -> DockerBuild {
    DockerBuild {
        dockerfile: None,
        context: ".".to_owned(),
        target: None,
        platforms,
        args: indexmap::IndexMap::new(),
        labels: indexmap::IndexMap::new(),
        builder: None,
        provenance: None,
        sbom: false,
        compression: None,
        buildkit: BuildkitOptions::default(),
        stage: Vec::new(),
    }
}

fn check_platforms(session: &Session, id: &str, wanted: &[Platform], taken: &Taken) -> Result<()> {
    let there: Vec<Platform> = taken.image.platforms.iter().map(Platform::normalized).collect();
    let names = |platforms: &[Platform]| platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(missing) = wanted.iter().find(|platform| !there.contains(&platform.normalized())) {
        return Err(Error::usage(format!("build `{id}` is for {}, and the image of {} is for {}", names(wanted), taken.by, names(&there)))
            .hint(format!("build it for {missing} too, or correct `platforms`")));
    }
    let wanted: Vec<Platform> = wanted.iter().map(Platform::normalized).collect();
    if let Some(more) = there.iter().find(|platform| !wanted.is_empty() && !wanted.contains(platform)) {
        session.events.warn(format!("build `{id}`: the image of {} is also for {more}, which `platforms` does not name", taken.by), None);
    }
    Ok(())
}

// Two sources may not make one artifact, nor one file.
fn refuse_repeated_names(found: &[Found]) -> Result<()> {
    let mut seen: BTreeMap<(bool, String), &str> = BTreeMap::new();
    for one in found {
        for file in &one.files {
            let binary = matches!(file.kind, FileKind::Binary { .. });
            if let Some(other) = seen.insert((binary, file.name.to_ascii_lowercase()), &one.shown) {
                return Err(Error::usage(format!("{other} and {} both hold `{}`", one.shown, file.name))
                    .hint("rename one: names of a release's files are unique"));
            }
        }
    }
    Ok(())
}
