//! What a plan is made of, gathered once for every command that needs one: config, pipeline, git, Dockerfiles,
//! builders. Reads the workspace and asks `git` and the builders; writes nothing.

use std::collections::BTreeMap;

use super::load;
use super::session::Session;
use crate::build::{self, embedded};
use crate::ci::{self, PipelineContext};
use crate::config::{Build, Config};
use crate::core::{PathError, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::git::{self, GitFacts};
use crate::names::env;
use crate::plan::cache::RepositoryId;
use crate::plan::{self, BuilderChoice, BuilderKind, DockerfileFacts, Inputs, Plan, Surroundings};
use crate::process::Child;

/// GitHub delivers payloads of at most 25 MB.
const MAX_PAYLOAD: u64 = 32 << 20;

/// Far beyond what people write.
const MAX_DOCKERFILE: u64 = 1 << 20;

/// A plan and what it was made of.
pub struct Gathered {
    /// The checked config, or the one that is assumed without a file.
    pub config: Config,
    /// What the CI says, completed from git.
    pub context: PipelineContext,
    /// What git knows.
    pub git: GitFacts,
    /// What the repository is called by builders and caches.
    pub repository: RepositoryId,
    /// What will be made and where it will go.
    pub plan: Plan,
}

/// Gathers and plans. Warnings of config and plan go to the session's events.
pub async fn gather(session: &Session) -> Result<Gathered> {
    Box::pin(gather_part(session, &[])).await
}

/// The same for a run that builds some platforms alone: the plan is that of the whole, with the caches of this run.
pub async fn gather_part(session: &Session, part: &[Platform]) -> Result<Gathered> {
    Box::pin(gather_with(session, load::config(session)?, part, &BTreeMap::new())).await
}

/// The same with a config at hand, where others made some of its builds: build id → who made it.
pub async fn gather_with(session: &Session, mut config: Config, part: &[Platform], adopted: &BTreeMap<String, String>) -> Result<Gathered> {
    bake(session, &mut config).await?;
    let context = context(session)?;
    // Both wait for other processes, and neither needs the other.
    let (git, surroundings) = tokio::join!(read_git(session), surroundings(session, &config, adopted));
    let git = git?;
    let context = plan::complete(context, &git);
    let repository = RepositoryId::find(&context, &git, &session.directory);
    let surroundings = Surroundings { repository: repository.clone(), part: part.to_vec(), ..surroundings? };
    let env = |name: &str| session.world.env.get(name).map(str::to_owned);
    let inputs =
        Inputs { config: &config, context: &context, git: &git, surroundings: &surroundings, env: &env, now: session.world.clock.now() };
    let mut plan = plan::plan(&inputs)?;
    super::notes::fill(session, &config, &git, &mut plan).await?;
    for warning in &plan.warnings {
        session.events.warn(warning.clone(), None);
    }
    Ok(Gathered { config, context, git, repository, plan })
}

/// Builds that a bake file defines get their settings from it, before anything looks at them.
async fn bake(session: &Session, config: &mut Config) -> Result<()> {
    for build in config.builds.values_mut() {
        let docker = &mut build.docker;
        let Some(file) = docker.buildkit.bake.clone() else { continue };
        let target = docker.target.clone().unwrap_or_else(|| "default".to_owned());
        let printed = build::bake::print(&session.world, &session.directory, &file, &target, &config.env_allowed, &session.cancel);
        let named = |error: Error| error.context(format!("build `{}`", build.id));
        let printed = printed.await.map_err(named)?;
        for note in build::bake::apply(docker, &file, &target, printed, &session.world.env).map_err(named)? {
            session.events.detail(note);
        }
    }
    Ok(())
}

/// What the CI says, with the payload of its event where it wrote one.
pub fn context(session: &Session) -> Result<PipelineContext> {
    let env = |name: &str| session.world.env.get(name).map(str::to_owned);
    let payload = match ci::payload_path(&env) {
        Some(path) => payload(session, &path)?,
        None => None,
    };
    ci::detect(&env, payload.as_deref())
}

/// Facts of the workspace's repository.
pub async fn read_git(session: &Session) -> Result<GitFacts> {
    git::read(&Child::new(&session.world, "git"), &session.directory, &session.cancel).await
}

fn payload(session: &Session, path: &str) -> Result<Option<String>> {
    let bytes = match fs::read_bounded(&session.directory.join(path), MAX_PAYLOAD) {
        Ok(bytes) => bytes,
        // A container that got the variables and not the file: less is known then, and pull requests count as forks'.
        Err(error) if error.is_not_found() => {
            let hint = "mount the file where GITHUB_EVENT_PATH says, or unset it".to_owned();
            session.events.warn(format!("the event's payload is not there: {error}"), Some(hint));
            return Ok(None);
        }
        Err(error) => {
            return Err(Error::missing(format!("cannot read the event's payload: {error}"))
                .hint("the runner writes this file for every job; check its permissions, or unset GITHUB_EVENT_PATH"));
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::missing(format!("cannot read the event's payload: {path} is not UTF-8 text"))
            .hint("the runner writes this file for every job; run the job again, or unset GITHUB_EVENT_PATH")
    })?;
    Ok(Some(text))
}

async fn surroundings(session: &Session, config: &Config, adopted: &BTreeMap<String, String>) -> Result<Surroundings> {
    let directory = session.directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = dockerfiles(session, config)?;
    let components = super::components::read(session, config)?;
    let builders = builders(session, config, &files, adopted).await?;
    let facts = files.iter().map(|(path, text)| DockerfileFacts { path: path.clone(), args: embedded::declared_args(text) }).collect();
    Ok(Surroundings {
        dockerfiles: facts,
        components,
        builders,
        host_platform: Platform::host(),
        source_date_epoch: source_date_epoch(session)?,
        ..Surroundings::bare(&directory)
    })
}

/// Paths and texts: what detection finds, then what the config names.
fn dockerfiles(session: &Session, config: &Config) -> Result<Vec<(String, String)>> {
    let mut paths = load::dockerfiles(session)?;
    for named in config.builds.values().filter_map(|build| build.docker.dockerfile.as_deref()) {
        let path = plan::clean_path(named);
        // The plan refuses paths that lead out; they are not even read.
        if !named.starts_with('/') && !path.starts_with("..") && !paths.contains(&path) {
            paths.push(path);
        }
    }
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::read_bounded(&session.path(&path), MAX_DOCKERFILE) {
            Ok(bytes) => files.push((path, String::from_utf8_lossy(&bytes).into_owned())),
            // The plan says so, with the build that names it.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    Ok(files)
}

fn unreadable(error: &PathError) -> Error {
    Error::usage(error.to_string()).hint("a Dockerfile is a text file of at most 1 MiB; check `dockerfile` and its permissions")
}

async fn builders(
    session: &Session,
    config: &Config,
    files: &[(String, String)],
    adopted: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, BuilderChoice>> {
    let mut builders: BTreeMap<String, BuilderChoice> =
        adopted.iter().map(|(id, by)| (id.clone(), BuilderChoice { kind: BuilderKind::Adopted, why: by.clone() })).collect();
    let built = || config.builds.values().filter(move |build| !adopted.contains_key(&build.id));
    // Asking BuildKit takes time: not for builds that want something else.
    let asks = built().any(|build| build.docker.builder.as_deref() != Some("embedded"));
    let available =
        if asks { build::Available::from(session.resolution(&config.builder).await?.as_ref()) } else { build::Available::unasked() };
    for build in built() {
        let Some(text) = dockerfile_of(build, files) else { continue };
        let docker = &build.docker;
        let obstacle = embedded::needs_buildkit(text, docker.target.as_deref());
        let facts = build::Facts {
            build: &build.id,
            configured: docker.builder.as_deref(),
            attestations: docker.sbom || docker.provenance.is_some(),
            option: docker.buildkit.first_used(),
            needs_buildkit: obstacle.as_ref(),
        };
        builders.insert(build.id.clone(), build::choose(&facts, &available)?);
    }
    Ok(builders)
}

fn dockerfile_of<'a>(build: &Build, files: &'a [(String, String)]) -> Option<&'a str> {
    let file = match build.docker.dockerfile.as_deref().map(plan::clean_path) {
        Some(path) => files.iter().find(|(known, _)| *known == path),
        None => files.first(),
    };
    file.map(|(_, text)| text.as_str())
}

fn source_date_epoch(session: &Session) -> Result<Option<i64>> {
    let Some(text) = session.world.env.get(env::SOURCE_DATE_EPOCH) else { return Ok(None) };
    match text.trim().parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Ok(Some(seconds)),
        _ => Err(Error::usage(format!("{}=`{text}` is not a number of seconds since 1970", env::SOURCE_DATE_EPOCH))
            .hint("unset it to use the commit's time")),
    }
}
