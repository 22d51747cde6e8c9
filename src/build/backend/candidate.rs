//! Where a backend may be: what the config and the environment name, and the places daemons usually listen at. A list,
//! in order of preference; nobody is asked here.

use std::fmt;
use std::path::{Path, PathBuf};

use super::address::Address;
use super::docker_config;
use super::kind::BackendKind;
use super::tls;
use crate::build::lifecycle::NodeTls;
use crate::config::{self, BuilderSettings};
use crate::core::Platform;
use crate::names::env;
use crate::world::World;

/// The certificates' directory whose existence says that there is a BuildKit daemon (spec/build.md A), and where.
const USUAL_CERTIFICATES: (&str, &str) = ("/buildkit-certs", "tcp://buildkitd:1234");

/// Who named a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A variable of the environment.
    Variable(&'static str),
    /// A docker context, named by the config, by `DOCKER_CONTEXT` or by `docker context use`.
    Context(String),
    /// A node of the config.
    Node(Vec<Platform>),
    /// Nobody: it is where such a daemon usually listens.
    Usual,
    /// The config asks for the kind, which has no place.
    Config,
}

/// A place where a backend may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is expected there.
    pub kind: BackendKind,
    /// Who named it.
    pub source: Source,
    /// Somebody named it on purpose: when it does not answer, no other is taken in its place.
    pub decisive: bool,
    /// The address and its certificates; a reason where it cannot even be asked. None for kinds without a place.
    pub place: Option<Result<Place, String>>,
}

/// An address and how it is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub address: Address,
    /// Certificates, for TCP.
    pub tls: Option<NodeTls>,
}

