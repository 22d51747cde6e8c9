//! The container engine itself, for those who want more of it than its BuildKit: the same places, asked the same way,
//! without looking for programs.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::candidate::{Candidate, Place, candidates};
use super::engine;
use crate::config::{self, BuilderSettings};
use crate::core::duration::human;
use crate::world::World;

/// All are asked at once; one that accepts and hangs is as good as dead.
const SHARE: Duration = Duration::from_millis(1800);

/// An engine that answered.
#[derive(Debug)]
pub(in crate::build) struct Answering {
    /// Where.
    pub(in crate::build) place: Place,
    /// Its version, `26.1.5`.
    pub(in crate::build) version: String,
    /// It is Podman behind docker's API.
    pub(in crate::build) podman: bool,
}

/// The first engine that answers: of the environment or the configured context, else docker's usual places, else
/// Podman's. A named one that does not answer is not replaced by another. The reason of a failure is a fragment.
pub(in crate::build) async fn engine_of(
    world: &World,
    settings: &BuilderSettings,
    cancel: &CancellationToken,
) -> Result<Answering, String> {
    let backends: &[config::Backend] = match settings.backend {
        config::Backend::Podman => &[config::Backend::Podman],
        config::Backend::Dind => &[config::Backend::Dind],
        _ => &[config::Backend::Dind, config::Backend::Podman],
    };
    let places = backends.iter().flat_map(|backend| {
        let settings = BuilderSettings { backend: *backend, context: settings.context.clone(), ..BuilderSettings::default() };
        candidates(world, &world.cwd, &settings)
    });
    let places: Vec<Candidate> = places.collect();
    let asked = join_all(places.iter().map(|candidate| ask(world, candidate)));
    let answers = tokio::select! {
        answers = asked => answers,
        () = cancel.cancelled() => return Err("interrupted".to_owned()),
    };
    let mut reasons = Vec::new();
    for (candidate, answer) in places.iter().zip(answers) {
        match answer {
            Ok(found) => return Ok(found),
            Err(why) if candidate.decisive => return Err(format!("{candidate} cannot be used: {why}")),
            Err(why) => reasons.push(format!("{candidate} does not answer: {why}")),
        }
    }
    Err(reasons.into_iter().next().unwrap_or_else(|| "none is named, and none listens at the usual places".to_owned()))
}

async fn ask(world: &World, candidate: &Candidate) -> Result<Answering, String> {
    let place = candidate.place.clone().ok_or("it has no address")??;
    let asked = tokio::time::timeout(SHARE, engine::version(world, &place.address, place.tls.as_ref())).await;
    let (version, podman) = asked.unwrap_or_else(|_| Err(format!("nothing within {}", human(SHARE))))?;
    Ok(Answering { place, version, podman })
}
