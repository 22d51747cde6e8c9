//! Putting the parts together.

use super::inputs::Inputs;
use super::template::Scope;
use super::types::{Plan, SCHEMA_VERSION};
use super::{builds, destinations, fingerprint, refs, version};
use crate::core::Timestamp;
use crate::error::Result;
use crate::names::release as added;

/// Computes the plan. Equal inputs give an equal plan; only templates with a date look at the time.
///
/// # Errors
/// Kind `Usage` for what the config asks and cannot get (unknown token, illegal tag, two sources of one destination, no
/// Dockerfile); kind `Missing` for a history that is cut, a version that cannot be derived, a variable that is not set.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan> {
    let Inputs { config, context, git, surroundings, env, now } = inputs;
    let project = refs::project_name(context, &surroundings.directory);
    let source_date = surroundings.source_date_epoch.map_or(git.commit_time, Timestamp::from_unix);
    let mut warnings = Vec::new();
    let unversioned = Scope {
        version: None,
        context,
        commit: &git.head,
        commit_time: git.commit_time,
        project: &project,
        vars: &config.vars,
        env_allowed: &config.env_allowed,
        env: *env,
        now: *now,
    };
    let version = version::derive(config, git, &unversioned, &mut warnings)?;
    if git.dirty {
        warnings.push("tracked files differ from the commit, so the commit does not tell what is in the image".to_owned());
    }
    let scope = Scope { version: Some(&version), ..unversioned };
    let (steps, files) = builds::steps(inputs, &scope, source_date)?;
    let placed = destinations::place(inputs, &scope, &files)?;
    if destinations::without_verification(&placed.destinations) {
        let text = format!("releases get no {}: of files that differ from the commit it would tell nothing", added::VERIFICATION);
        warnings.push(text);
    }
    let mut plan = Plan {
        schema_version: SCHEMA_VERSION.to_owned(),
        fingerprint: String::new(),
        project: project.clone(),
        repository: surroundings.repository.to_string(),
        commit: git.head.clone(),
        dirty: git.dirty,
        version,
        branch: context.branch.clone(),
        tag: context.tag.clone(),
        event: context.event.name().to_owned(),
        provider: context.provider.name().to_owned(),
        pipeline_id: context.pipeline_id.clone(),
        source_date_epoch: source_date.unix(),
        builds: steps,
        files,
        targets: placed.targets,
        destinations: placed.destinations,
        skipped: placed.skipped,
        warnings,
    };
    plan.fingerprint = fingerprint::of_plan(&plan);
    Ok(plan)
}

#[cfg(test)]
mod tests;
