//! What was found: a backend or why there is none, and what every candidate said.

use std::fmt;
use std::time::Duration;

use super::candidate::{Candidate, Place, Source};
use super::control::Daemon;
use super::engine::Engine;
use super::kind::BackendKind;
use super::need::Capability;
use super::program::{Program, Programs};
use crate::config::{self, BuilderSettings, Driver};

/// A backend that answered and can what is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// What it is.
    pub kind: BackendKind,
    /// Who named it.
    pub source: Source,
    /// Where it is; none for pods and for a daemon that is yet to be started.
    pub place: Option<Place>,
    /// The driver that reaches it.
    pub driver: Driver,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// What the engine said, where it is one.
    pub engine: Option<Engine>,
    /// What the BuildKit said that will build, where it runs already.
    pub daemon: Option<Daemon>,
}

impl Backend {
    /// Is it a BuildKit daemon (`IsBuildkit`)?
    pub fn is_buildkit(&self) -> bool {
        matches!(self.kind, BackendKind::Buildkitd | BackendKind::Spawn)
    }

    /// Can `buildctl` reach it, which needs an address of BuildKit's own?
    pub fn has_address(&self) -> bool {
        self.is_buildkit()
    }

    /// BuildKit's version, when it runs and tells one.
    pub fn buildkit(&self) -> Option<&str> {
        self.daemon.as_ref()?.version.as_deref()
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = if self.kind == BackendKind::Podman { "Podman" } else { "the docker engine" };
        match (self.kind, self.driver, &self.place) {
            (BackendKind::Kubernetes, ..) => f.write_str("pods of Kubernetes"),
            (BackendKind::Spawn, ..) => f.write_str("a private daemon of this run"),
            (BackendKind::Buildkitd, _, Some(place)) => write!(f, "{}", place.address),
            (_, Driver::DockerContainer, _) => write!(f, "a builder container on {engine}"),
            _ => f.write_str(engine),
        }
    }
}

/// How a candidate ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answered and can what is needed.
    Usable(Box<Backend>),
    /// It did not, or cannot; a fragment.
    No(String),
    /// One before it was taken.
    NotWaitedFor,
}

/// The outcome of looking for a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Every candidate, in order of preference, with its answer.
    pub candidates: Vec<(Candidate, Answer)>,
    /// What drives BuildKit.
    pub programs: Programs,
    /// How long it took.
    pub elapsed: Duration,
    /// The config names a backend or nodes, so that nothing else may take its place.
    pub insists: bool,
    backends: Vec<Backend>,
    why_not: String,
}

impl Resolution {
    pub(super) fn new(settings: &BuilderSettings, candidates: Vec<(Candidate, Answer)>, programs: Programs, elapsed: Duration) -> Self {
        let nodes = !settings.nodes.is_empty();
        let insists = nodes || settings.backend != config::Backend::Auto;
        let taken = if nodes { every(&candidates) } else { first(&candidates) };
        let (backends, why_not) = match taken {
            // Without a program nothing can be built, whoever answers.
            _ if programs.choose(true).is_none() => (Vec::new(), programs.why_no_buildx.clone()),
            Ok(backends) if programs.choose(backends.iter().all(Backend::has_address)).is_none() => {
                (Vec::new(), programs.why_no_buildx.clone())
            }
            Ok(backends) => (backends, String::new()),
            Err(why) => (Vec::new(), why),
        };
        Self { candidates, programs, elapsed, insists, backends, why_not }
    }

    /// The backend; the first node's where there are several.
    pub fn backend(&self) -> Option<&Backend> {
        self.backends.first()
    }

    /// The backend, or one for each node of the config.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// The program that drives it.
    pub fn program(&self) -> Option<&Program> {
        let backends = self.backends();
        if backends.is_empty() { None } else { self.programs.choose(backends.iter().all(Backend::has_address)) }
    }

    /// Why there is no backend, one sentence; empty when there is.
    pub fn why_not(&self) -> &str {
        &self.why_not
    }

    /// `docker buildx on the docker engine, BuildKit 0.12.5`, or why not.
    pub fn sentence(&self) -> String {
        let (Some(backend), Some(program)) = (self.backend(), self.program()) else { return self.why_not.clone() };
        if self.backends.len() > 1 {
            return format!("{program} on {} nodes", self.backends.len());
        }
        let version = backend.buildkit().map(|version| format!(", BuildKit {version}")).unwrap_or_default();
        format!("{program} on {backend}{version}")
    }

    /// One line for every candidate, for `-v`.
    pub fn details(&self) -> Vec<String> {
        let line = |(candidate, answer): &(Candidate, Answer)| match answer {
            Answer::Usable(backend) => {
                let version = backend.buildkit().map(|version| format!(" (BuildKit {version})")).unwrap_or_default();
                format!("{candidate} answers{version}")
            }
            Answer::No(why) => format!("{candidate}: {why}"),
            Answer::NotWaitedFor => format!("{candidate} was not waited for"),
        };
        self.candidates.iter().map(line).collect()
    }
}

/// The first usable one, unless somebody named one that is not.
fn first(candidates: &[(Candidate, Answer)]) -> Result<Vec<Backend>, String> {
    let mut reasons = Vec::new();
    for (candidate, answer) in candidates {
        match answer {
            Answer::Usable(backend) => return Ok(vec![backend.as_ref().clone()]),
            Answer::No(why) if candidate.decisive => return Err(reason(candidate, why)),
            // That a usual place is empty is no news.
            Answer::No(why) if why == ABSENT => {}
            Answer::No(why) => reasons.push(reason(candidate, why)),
            Answer::NotWaitedFor => {}
        }
    }
    if reasons.is_empty() {
        reasons.push("neither a docker engine nor Podman nor a BuildKit daemon is at its usual place".to_owned());
    }
    Err(reasons.join("; "))
}

/// What connecting to a socket that is not there says.
const ABSENT: &str = "no such file or directory";

fn every(candidates: &[(Candidate, Answer)]) -> Result<Vec<Backend>, String> {
    let backend = |(candidate, answer): &(Candidate, Answer)| match answer {
        Answer::Usable(backend) => Ok(backend.as_ref().clone()),
        Answer::No(why) => Err(reason(candidate, why)),
        Answer::NotWaitedFor => Err(reason(candidate, "it was not asked")),
    };
    candidates.iter().map(backend).collect()
}

fn reason(candidate: &Candidate, why: &str) -> String {
    match &candidate.place {
        // Its own fault, not the daemon's.
        Some(Err(_)) | None => format!("{candidate} cannot be used: {why}"),
        Some(Ok(_)) if why.starts_with("it ") || why.starts_with("its ") || why.starts_with("driver ") => {
            format!("{candidate} cannot be used: {why}")
        }
        Some(Ok(_)) => format!("{candidate} does not answer: {why}"),
    }
}
