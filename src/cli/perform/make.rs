//! Building one step and putting what came out into the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Made, cached};
use crate::build::{BuildCx, Loaded, load, stage};
use crate::cli::session::Session;
use crate::cli::wire::Wiring;
use crate::core::Digest;
use crate::error::{Error, Kind, Result};
use crate::fs::Scratch;
use crate::manifest::{Base, BuildRecord, Origin};
use crate::names;
use crate::plan::{BuildStep, Plan};
use crate::store::{ContentStore, Layout};

/// Builds `step` with the builder the plan chose.
pub async fn make(
    session: &Session,
    plan: &Plan,
    wiring: &Wiring,
    store: &ContentStore,
    earlier: BTreeMap<String, (PathBuf, Digest)>,
    step: &BuildStep,
) -> Result<Made> {
    let builder = wiring.builder(session, &plan.repository, step).await?;
    session.events.info(format!("building {} with {}: {}", step.id, builder.name(), step.builder.why));
    // Beside the store, so that blobs can be linked instead of copied.
    let scratch = Scratch::below(&session.path(names::path::ROOT), "build")?;
    let mut cx = BuildCx::new(session.directory.clone(), scratch.path().to_owned(), session.cancel.clone(), session.events.clone());
    cx.made = earlier;
    cx.logins = Some(wiring.logins());
    let caches = cached::open(session, step);
    let staged = match step.stage.as_slice() {
        [] => None,
        _ => Some(stage(&session.directory, scratch.path(), caches.step())?),
    };
    let built = builder.build(&cx, staged.as_ref().unwrap_or_else(|| caches.step())).await.map_err(|error| {
        if session.cancel.is_cancelled() { Error::new(Kind::Terminated, "interrupted while building; nothing was recorded") } else { error }
    })?;
    let cache = caches.close(session, built.work);
    let (layout, closure) = store.put_complete(&built.digest, &Layout::open(&built.layout)?)?;
    if step.buildkit.load {
        let names = local_names(plan, step);
        let image = Loaded { layout: &layout, closure: &closure, names: &names };
        load(&session.world, &session.directory, scratch.path(), image, &session.cancel).await?;
        session.events.info(format!("loaded {} into the local engine as {}", step.id, names.join(", ")));
    }
    let bases = built.bases.into_iter().map(|(reference, digest)| Base { reference, digest }).collect();
    let record = BuildRecord {
        artifact: format!("docker:{}", step.id),
        origin: Origin::Built,
        by: builder.name().to_owned(),
        bases: Some(bases),
        args: step.args.clone(),
        sources: Vec::new(),
    };
    Ok(Made { step: step.clone(), digest: built.digest, closure, record, build_args_digest: built.build_args_digest, cache })
}

/// What the local engine calls an image: as it will be published, else the reference's default (spec/build.md K.3).
fn local_names(plan: &Plan, step: &BuildStep) -> Vec<String> {
    let published: Vec<String> =
        plan.destinations.iter().filter(|planned| planned.build == step.id).map(|planned| planned.name.clone()).collect();
    match (published.is_empty(), plan.builds.len()) {
        (false, _) => published,
        (true, 1) => vec!["stagefreight:dev".to_owned()],
        // Two builds cannot have one name.
        (true, _) => vec![format!("stagefreight-{}:dev", step.id.to_lowercase())],
    }
}
