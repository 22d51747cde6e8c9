//! Asks every candidate at once and takes the first, in order of preference, that answers and can what is needed.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::candidate::{Candidate, candidates};
use super::control::Control;
use super::dial::dial;
use super::engine;
use super::kind::BackendKind;
use super::need::Need;
use super::program::Programs;
use super::resolution::{Answer, Backend, Resolution};
use crate::build::spawn;
use crate::config::{self, BuilderSettings, Driver};
use crate::core::duration::human;
use crate::error::{Error, Result};
use crate::names::env;
use crate::world::World;

/// One candidate's share. All are asked at once, so that everything together stays below two seconds; one that accepts
/// and hangs is as good as dead.
const SHARE: Duration = Duration::from_millis(1800);

/// How much is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// Until it is clear which is taken.
    First,
    /// Until all have answered or used up their share.
    All,
}

/// Finds the backend. An error means that the settings contradict themselves; that nothing answers is a resolution
/// without a backend, which says why.
pub async fn resolve(
    world: &World,
    workspace: &Path,
    settings: &BuilderSettings,
    need: Need,
    thoroughness: Thoroughness,
    cancel: &CancellationToken,
) -> Result<Resolution> {
    check(settings)?;
    let begun = Instant::now();
    let candidates = candidates(world, workspace, settings);
    let asked = answers(world, settings, need, &candidates, thoroughness, cancel);
    let programs = async {
        match thoroughness {
            Thoroughness::First => Programs::find(world),
            Thoroughness::All => Programs::ask(world, cancel).await,
        }
    };
    let (programs, answers) = tokio::join!(programs, asked);
    if cancel.is_cancelled() {
        return Err(Error::new(crate::error::Kind::Terminated, "interrupted while looking for BuildKit"));
    }
    let asked = candidates.into_iter().zip(answers).collect();
    Ok(Resolution::new(settings, asked, programs, begun.elapsed()))
}

/// A driver that cannot reach the configured backend is a mistake in the config, whatever answers.
fn check(settings: &BuilderSettings) -> Result<()> {
    let Some(driver) = settings.driver else { return Ok(()) };
    let kind = match settings.backend {
        config::Backend::Auto => return Ok(()),
        config::Backend::Buildkitd => BackendKind::Buildkitd,
        config::Backend::Dind => BackendKind::Dind,
        config::Backend::Podman => BackendKind::Podman,
        config::Backend::Kubernetes => BackendKind::Kubernetes,
        config::Backend::Spawn => BackendKind::Spawn,
    };
    if kind.drivers().contains(&driver) {
        return Ok(());
    }
    let drivers: Vec<_> = kind.drivers().iter().map(|driver| driver.name()).collect();
    Err(Error::usage(format!("builder.driver {} cannot reach builder.backend {kind}", driver.name()))
        .hint(format!("leave `driver` out, or use {}", drivers.join(" or "))))
}

async fn answers(
    world: &World,
    settings: &BuilderSettings,
    need: Need,
    candidates: &[Candidate],
    thoroughness: Thoroughness,
    cancel: &CancellationToken,
) -> Vec<Answer> {
    let nodes = !settings.nodes.is_empty();
    let mut answers = vec![Answer::NotWaitedFor; candidates.len()];
    let mut asked: FuturesUnordered<_> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| async move {
            let answer = tokio::time::timeout(SHARE, ask(world, settings, need, candidate)).await;
            (at, answer.unwrap_or_else(|_| Err(format!("nothing within {}", human(SHARE)))))
        })
        .collect();
    loop {
        let next = tokio::select! {
            next = asked.next() => next,
            () = cancel.cancelled() => None,
        };
        let Some((at, answer)) = next else { return answers };
        answers[at] = match answer {
            Ok(backend) => Answer::Usable(Box::new(backend)),
            Err(why) => Answer::No(why),
        };
        if thoroughness == Thoroughness::First && !nodes && decided(&answers, candidates) {
            return answers;
        }
    }
}

/// Is it clear which one is taken, or that none is?
fn decided(answers: &[Answer], candidates: &[Candidate]) -> bool {
    for (answer, candidate) in answers.iter().zip(candidates) {
        match answer {
            Answer::Usable(_) => return true,
            Answer::No(_) if candidate.decisive => return true,
            Answer::No(_) => {}
            Answer::NotWaitedFor => return false,
        }
    }
    true
}

async fn ask(world: &World, settings: &BuilderSettings, need: Need, candidate: &Candidate) -> std::result::Result<Backend, String> {
    let node = matches!(candidate.source, super::candidate::Source::Node(_));
    let place = match &candidate.place {
        Some(Err(why)) => return Err(why.clone()),
        Some(Ok(place)) => Some(place.clone()),
        None => None,
    };
    let (mut kind, mut engine, mut daemon) = (candidate.kind, None, None);
    match (&place, kind) {
        (Some(place), BackendKind::Buildkitd) => {
            let stream = dial(world, &place.address, place.tls.as_ref()).await?;
            daemon = Some(Control::over(stream).await?.daemon().await?);
        }
        (Some(place), BackendKind::Dind | BackendKind::Podman) => {
            let found = engine::ask(world, &place.address, place.tls.as_ref()).await?;
            kind = if found.podman { BackendKind::Podman } else { BackendKind::Dind };
            let wanted = match settings.backend {
                config::Backend::Dind => BackendKind::Dind,
                config::Backend::Podman => BackendKind::Podman,
                _ => kind,
            };
            if kind != wanted {
                return Err(format!("it is {kind}, and the config asks for {wanted}"));
            }
            daemon.clone_from(&found.buildkit);
            engine = Some(found);
        }
        (_, BackendKind::Kubernetes) => kubernetes(world)?,
        (_, BackendKind::Spawn) => drop(spawn::look(world)?),
        (None, _) => return Err("it has no address".to_owned()),
    }
    // Nodes are told apart by their endpoints; `driver` is for the one builder without nodes.
    let by_context = !settings.nodes.is_empty() && !node;
    let configured = if by_context { Some(Driver::DockerContainer) } else { settings.driver.filter(|_| settings.nodes.is_empty()) };
    if let Some(driver) = configured.filter(|driver| !kind.drivers().contains(driver)) {
        return Err(format!("driver {} does not reach it", driver.name()));
    }
    let driver = kind.driver(configured, engine.as_ref());
    if driver != Driver::Docker && engine.is_some() {
        // The engine's own BuildKit is not the one that will build.
        daemon = None;
    }
    let local = place.as_ref().is_some_and(|place| place.address.is_local());
    let capabilities = kind.capabilities(driver, engine.as_ref(), local);
    if let Some(cannot) = need.unmet(&capabilities) {
        return Err(cannot.to_owned());
    }
    Ok(Backend { kind, source: candidate.source.clone(), place, driver, capabilities, engine, daemon })
}

/// Whether a cluster is named at all; buildx asks it.
fn kubernetes(world: &World) -> std::result::Result<(), String> {
    let env = &world.env;
    let config = env.get(env::KUBECONFIG).map(std::path::PathBuf::from);
    let config = config.or_else(|| Some(Path::new(env.get(env::HOME)?).join(".kube/config")));
    if env.get(env::KUBERNETES_SERVICE_HOST).is_some() || config.as_ref().is_some_and(|path| path.is_file()) {
        return Ok(());
    }
    let looked = config.map_or_else(|| "HOME is not set".to_owned(), |path| format!("{} is not there", path.display()));
    Err(format!("no cluster is named: {looked}, and this is no pod"))
}