impl Candidate {
    /// `BuildKit at BUILDKIT_HOST = tcp://far:1234`.
    pub fn name(&self) -> String {
        let what = match self.kind {
            BackendKind::Buildkitd => "BuildKit",
            BackendKind::Dind => "the docker engine",
            BackendKind::Podman => "Podman",
            BackendKind::Kubernetes => return "Kubernetes".to_owned(),
            BackendKind::Spawn => return "a private BuildKit daemon".to_owned(),
        };
        let place = match &self.place {
            Some(Ok(place)) => place.address.to_string(),
            _ => String::new(),
        };
        match &self.source {
            Source::Variable(name) if place.is_empty() => format!("{what} at {name}"),
            Source::Variable(name) => format!("{what} at {name} = {place}"),
            Source::Context(name) => format!("{what} of docker context {name}"),
            // An endpoint that cannot be read may hold what must not be printed.
            Source::Node(platforms) if place.is_empty() => {
                format!("the node for {}", platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            Source::Node(_) => format!("the node {place}"),
            Source::Usual | Source::Config => format!("{what} at {place}"),
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Every place the settings allow, the preferred ones first.
pub(super) fn candidates(world: &World, workspace: &Path, settings: &BuilderSettings) -> Vec<Candidate> {
    let list = List { world, settings };
    if !settings.nodes.is_empty() {
        return settings.nodes.iter().map(|node| list.node(workspace, node)).collect();
    }
    let alone = |kind| vec![Candidate { kind, source: Source::Config, decisive: true, place: None }];
    match settings.backend {
        config::Backend::Kubernetes => alone(BackendKind::Kubernetes),
        config::Backend::Spawn => alone(BackendKind::Spawn),
        config::Backend::Buildkitd => [list.named_buildkit(), list.usual_certificates(), list.usual_buildkit()].concat(),
        config::Backend::Dind => [list.named_engine(), list.usual_engine()].concat(),
        config::Backend::Podman => list.podman(),
        config::Backend::Auto => {
            let context = settings.context.is_some();
            let (first, second) =
                if context { (list.named_engine(), list.named_buildkit()) } else { (list.named_buildkit(), list.named_engine()) };
            // Whoever names a place does not mean another.
            let named = !first.is_empty() || !second.is_empty();
            let rest = if named { second } else { [list.usual_engine(), list.podman(), list.usual_buildkit()].concat() };
            [first, list.usual_certificates(), rest].concat()
        }
    }
}

struct List<'a> {
    world: &'a World,
    settings: &'a BuilderSettings,
}

impl List<'_> {
    fn named_buildkit(&self) -> Vec<Candidate> {
        let Some(text) = self.world.env.get(env::BUILDKIT_HOST) else { return Vec::new() };
        let place = text.parse::<Address>().and_then(|address| {
            let certificates = matches!(address, Address::Tcp { .. }).then(|| self.certificates()).flatten();
            Ok(Place { tls: certificates.map(|dir| tls::in_directory(&dir)).transpose()?, address })
        });
        vec![named(BackendKind::Buildkitd, Source::Variable(env::BUILDKIT_HOST), place)]
    }

    /// `BUILDKIT_CERT_PATH`, else the usual directory where it is one.
    fn certificates(&self) -> Option<PathBuf> {
        match self.world.env.get(env::BUILDKIT_CERT_PATH) {
            Some(dir) => Some(self.world.cwd.join(dir)),
            None => Some(PathBuf::from(USUAL_CERTIFICATES.0)).filter(|dir| dir.join("ca.pem").is_file()),
        }
    }

    /// Certificates without an address mean the daemon's usual name.
    fn usual_certificates(&self) -> Vec<Candidate> {
        if self.world.env.get(env::BUILDKIT_HOST).is_some() {
            return Vec::new();
        }
        let Some(dir) = self.certificates() else { return Vec::new() };
        let place = tls::in_directory(&dir).and_then(|tls| Ok(Place { address: USUAL_CERTIFICATES.1.parse()?, tls: Some(tls) }));
        if self.world.env.get(env::BUILDKIT_CERT_PATH).is_some() {
            return vec![named(BackendKind::Buildkitd, Source::Variable(env::BUILDKIT_CERT_PATH), place)];
        }
        vec![usual(BackendKind::Buildkitd, place)]
    }

    fn usual_buildkit(&self) -> Vec<Candidate> {
        let own = self.runtime_dir().map(|dir| dir.join("buildkit/buildkitd.sock"));
        let sockets = std::iter::once(PathBuf::from("/run/buildkit/buildkitd.sock")).chain(own);
        sockets.map(|socket| usual(BackendKind::Buildkitd, Ok(at(socket)))).collect()
    }

    /// The context of the config, `DOCKER_HOST`, `DOCKER_CONTEXT`, in docker's own order of precedence.
    fn named_engine(&self) -> Vec<Candidate> {
        let env = &self.world.env;
        let (source, place) = if let Some(name) = &self.settings.context {
            (Source::Context(name.clone()), self.context(name))
        } else if let Some(host) = env.get(env::DOCKER_HOST) {
            (Source::Variable(env::DOCKER_HOST), self.docker_host(host))
        } else if env.get(env::DOCKER_CERT_PATH).is_some() {
            let why = "the engine's certificates are named, and the engine is not; set DOCKER_HOST too, or unset DOCKER_CERT_PATH";
            (Source::Variable(env::DOCKER_CERT_PATH), Err(why.to_owned()))
        } else if let Some(name) = env.get(env::DOCKER_CONTEXT) {
            if name == "default" {
                return Vec::new();
            }
            (Source::Context(name.to_owned()), self.context(name))
        } else {
            return Vec::new();
        };
        vec![named(BackendKind::Dind, source, place)]
    }

    fn docker_host(&self, host: &str) -> Result<Place, String> {
        let env = &self.world.env;
        let (directory, verify) = (env.get(env::DOCKER_CERT_PATH), env.get(env::DOCKER_TLS_VERIFY).is_some());
        let address = Address::of_engine(host, directory.is_some() || verify)?;
        if !matches!(address, Address::Tcp { .. }) || (directory.is_none() && !verify) {
            return Ok(Place { address, tls: None });
        }
        let directory = directory.map(|dir| self.world.cwd.join(dir)).or_else(|| docker_config::directory(self.world));
        let directory = directory.ok_or("DOCKER_TLS_VERIFY is set and there are no certificates; set DOCKER_CERT_PATH")?;
        Ok(Place { address, tls: Some(tls::in_directory(&directory)?) })
    }

    fn context(&self, name: &str) -> Result<Place, String> {
        if name == "default" {
            return Ok(at("/var/run/docker.sock".into()));
        }
        let context = docker_config::context(self.world, name)?;
        Ok(Place { address: context.address, tls: context.tls })
    }

    fn usual_engine(&self) -> Vec<Candidate> {
        if !self.named_engine().is_empty() {
            return Vec::new();
        }
        let current = docker_config::current_context(self.world).filter(|_| self.world.env.get(env::DOCKER_CONTEXT).is_none());
        if let Some(name) = current {
            // What docker itself would use; its default socket is then somebody else's.
            let place = self.context(&name);
            return vec![Candidate { kind: BackendKind::Dind, source: Source::Context(name), decisive: false, place: Some(place) }];
        }
        let rootless = self.runtime_dir().map(|dir| dir.join("docker.sock"));
        let home = self.world.env.get(env::HOME).map(|home| Path::new(home).join(".docker/run/docker.sock"));
        let sockets = std::iter::once(PathBuf::from("/var/run/docker.sock")).chain(rootless).chain(home);
        sockets.map(|socket| usual(BackendKind::Dind, Ok(at(socket)))).collect()
    }

    fn podman(&self) -> Vec<Candidate> {
        if let Some(host) = self.world.env.get(env::CONTAINER_HOST) {
            let place = host.parse().map(|address| Place { address, tls: None });
            return vec![Candidate {
                decisive: self.settings.backend == config::Backend::Podman,
                ..named(BackendKind::Podman, Source::Variable(env::CONTAINER_HOST), place)
            }];
        }
        let own = self.runtime_dir().map(|dir| dir.join("podman/podman.sock"));
        let sockets = own.into_iter().chain([PathBuf::from("/run/podman/podman.sock")]);
        sockets.map(|socket| usual(BackendKind::Podman, Ok(at(socket)))).collect()
    }

    fn node(&self, workspace: &Path, node: &config::Node) -> Candidate {
        let source = Source::Node(node.platforms.clone());
        if !node.endpoint.contains("://") {
            let source = Source::Context(node.endpoint.clone());
            return named(BackendKind::Dind, source, self.context(&node.endpoint));
        }
        let file = |name: &str| node.driver_opts.get(name).map(|path| workspace.join(path));
        let tls = match (file("cacert"), file("cert"), file("key")) {
            (None, None, None) => Ok(None),
            (Some(ca), Some(cert), Some(key)) => {
                let missing = [&ca, &cert, &key].into_iter().find(|path| !path.is_file());
                match missing {
                    Some(path) => Err(format!("its TLS file {} is missing", path.display())),
                    None => Ok(Some(NodeTls { server_name: node.driver_opts.get("servername").cloned(), ca, cert, key })),
                }
            }
            _ => Err("its TLS files are not complete: driver-opt needs cacert, cert and key".to_owned()),
        };
        named(BackendKind::Buildkitd, source, node.endpoint.parse::<Address>().and_then(|address| Ok(Place { address, tls: tls? })))
    }

    fn runtime_dir(&self) -> Option<PathBuf> {
        self.world.env.get(env::XDG_RUNTIME_DIR).map(PathBuf::from)
    }
}

fn at(socket: PathBuf) -> Place {
    Place { address: Address::Unix(socket), tls: None }
}

fn named(kind: BackendKind, source: Source, place: Result<Place, String>) -> Candidate {
    Candidate { kind, source, decisive: true, place: Some(place) }
}

fn usual(kind: BackendKind, place: Result<Place, String>) -> Candidate {
    Candidate { kind, source: Source::Usual, decisive: false, place: Some(place) }
}
