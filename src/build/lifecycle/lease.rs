//! A builder for the length of a run: what was taken up or made, and the nodes to build on.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::locks::Locks;
use super::maker::{Action, Maker, Recipe};
use super::node::Node;
use super::{own_dir, record};
use crate::build::backend::{Api, Backend, BackendKind, Place, Program, Resolution, Session, Tool};
use crate::build::spawn;
use crate::config::{self, BuilderSettings, Driver};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::fs::Lock;
use crate::plan::cache;
use crate::world::World;

/// What a lease is for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The process.
    pub world: &'a World,
    /// The repository's directory.
    pub workspace: &'a Path,
    /// `builder` of the config.
    pub settings: &'a BuilderSettings,
    /// Id of the repository (`host/group/project`): builders are not shared, so that one's cache policy cannot evict
    /// another's cache.
    pub repository: &'a str,
    /// Where waiting is said.
    pub events: &'a Events,
    /// Ends it early.
    pub cancel: &'a CancellationToken,
}

impl Order<'_> {
    /// The builder's name: the config's, else `sf-` and eight hex digits of the repository's hash (spec/build.md B.8).
    pub fn builder(&self) -> String {
        self.settings.name.clone().unwrap_or_else(|| format!("sf-{}", &cache::hash(self.repository)[..8]))
    }
}

/// A builder that works, with everything that has to stay for it. Dropping it releases the builder, removes the private
/// session and stops a daemon that was started for it; what lasts (containers, pods, others' daemons) is left as it is.
pub struct Lease {
    name: String,
    action: Action,
    driver: Driver,
    nodes: Vec<Node>,
    bootstrap: Option<Duration>,
    program: Program,
    // In the order in which they are let go: the daemon before the session that holds its socket.
    daemon: Option<spawn::Daemon>,
    session: Arc<Session>,
    used: Vec<Lock>,
}

/// What making one builder gave.
struct Taken {
    node: Node,
    action: Action,
    bootstrap: Option<Duration>,
    used: Option<Lock>,
}

impl Lease {
    /// Takes up the builder, makes it, or makes it again where it is broken. A builder that does not work is an error
    /// with the raw reason; nothing else is built on in its place.
    pub async fn acquire(order: &Order<'_>, resolution: &Resolution) -> Result<Self> {
        let (Some(first), Some(program)) = (resolution.backend(), resolution.program()) else {
            return Err(Error::missing(format!("no builder: {}", resolution.why_not()))
                .hint("`stagefreight builder inspect` shows every place that was asked"));
        };
        let session = Arc::new(Session::reaching(order.world, order.workspace, program, resolution.backends())?);
        let program = program.clone().ask(order.world, order.cancel).await?;
        let maker = Maker { world: order.world, session: &session, program: &program, cancel: order.cancel };
        let name = order.builder();
        let mut daemon = None;
        let taken = if order.settings.nodes.is_empty() {
            if first.kind == BackendKind::Spawn {
                let own = own_dir(order.world, order.workspace)?;
                let socket = session.path("buildkitd.sock");
                daemon = Some(spawn::Daemon::start(order.world, &own, &name, &socket, order.events, order.cancel).await?);
            }
            vec![one(order, &maker, first, &name, daemon.as_ref()).await?]
        } else {
            let each = order.settings.nodes.iter().zip(resolution.backends()).enumerate();
            try_join_all(each.map(|(at, (node, backend))| of_node(order, &maker, node, backend, format!("{name}-{at}")))).await?
        };
        let action = [Action::Recreated, Action::Created].into_iter().find(|action| taken.iter().any(|taken| taken.action == *action));
        let (action, driver) = (action.unwrap_or(Action::Reused), first.driver);
        if let Err(error) = record(order.workspace, &name, action, driver) {
            order.events.warn(format!("the builder could not be recorded: {error}"), None);
        }
        let bootstrap = taken.iter().filter_map(|taken| taken.bootstrap).max();
        let (nodes, used): (Vec<_>, Vec<_>) = taken.into_iter().map(|taken| (taken.node, taken.used)).unzip();
        let used = used.into_iter().flatten().collect();
        Ok(Self { name, action, driver, nodes, bootstrap, program, daemon, session, used })
    }

