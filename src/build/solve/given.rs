//! Everything a call is given, found and checked before it starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::context::{self, Context};
use super::contexts::{self, NamedContext};
use super::secrets::{self, GivenSecret, Source};
use super::{Solve, auth};
use crate::build::BuildCx;
use crate::build::backend::Session;
use crate::build::cache::environment;
use crate::core::Redactor;
use crate::error::{Error, Result};
use crate::fs::Scratch;
use crate::names::env;
use crate::plan::{BuildStep, CacheRef};
use crate::process::Child;
use crate::world::World;

/// What one call is given. Its private directory, outside the workspace, goes when this does.
#[derive(Debug)]
pub struct Given {
    /// Context and Dockerfile.
    pub context: Context,
    /// Secrets in the order of their ids.
    pub secrets: Vec<GivenSecret>,
    /// Agents and keys: `default`, `id=/absolute/path`.
    pub ssh: Vec<String>,
    /// Contexts by name.
    pub contexts: Vec<(String, NamedContext)>,
    /// For `DOCKER_CONFIG`: the session's, with the credentials this call needs.
    pub docker_config: PathBuf,
    /// Where the tool writes the digest.
    pub metadata: PathBuf,
    /// Knows the secrets of the environment, of the step, and of the registries.
    pub redactor: Redactor,
    // Removed last.
    _private: Scratch,
}

impl Given {
    /// Finds everything.
    ///
    /// # Errors
    /// `Missing` for a secret, agent, Dockerfile or context that is not there; `Usage` for a path that leads out of the
    /// repository.
    pub async fn find(world: &World, cx: &BuildCx, session: &Session, solve: &Solve<'_>) -> Result<Self> {
        let step = solve.step;
        let mut redactor = world.env.redactor();
        let secrets = secrets::find(world, &cx.workspace, step, &mut redactor)?;
        let ssh = agents(world, &cx.workspace, step)?;
        let contexts = contexts::resolve(&cx.workspace, solve)?;
        let private = Scratch::below(&session.path("calls"), "call")?;
        let context = context::prepare(&cx.workspace, step, private.path())?;
        let docker_config = auth::docker_config(cx, session, step, private.path(), &mut redactor).await?;
        let metadata = private.path().join("metadata.json");
        Ok(Self { context, secrets, ssh, contexts, docker_config, metadata, redactor, _private: private })
    }

    /// Images given by name, as base images of the report.
    pub fn bases(&self) -> Vec<(String, String)> {
        let base = |(_, context): &(String, NamedContext)| match context {
            NamedContext::Layout { digest, reference, .. } => Some((reference.clone(), digest.to_string())),
            NamedContext::Directory(_) | NamedContext::Remote(_) => None,
        };
        self.contexts.iter().filter_map(base).collect()
    }

    /// The child with what it must know beside its arguments, which knows what to mask.
    pub fn equip(&self, child: Child, world: &World, step: &BuildStep) -> Child {
        let mut child = child
            .masking(self.redactor.clone())
            .env(env::DOCKER_CONFIG, self.docker_config.display().to_string())
            .env(env::SOURCE_DATE_EPOCH, step.source_date_epoch.to_string())
            .cwd(&self.context.dir);
        for secret in &self.secrets {
            if let Source::Variable { name, value } = &secret.source {
                child = child.env(name, value.expose());
            }
        }
        // The tools read these themselves, so that they never stand on a command line.
        let kinds: BTreeSet<&str> = step.cache.from.iter().chain(&step.cache.to).map(|cache| cache.kind.as_str()).collect();
        for name in kinds.into_iter().flat_map(environment) {
            child = child.pass(world, name);
        }
        child
    }
}

/// One `--secret`.
impl GivenSecret {
    /// As both tools read it.
    pub fn flag(&self) -> String {
        let fields = super::csv::Fields::new("id", &self.id);
        match &self.source {
            Source::Variable { name, .. } => fields.with("env", name).line(),
            Source::File(path) => fields.with("src", path.display()).line(),
        }
    }
}

/// One `--cache-from` or `--cache-to`, as both tools read it.
pub fn cache_flag(cache: &CacheRef) -> String {
    let fields = super::csv::Fields::new("type", &cache.kind);
    cache.attributes.iter().fold(fields, |fields, (key, value)| fields.with(key, value)).line()
}

/// Agents with absolute paths: the tool runs in the context's directory.
fn agents(world: &World, workspace: &Path, step: &BuildStep) -> Result<Vec<String>> {
    let mut agents = Vec::with_capacity(step.buildkit.ssh.len());
    for agent in &step.buildkit.ssh {
        let Some((id, paths)) = agent.split_once('=') else {
            if world.env.get(env::SSH_AUTH_SOCK).is_none() {
                return Err(Error::missing(format!(
                    "build {}: ssh `{agent}` needs an agent, and {} is not set",
                    step.id,
                    env::SSH_AUTH_SOCK
                ))
                .hint(format!("start an agent (`eval $(ssh-agent); ssh-add`), or name a key: `{agent}=path/to/key`")));
            }
            agents.push(agent.clone());
            continue;
        };
        let mut absolute = Vec::new();
        for path in paths.split(',') {
            let path = workspace.join(path);
            if !crate::fs::is_present(&path)? {
                return Err(Error::missing(format!("build {}: the key or socket of ssh `{id}` is not there: {}", step.id, path.display()))
                    .hint("write it before the build, or correct the path"));
            }
            absolute.push(path.display().to_string());
        }
        agents.push(format!("{id}={}", absolute.join(",")));
    }
    agents.sort();
    Ok(agents)
}
