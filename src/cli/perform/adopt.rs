//! In a fresh workspace, what an immutable destination already holds of our revision is the build: its bytes are
//! fetched by digest and go on from there. So a build that is not reproducible converges too.

use super::Made;
use crate::build::{BuildCx, embedded};
use crate::cli::session::Session;
use crate::cli::wire::Wiring;
use crate::config::TagPolicy;
use crate::core::{AttestationForm, Digest, Platform};
use crate::error::{Error, Kind, Result};
use crate::fs::Scratch;
use crate::manifest::{Base, BuildRecord, Destination, Origin};
use crate::names;
use crate::plan::{BuildStep, Plan, PlannedDestination};
use crate::publish::{Depth, Overrides};
use crate::store::{ContentStore, Layout};

/// The artifact, when an immutable destination of this build holds this commit's; `None` when none does. A destination
/// that cannot be read is a warning: publish will see it again, and never overwrite it.
pub async fn adopt(session: &Session, plan: &Plan, wiring: &Wiring, store: &ContentStore, step: &BuildStep) -> Result<Option<Made>> {
    let cx = wiring.cx(session, Overrides::default());
    let immutable = plan.destinations.iter().filter(|planned| planned.build == step.id && planned.policy == TagPolicy::Immutable);
    let immutable = immutable.filter(|planned| holds_the_build(planned, plan, step));
    let mut holders: Vec<(Digest, Destination)> = Vec::new();
    for planned in immutable {
        let destination = bare(planned, step);
        let Some(target) = wiring.target(&planned.target) else { continue };
        match target.read(&cx, &destination, Depth::About).await {
            Ok(reading) => {
                let ours = reading.revision.as_deref() == Some(plan.commit.as_str());
                if let Some(digest) = reading.digest.filter(|_| ours) {
                    holders.push((digest, destination));
                }
            }
            Err(error) => {
                session
                    .events
                    .warn(format!("could not ask {} for an earlier build of this commit: {}", planned.name, error.message), error.hint);
            }
        }
    }
    let Some((digest, from)) = holders.first().cloned() else { return Ok(None) };
    if let Some((other, place)) = holders.iter().find(|(other, _)| *other != digest) {
        return Err(Error::new(Kind::Conflict, format!("two destinations hold different builds of commit {:.12}", plan.commit))
            .note(format!("{}  {digest}", from.name))
            .note(format!("{}  {other}", place.name))
            .hint("release a new version; which of the two is the release cannot be known"));
    }
    let scratch = Scratch::below(&session.path(names::path::ROOT), "adopt")?;
    let layout = scratch.path().join("layout");
    let target = wiring.target(&from.target).ok_or_else(|| Error::failed(format!("target {} vanished", from.target)))?;
    let fetched = target.fetch(&cx, &from, &digest, &layout).await;
    if let Err(error) = fetched {
        let text = format!("{} holds {} of this commit, and it could not be fetched: {}", from.name, digest.short(), error.message);
        return Err(
            Error::new(Kind::Partial, text).hint(error.hint.unwrap_or_else(|| "run perform again, or build with --rebuild".to_owned()))
        );
    }
    let (_, closure) = store.put_complete(&digest, &Layout::open(&layout)?)?;
    session.events.info(format!("adopted {} from {}: it was built from this commit", digest.short(), from.name));
    let record = BuildRecord {
        artifact: format!("docker:{}", step.id),
        origin: Origin::Adopted,
        by: from.name.clone(),
        bases: bases(session, step, scratch.path()),
        args: step.args.clone(),
        sources: Vec::new(),
    };
    let build_args_digest = crate::manifest::build_args_digest(&step.args);
    Ok(Some(Made { step: step.clone(), digest, closure, record, build_args_digest, cache: None }))
}

// The revision is this commit, so its Dockerfile says what the adopted image was built from; which digests that was is
// not known any more. A Dockerfile that cannot be read leaves the bases unknown, and a policy on them refuses.
fn bases(session: &Session, step: &BuildStep, scratch: &std::path::Path) -> Option<Vec<Base>> {
    let cx = BuildCx::new(session.directory.clone(), scratch.to_owned(), session.cancel.clone(), session.events.clone());
    let named = embedded::named_bases(&cx, step).ok()?;
    Some(named.into_iter().map(|reference| Base { reference, digest: String::new() }).collect())
}

// Does it hold what was built, and not only what is made of it for that registry? Where every destination of the build
// gets the same, and nothing beside it, that may stand for the build.
fn holds_the_build(planned: &PlannedDestination, plan: &Plan, step: &BuildStep) -> bool {
    let built: Vec<Platform> = step.platforms.iter().filter_map(|text| text.parse().ok()).collect();
    let nothing_beside = matches!(planned.rendition.attestations, AttestationForm::Index | AttestationForm::None);
    let alike = || plan.destinations.iter().filter(|other| other.build == step.id).all(|other| other.rendition == planned.rendition);
    !planned.rendition.changes(&built, step.provenance.is_some() || step.sbom) || (nothing_beside && alike())
}

// What reading needs to know of a destination; the digest is what is being asked for.
fn bare(planned: &PlannedDestination, step: &BuildStep) -> Destination {
    Destination {
        name: planned.name.clone(),
        kind: planned.kind.clone(),
        target: planned.target.clone(),
        artifact: format!("docker:{}", step.id),
        digest: String::new(),
        size: 0,
        derived: None,
        path: planned.path.clone(),
        tag: planned.tag.clone(),
        settings: planned.settings.clone(),
        policy: "immutable".to_owned(),
        required: planned.required,
        why: planned.why.clone(),
    }
}
