//! The composition root: joins the ports with the rooms that implement them. Nothing else names both sides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::forges::{Seed, Started};
use super::lineage::GitLineage;
use super::remotes::{self, RemoteOptions};
use super::session::Session;
use crate::build::lifecycle::{Lease, Order};
use crate::build::{self, BaseImages, Builder, Logins, StoredBaseImages, embedded};
use crate::config::{BuilderSettings, CachePlace, Config, RegistryProvider};
use crate::error::{Error, Kind, Result};
use crate::forge::Forges;
use crate::manifest::{DestinationTarget, Destinations};
use crate::names;
use crate::plan::{BuildStep, BuilderKind, Plan, PlannedTarget};
use crate::publish::{Cx, Lineage, Overrides, Target};
use crate::registry::{HostSpec, Registries, RegistryBaseImages, RegistryLogins, RegistryTarget};

use crate::rehearse::registry::{Options as ServerOptions, Running, Server};
use crate::store::ContentStore;

/// Targets ready to be asked, and the embedded registries that were started for this run.
pub struct Wiring {
    targets: Vec<Arc<dyn Target>>,
    bases: Arc<dyn BaseImages>,
    logins: Arc<dyn Logins>,
    settings: BuilderSettings,
    /// The builder of this run: taken up for the first image that needs it, let go with the run.
    lease: tokio::sync::OnceCell<Lease>,
    registries: Registries,
    // Dropped last: the servers stop with the run.
    _servers: Vec<Running>,
    _forges: Started,
}

/// The servers that a plan names, as `destinations.json` records them.
pub fn targets_of(plan: &Plan) -> Vec<DestinationTarget> {
    plan.targets.iter().map(target_of_plan).collect()
}

/// A planned target, as `destinations.json` describes it.
pub fn target_of_plan(target: &PlannedTarget) -> DestinationTarget {
    DestinationTarget {
        name: target.name.clone(),
        kind: target.kind.clone(),
        provider: target.provider.clone(),
        host: target.host.clone(),
        plain_http: target.plain_http,
        credentials: target.credentials.clone(),
        ca_file: target.ca_file.clone(),
        options: target.options.clone(),
        settings: target.settings.clone(),
    }
}

impl Wiring {
    /// What a plan names.
    pub async fn of_plan(session: &Session, plan: &Plan) -> Result<Self> {
        let paths: Vec<_> = plan.destinations.iter().map(|planned| (planned.target.clone(), planned.path.clone())).collect();
        let seed = |planned: &crate::plan::PlannedDestination| Seed {
            target: planned.target.clone(),
            tag: planned.tag.clone(),
            settings: planned.settings.clone(),
        };
        let seeds: Vec<Seed> = plan.destinations.iter().map(seed).collect();
        Self::of_targets(session, &targets_of(plan), &paths, &seeds).await
    }

    /// What `destinations.json` names.
    pub async fn of_destinations(session: &Session, destinations: &Destinations) -> Result<Self> {
        let paths: Vec<_> = destinations.destinations.iter().map(|place| (place.target.clone(), place.path.clone())).collect();
        let seed = |place: &crate::manifest::Destination| Seed {
            target: place.target.clone(),
            tag: place.tag.clone(),
            settings: place.settings.clone(),
        };
        let seeds: Vec<Seed> = destinations.destinations.iter().map(seed).collect();
        Self::of_targets(session, &destinations.targets, &paths, &seeds).await
    }

    async fn of_targets(session: &Session, described: &[DestinationTarget], paths: &[(String, String)], seeds: &[Seed]) -> Result<Self> {
        let mut servers = Vec::new();
        let mut targets: Vec<Arc<dyn Target>> = Vec::new();
        let mut remotes_host = None;
        let registries = Registries::new(&session.world, session.events.clone())?;
        let (mut forges, mut started) = (Forges::new(&session.world, session.events.clone()), Started::default());
        for target in described {
            check_target_name(&target.name)?;
            if target.kind == "remote" {
                // One for all: adapters are started at one pace.
                let host = match &remotes_host {
                    Some(host) => host,
                    None => remotes_host.insert(remotes::host(session, &RemoteOptions::default())?),
                };
                targets.push(Arc::new(remotes::target(host, target)?));
                continue;
            }
            if target.kind == "store" {
                targets.push(Arc::new(super::store_open::target(session, target)?));
                continue;
            }
            if target.kind == "release" {
                let endpoint = started.endpoint(session, target, described, seeds).await?;
                targets.push(Arc::new(forges.releases(target, &session.directory, endpoint)?));
                continue;
            }
            if target.kind == "packages" {
                let endpoint = started.endpoint(session, target, described, seeds).await?;
                targets.push(Arc::new(forges.packages(target, &session.directory, endpoint)?));
                continue;
            }
            if target.kind == "catalog" {
                let endpoint = started.endpoint(session, target, described, seeds).await?;
                targets.push(Arc::new(forges.catalog(target, &session.directory, endpoint)?));
                continue;
            }
            if target.kind != "registry" {
                return Err(Error::usage(format!("target {} is of kind {}, which is not supported yet", target.name, target.kind)));
            }
            let mut endpoint = None;
            if target.provider == RegistryProvider::Embedded.name() {
                let running = start_embedded(session, &target.name, &target.host).await?;
                endpoint = Some(running.addr);
                servers.push(running);
            }
            let paths = paths.iter().filter(|(name, _)| *name == target.name).map(|(_, path)| path.clone());
            let made = RegistryTarget::new(&registries, target, paths, &session.directory, endpoint)?;
            targets.push(Arc::new(made));
        }
        let logins = Arc::new(RegistryLogins::new(registries.clone(), session.events.clone()));
        Ok(Self {
            targets,
            bases: Arc::new(RegistryBaseImages::new(registries.clone())),
            logins,
            settings: BuilderSettings::default(),
            registries,
            lease: tokio::sync::OnceCell::new(),
            _servers: servers,
            _forges: started,
        })
    }