    /// Takes the builder away with its cache. `false` when nothing of it lasts that could be taken away.
    pub async fn remove(order: &Order<'_>, resolution: &Resolution) -> Result<bool> {
        let (Some(first), Some(program)) = (resolution.backend(), resolution.program()) else {
            return Err(Error::missing(format!("no builder: {}", resolution.why_not())));
        };
        let name = order.builder();
        let own = own_dir(order.world, order.workspace)?;
        if first.kind == BackendKind::Spawn {
            return spawn::remove(order.world, &own, &name, order.cancel).await;
        }
        let session = Session::reaching(order.world, order.workspace, program, resolution.backends())?;
        let maker = Maker { world: order.world, session: &session, program, cancel: order.cancel };
        let nodes = &order.settings.nodes;
        let mut removed = false;
        for (at, backend) in resolution.backends().iter().enumerate() {
            let name = if nodes.is_empty() { name.clone() } else { format!("{name}-{at}") };
            let recipe = recipe(backend, nodes.get(at), name);
            if !lasts(recipe.driver) || !is_there(order, backend, &recipe.name).await? {
                continue;
            }
            let locks = Locks::of(&own, &recipe.name);
            let _alone = (locks.making(order.events, order.cancel).await?, locks.removing()?);
            maker.note(&recipe).await?;
            maker.remove(&recipe).await?;
            removed = true;
        }
        Ok(removed)
    }

    /// What buildx says of the caches of builders that last and are there: name and text.
    pub(super) async fn verbose_usage(order: &Order<'_>, resolution: &Resolution) -> Result<Vec<(String, String)>> {
        let Some(program) = resolution.program() else { return Ok(Vec::new()) };
        let session = Session::reaching(order.world, order.workspace, program, resolution.backends())?;
        let maker = Maker { world: order.world, session: &session, program, cancel: order.cancel };
        let (nodes, mut texts) = (&order.settings.nodes, Vec::new());
        for (at, backend) in resolution.backends().iter().enumerate() {
            let name = if nodes.is_empty() { order.builder() } else { format!("{}-{at}", order.builder()) };
            let recipe = recipe(backend, nodes.get(at), name);
            if is_there(order, backend, &recipe.name).await? {
                maker.note(&recipe).await?;
                texts.push((recipe.name.clone(), maker.disk_usage(&recipe).await?));
            }
        }
        Ok(texts)
    }

    /// What buildx says of a builder that lasts, without starting it; none where there is none or nothing lasts.
    pub async fn inspect(order: &Order<'_>, resolution: &Resolution) -> Result<Option<super::inspect::Inspected>> {
        let (Some(backend), Some(program), true) = (resolution.backend(), resolution.program(), order.settings.nodes.is_empty()) else {
            return Ok(None);
        };
        let recipe = recipe(backend, None, order.builder());
        if !lasts(recipe.driver) || !is_there(order, backend, &recipe.name).await? {
            return Ok(None);
        }
        let session = Session::reaching(order.world, order.workspace, program, resolution.backends())?;
        let maker = Maker { world: order.world, session: &session, program, cancel: order.cancel };
        maker.note(&recipe).await?;
        maker.inspect(&recipe).await.map(Some)
    }

    /// Its name: `sf-1a2b3c4d`. With nodes of the config, each has a builder of this name and a number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it came to be there.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Its driver; with nodes, the first one's.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// Where to build: one node, or those of the config.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How long starting it took, where it had to be asked to start.
    pub fn bootstrap(&self) -> Option<Duration> {
        self.bootstrap
    }

    /// What drives it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The private configuration in which its nodes are known.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lease");
        shown.field("name", &self.name).field("action", &self.action).field("driver", &self.driver).field("nodes", &self.nodes);
        shown.field("daemon", &self.daemon).field("locks", &self.used.len()).finish_non_exhaustive()
    }
}

/// The one builder of a config without nodes.
async fn one(order: &Order<'_>, maker: &Maker<'_>, backend: &Backend, name: &str, daemon: Option<&spawn::Daemon>) -> Result<Taken> {
    let mut recipe = recipe(backend, None, name.to_owned());
    if let Some(daemon) = daemon {
        recipe.endpoint = Some(daemon.address().to_string());
    }
    let found = daemon.map(spawn::Daemon::says).or(backend.daemon.as_ref());
    let mut node = Node {
        name: format!("{name}0"),
        builder: name.to_owned(),
        address: recipe.endpoint.clone().filter(|_| recipe.driver == Driver::Remote),
        tls: recipe.tls.clone(),
        platforms: found.map(|daemon| daemon.platforms.clone()).unwrap_or_default(),
        buildkit: found.and_then(|daemon| daemon.version.clone()),
    };
    match recipe.driver {
        // The engine's own builder needs no making; buildx names it after the docker context.
        Driver::Docker => {
            node.builder = match &backend.source {
                crate::build::backend::Source::Context(context) => context.clone(),
                _ => "default".to_owned(),
            };
            node.name.clone_from(&node.builder);
            Ok(Taken { node, action: Action::Reused, bootstrap: None, used: None })
        }
        Driver::Remote => noted(maker, &recipe, node).await,
        Driver::DockerContainer | Driver::Kubernetes => lasting(order, maker, backend, &recipe, node).await,
    }
}

