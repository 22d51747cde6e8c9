//! Keeping caches small: the same three places for a build that ends and for `cache prune`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::session::Session;
use crate::build::backend::Tool;
use crate::build::cache::{
    BuilderRetention, CacheTags, LocalKeep, LocalRetention, Pruner, TagKeep, TagRetention, prune_builder, prune_local, prune_tags,
};
use crate::build::lifecycle::Lease;
use crate::config::{CacheMode, Config, Driver};
use crate::core::ByteSize;
use crate::error::Result;
use crate::plan::cache::{RegistryCache, RepositoryId, local_directory, registry_cache};
use crate::registry::{HostSpec, Registries, RegistryCacheTags};

/// What is kept where the config says nothing (spec/build.md T.1).
const LOCAL_AGE: Duration = Duration::from_secs(7 * 86_400);
const LOCAL_SIZE: ByteSize = ByteSize(15 << 30);
const MAX_REFS: u32 = 20;
const STALE_AGE: Duration = Duration::from_secs(14 * 86_400);

/// What became of every cache of a repository.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Tidied {
    /// Nothing was changed.
    pub dry_run: bool,
    /// Directories of this machine.
    pub local: Option<LocalRetention>,
    /// The cache inside each builder.
    pub builders: Vec<BuilderRetention>,
    /// Tags in a registry.
    pub registry: Option<TagRetention>,
    /// What could not be done.
    pub errors: Vec<String>,
}

impl Tidied {
    /// Nothing was, or would be, removed, and nothing went wrong.
    pub fn is_nothing(&self) -> bool {
        let local = self.local.as_ref().is_none_or(|local| local.removed.is_empty());
        let builders = self.builders.iter().all(|builder| builder.skipped.is_some());
        let registry = self.registry.as_ref().is_none_or(|registry| registry.removed() == 0);
        local && builders && registry && self.errors.is_empty()
    }

    fn failed(&mut self, what: &str, error: &crate::error::Error) {
        self.errors.push(format!("{what}: {}", error.message()));
    }
}

/// One repository's caches, as the config describes them.
pub struct Tidy<'a> {
    /// The command.
    pub session: &'a Session,
    /// The config.
    pub config: &'a Config,
    /// Whose caches.
    pub repository: &'a RepositoryId,
    /// Say what would go, and leave it.
    pub dry_run: bool,
}

impl Tidy<'_> {
    /// Directories and tags; never fails, what went wrong is in the result.
    pub async fn places(&self) -> Tidied {
        let mut tidied = Tidied { dry_run: self.dry_run, ..Tidied::default() };
        let cache = &self.config.build_cache;
        if matches!(cache.mode, CacheMode::Local | CacheMode::Hybrid) {
            match self.local() {
                Ok(local) => tidied.local = Some(local),
                Err(error) => tidied.failed("local caches", &error),
            }
        }
        if matches!(cache.mode, CacheMode::Shared | CacheMode::Hybrid) {
            match self.registry().await {
                Ok(registry) => {
                    tidied.errors.extend(registry.iter().flat_map(|registry| registry.errors.clone()));
                    tidied.registry = registry;
                }
                Err(error) => tidied.failed("shared caches", &error),
            }
        }
        tidied
    }

    /// The cache inside the builder of a lease. A daemon that others may use is left alone unless `shared` says
    /// otherwise: what it holds of theirs cannot be told from what it holds of ours.
    pub async fn builders(&self, lease: &Lease, spawned: bool, shared: bool, tidied: &mut Tidied) {
        let keep = self.config.build_cache.keep;
        if keep == crate::config::BuilderKeep::default() {
            return;
        }
        let own = spawned || matches!(lease.driver(), Driver::DockerContainer | Driver::Kubernetes);
        for node in lease.nodes() {
            if !own && !shared {
                let why = "other repositories may use this daemon too; `stagefreight cache prune --shared` prunes it all the same";
                tidied.builders.push(BuilderRetention::skipped(&node.name, why));
                continue;
            }
            let tool = lease.program().tool;
            let child = tool.buildx(&self.session.world, lease.session());
            let pruner = match (tool, &node.address) {
                (Tool::Buildctl, address) => {
                    let address = address.clone().unwrap_or_default();
                    let mut child = child.args(["--addr", &address]);
                    if let Some(tls) = &node.tls {
                        for (flag, path) in [("--tlscacert", &tls.ca), ("--tlscert", &tls.cert), ("--tlskey", &tls.key)] {
                            child = child.args([flag.to_owned(), path.display().to_string()]);
                        }
                        if let Some(name) = &tls.server_name {
                            child = child.args(["--tlsservername", name]);
                        }
                    }
                    Pruner::Buildctl { child, daemon: address }
                }
                _ => Pruner::Buildx { child, builder: node.builder.clone() },
            };
            match prune_builder(&pruner, &keep, self.dry_run, &self.session.cancel).await {
                Ok(report) => tidied.builders.push(report),
                Err(error) => tidied.failed("the builder's cache", &error),
            }
        }
    }

    fn local(&self) -> Result<LocalRetention> {
        let local = &self.config.build_cache.local;
        let keep = LocalKeep { max_age: local.max_age.unwrap_or(LOCAL_AGE), max_size: local.max_size.unwrap_or(LOCAL_SIZE) };
        let directory = local_directory(self.config, self.repository);
        prune_local(Path::new(&directory), keep, self.session.world.clock.now(), self.dry_run)
    }

    async fn registry(&self) -> Result<Option<TagRetention>> {
        let Some((place, tags)) = registry_tags(self.session, self.config, self.repository)? else { return Ok(None) };
        let external = self.config.build_cache.external.as_ref();
        let keep = TagKeep {
            repository: self.repository.clone(),
            scope: place.scope,
            max_refs: usize::try_from(external.and_then(|external| external.max_refs).unwrap_or(MAX_REFS)).unwrap_or(usize::MAX),
            stale_age: external.and_then(|external| external.stale_age).unwrap_or(STALE_AGE),
        };
        let now = self.session.world.clock.now();
        prune_tags(tags.as_ref(), &keep, now, self.dry_run, &self.session.cancel).await.map(Some)
    }
}

/// The registry that holds shared caches, with the credentials of its own id; `None` when they are elsewhere.
pub fn registry_tags(session: &Session, config: &Config, repository: &RepositoryId) -> Result<Option<(RegistryCache, Arc<dyn CacheTags>)>> {
    let Some(external) = &config.build_cache.external else { return Ok(None) };
    let Some(place) = registry_cache(config, external, repository)? else { return Ok(None) };
    let Some(registry) = config.registries.get(&place.registry) else { return Ok(None) };
    let registries = Registries::new(&session.world, session.events.clone())?;
    let client = registries.client_of(&HostSpec {
        host: registry.host.clone(),
        plain_http: registry.plain_http,
        credentials: registry.credentials.clone(),
        ca_file: registry.ca_file.as_ref().map(|file| session.path(file)),
        options: registry.options.clone(),
        ..HostSpec::default()
    })?;
    let tags = RegistryCacheTags::new(client, &place.path);
    Ok(Some((place, Arc::new(tags))))
}