    /// The same with what only builds ask the config for: its builder, and the credentials it names for its registries,
    /// also those nothing is published to.
    #[must_use]
    pub fn with_config(self, session: &Session, config: &Config) -> Self {
        // Where two ids are one host, the cache's own description counts: BuildKit knows one login for a host, and only the
        // cache is written.
        let cache = config.build_cache.external.as_ref().and_then(|external| match &external.place {
            CachePlace::Registry { registry, .. } => config.registries.get(registry),
            CachePlace::Gha | CachePlace::S3(_) => None,
        });
        for registry in config.registries.values().chain(cache) {
            let known = self.registries.spec(&registry.host);
            let spec = HostSpec {
                host: registry.host.clone(),
                plain_http: registry.plain_http,
                credentials: registry.credentials.clone(),
                ca_file: registry.ca_file.as_ref().map(|file| session.path(file)),
                endpoint: known.endpoint,
                options: registry.options.clone(),
                mirrors: registry.mirrors.clone(),
                // A base image may well be public: a pull request from a fork has no secrets and still builds.
                may_be_anonymous: true,
            };
            self.registries.describe(spec);
        }
        Self { settings: config.builder.clone(), ..self }
    }

    /// The builder of this run, when an image needed it.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.get()
    }

    /// Credentials for base images and caches.
    pub fn logins(&self) -> Arc<dyn Logins> {
        Arc::clone(&self.logins)
    }

    /// A target by name.
    pub fn target(&self, name: &str) -> Option<&Arc<dyn Target>> {
        self.targets.iter().find(|target| target.name() == name)
    }

    /// All targets.
    pub fn targets(&self) -> &[Arc<dyn Target>] {
        &self.targets
    }

    /// What targets and steps get.
    pub fn cx(&self, session: &Session, overrides: Overrides) -> Cx {
        let lineage: Arc<dyn Lineage> = Arc::new(GitLineage::new(session));
        Cx {
            cancel: session.cancel.clone(),
            events: session.events.clone(),
            overrides: Arc::new(overrides),
            lineage: Some(lineage),
            completed: Arc::default(),
        }
    }

    /// The builder the plan chose for a step.
    pub async fn builder(&self, session: &Session, repository: &str, step: &BuildStep) -> Result<Box<dyn Builder>> {
        Ok(match step.builder.kind {
            BuilderKind::Embedded => {
                let stored: Arc<dyn BaseImages> = Arc::new(StoredBaseImages::new(ContentStore::new(&session.directory)));
                Box::new(embedded::Embedded::new(vec![stored, Arc::clone(&self.bases)]))
            }
            BuilderKind::Adopted => {
                return Err(Error::failed(format!("build {} was made elsewhere, and its image is not here", step.id))
                    .hint("name it: `stagefreight perform --from PATH`"));
            }
            BuilderKind::Buildx => {
                let lease = self.lease.get_or_try_init(|| lease(session, &self.settings, repository)).await?;
                Box::new(build::leased(&session.world, lease, None))
            }
        })
    }
}

/// Takes up the builder of a repository.
pub async fn lease(session: &Session, settings: &BuilderSettings, repository: &str) -> Result<Lease> {
    let resolution = session.resolution(settings).await?;
    let order = Order {
        world: &session.world,
        workspace: &session.directory,
        settings,
        repository,
        events: &session.events,
        cancel: &session.cancel,
    };
    let lease = Lease::acquire(&order, &resolution).await.map_err(|error| {
        let interrupted = || Error::new(Kind::Terminated, "interrupted while taking up the builder");
        if session.cancel.is_cancelled() { interrupted() } else { error }
    })?;
    session.events.detail(format!("builder {} {}, driver {}", lease.name(), lease.action().name(), lease.driver().name()));
    Ok(lease)
}

/// The name of a target becomes a directory, and `destinations.json` comes from another job.
pub fn check_target_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Error::failed(format!("target name `{}` is not one that a config can have", name.escape_debug()))
            .hint(format!("{} must not be edited; run perform again", names::path::DESTINATIONS)));
    }
    Ok(())
}

/// Where an embedded registry keeps its data.
pub fn rehearsal_dir(session: &Session, name: &str) -> PathBuf {
    session.path(names::path::REHEARSAL).join(name)
}

// An embedded registry whose `url` names a loopback port listens there; otherwise on any free port, under its name.
async fn start_embedded(session: &Session, name: &str, host: &str) -> Result<Running> {
    let port = host.rsplit_once(':').and_then(|(host, port)| {
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        port.parse::<u16>().ok().filter(|_| loopback)
    });
    let addr = SocketAddr::from(([127, 0, 0, 1], port.unwrap_or(0)));
    let dir = rehearsal_dir(session, name);
    let running = Server::start(ServerOptions { addr, ..ServerOptions::new(dir) })
        .await
        .map_err(|error| error.context(format!("embedded registry {name}")))?;
    session.events.detail(format!("embedded registry {name} listens on {} as {host}", running.addr));
    Ok(running)
}