/// The builder of one node of the config.
async fn of_node(order: &Order<'_>, maker: &Maker<'_>, node: &config::Node, backend: &Backend, name: String) -> Result<Taken> {
    let recipe = recipe(backend, Some(node), name);
    let found = backend.daemon.as_ref();
    let described = Node {
        name: recipe.name.clone(),
        builder: recipe.name.clone(),
        address: recipe.endpoint.clone().filter(|_| recipe.driver == Driver::Remote),
        tls: recipe.tls.clone(),
        platforms: node.platforms.clone(),
        buildkit: found.and_then(|daemon| daemon.version.clone()),
    };
    if recipe.driver == Driver::Remote {
        return noted(maker, &recipe, described).await;
    }
    lasting(order, maker, backend, &recipe, described).await
}

/// Somebody else's daemon, which answered already: buildx is only told of it, and `buildctl` not even that.
async fn noted(maker: &Maker<'_>, recipe: &Recipe, node: Node) -> Result<Taken> {
    if maker.program.tool != Tool::Buildctl {
        maker.note(recipe).await?;
    }
    Ok(Taken { node, action: Action::Created, bootstrap: None, used: None })
}

/// A container or pods that outlive the run: under the lock of their name.
async fn lasting(order: &Order<'_>, maker: &Maker<'_>, backend: &Backend, recipe: &Recipe, mut node: Node) -> Result<Taken> {
    let locks = Locks::of(&own_dir(order.world, order.workspace)?, &recipe.name);
    let making = locks.making(order.events, order.cancel).await?;
    let there = is_there(order, backend, &recipe.name).await?;
    // Making it again takes it away first, which nobody may be surprised by.
    let alone = locks.removing().is_ok();
    let container = recipe.driver == Driver::DockerContainer;
    let (action, inspected, took) = match maker.take_up(recipe, there && alone && container).await {
        Ok(taken) => taken,
        // Made, but not started: what docker's network does at that moment may not happen twice.
        Err(_) if container && !there && !order.cancel.is_cancelled() && is_there(order, backend, &recipe.name).await? => {
            maker.remove(recipe).await?;
            maker.take_up(recipe, false).await?
        }
        Err(error) => return Err(error),
    };
    let action = if there && action == Action::Created { Action::Reused } else { action };
    let used = locks.using()?;
    drop(making);
    if let Some(found) = inspected.nodes.into_iter().next() {
        if node.platforms.is_empty() {
            node.platforms = found.platforms;
        }
        node.buildkit = found.buildkit;
    }
    Ok(Taken { node, action, bootstrap: Some(took), used: Some(used) })
}

fn lasts(driver: Driver) -> bool {
    matches!(driver, Driver::DockerContainer | Driver::Kubernetes)
}

fn recipe(backend: &Backend, node: Option<&config::Node>, name: String) -> Recipe {
    let options = node.map(|node| node.driver_opts.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
    let place = backend.place.as_ref().filter(|_| backend.driver == Driver::Remote);
    match (place, node) {
        (Some(Place { address, tls }), _) => {
            Recipe { name, driver: Driver::Remote, endpoint: Some(address.to_string()), tls: tls.clone(), options: Vec::new() }
        }
        (None, Some(node)) => {
            let endpoint = Some(node.endpoint.clone());
            Recipe { name, driver: backend.driver, endpoint, tls: None, options: options.unwrap_or_default() }
        }
        (None, None) => Recipe { name, driver: backend.driver, endpoint: None, tls: None, options: Vec::new() },
    }
}

/// Is there a container of buildx's for that builder? Of pods only buildx knows.
async fn is_there(order: &Order<'_>, backend: &Backend, name: &str) -> Result<bool> {
    let Some(place) = backend.place.as_ref().filter(|_| backend.engine.is_some()) else {
        return Ok(backend.kind == BackendKind::Kubernetes);
    };
    let failed = |why: String| Error::failed(format!("cannot ask {} for builder {name}: {why}", place.address));
    let mut api = Api::connect(order.world, &place.address, place.tls.as_ref()).await.map_err(failed)?;
    let (status, _) = api.get(&format!("/containers/buildx_buildkit_{name}0/json"), &place.address).await.map_err(failed)?;
    Ok(status.is_success())
}
