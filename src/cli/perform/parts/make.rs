//! Making a part.

use super::super::{Made, Performed, PerformedArtifact, mask, masked, origin_word};
use super::file::{PART_SCHEMA_VERSION, Part, PartArtifact, path_of};
use crate::build::nodes::share_of;
use crate::cli::files;
use crate::cli::session::Session;
use crate::core::{Digest, Platform};
use crate::error::{Error, Result};
use crate::manifest::Origin;
use crate::names;
use crate::plan::{BuildStep, Plan};
use crate::store::ContentStore;

/// The steps of the plan for these platforms alone, in the order of the plan. Builds for none of them are left out.
///
/// # Errors
/// Kind `Usage` for a platform that no build is for.
pub fn narrow(plan: &Plan, platforms: &[Platform]) -> Result<Vec<BuildStep>> {
    let wanted: Vec<Platform> = platforms.iter().map(Platform::normalized).collect();
    let of = |text: &String| text.parse::<Platform>().map(|platform| platform.normalized()).ok();
    let known: Vec<Platform> = plan.builds.iter().flat_map(|step| &step.platforms).filter_map(of).collect();
    if let Some(unknown) = wanted.iter().find(|platform| !known.contains(platform)) {
        let mut all: Vec<&String> = plan.builds.iter().flat_map(|step| &step.platforms).collect();
        all.sort();
        all.dedup();
        let all = all.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::usage(format!("no build is for {unknown}")).hint(format!("the builds of this plan are for {all}")));
    }
    let narrowed = plan.builds.iter().filter_map(|step| {
        let own: Vec<String> = step.platforms.iter().filter(|text| of(text).is_some_and(|own| wanted.contains(&own))).cloned().collect();
        (!own.is_empty()).then(|| share_of(step, &own))
    });
    Ok(narrowed.collect())
}

/// Writes the part down. Outputs of an earlier whole and the approval of them go: what is here now is a part.
pub fn record_part(session: &Session, plan: &Plan, platforms: &[Platform], made: &[Made]) -> Result<Performed> {
    let artifacts = made.iter().map(|made| {
        let adopted = made.record.origin == Origin::Adopted;
        let whole = plan.builds.iter().find(|step| adopted && step.id == made.step.id);
        let mut record = made.record.clone();
        mask(&mut record.args);
        PartArtifact {
            build: made.step.id.clone(),
            digest: made.digest.to_string(),
            platforms: whole.unwrap_or(&made.step).platforms.clone(),
            build_args_digest: made.build_args_digest.clone(),
            record,
        }
    });
    let part = of(plan, platforms, artifacts.collect());
    for stale in [names::path::REVIEW, names::path::OUTPUTS] {
        crate::fs::remove_file(&session.path(stale))?;
    }
    files::write(&session.directory, &path_of(&part.platforms), &part)?;
    let artifacts = made.iter().map(|made| PerformedArtifact {
        id: made.record.artifact.clone(),
        digest: made.digest.to_string(),
        size: made.closure.size,
        origin: origin_word(made.record.origin),
        by: made.record.by.clone(),
        why: made.step.builder.why.clone(),
        cache: made.cache.as_ref().map(|build| build.cache.clone()),
    });
    Ok(performed(plan, &part, artifacts.collect()))
}

/// The part as it lies here already, when an equal plan of this commit made it and everything is there.
pub fn reuse_part(
    session: &Session,
    plan: &Plan,
    platforms: &[Platform],
    steps: &[BuildStep],
    store: &ContentStore,
) -> Result<Option<Performed>> {
    let path = path_of(&usual(platforms));
    let Ok(bytes) = files::read(&session.directory, &path) else { return Ok(None) };
    let Ok(part) = files::parse::<Part>(&path, &bytes, PART_SCHEMA_VERSION) else { return Ok(None) };
    if part.plan.fingerprint != plan.fingerprint || part.plan.commit != plan.commit || part.platforms != usual(platforms) {
        return Ok(None);
    }
    let required = steps.iter().filter(|step| step.required);
    if required.into_iter().any(|step| !part.artifacts.iter().any(|artifact| artifact.build == step.id)) {
        return Ok(None);
    }
    let mut artifacts = Vec::new();
    for artifact in &part.artifacts {
        let closure = artifact.digest.parse::<Digest>().ok().and_then(|digest| store.resolve_unhashed(&digest).ok());
        let Some((_, closure)) = closure else { return Ok(None) };
        artifacts.push(PerformedArtifact {
            id: artifact.record.artifact.clone(),
            digest: artifact.digest.clone(),
            size: closure.size,
            origin: "reused",
            by: artifact.record.by.clone(),
            why: "an equal plan of this commit made it".to_owned(),
            cache: None,
        });
    }
    // It is this pipeline's part from now on.
    let part = of(plan, platforms, part.artifacts);
    files::write(&session.directory, &path, &part)?;
    Ok(Some(performed(plan, &part, artifacts)))
}

fn of(plan: &Plan, platforms: &[Platform], artifacts: Vec<PartArtifact>) -> Part {
    Part { schema_version: PART_SCHEMA_VERSION.to_owned(), platforms: usual(platforms), plan: masked(plan), artifacts }
}

// In one order, so that the same platforms are the same part however they were written.
fn usual(platforms: &[Platform]) -> Vec<String> {
    let mut names: Vec<String> = platforms.iter().map(|platform| platform.normalized().to_string()).collect();
    names.sort();
    names.dedup();
    names
}

fn performed(plan: &Plan, part: &Part, artifacts: Vec<PerformedArtifact>) -> Performed {
    Performed {
        version: plan.version.version.clone(),
        commit: plan.commit.clone(),
        outputs_checksum: None,
        part: Some(path_of(&part.platforms)),
        artifacts,
        destinations: 0,
    }
}
