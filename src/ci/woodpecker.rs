//! Woodpecker (woodpecker-ci.org/docs/usage/environment).

use super::detect::{Env, split_ref};
use super::{Event, PipelineContext, Provider, PullRequest};
use crate::names::ci_env;

pub(super) fn read(env: &Env<'_>, event: Event) -> PipelineContext {
    let (branch, tag) = env.get(ci_env::CI_COMMIT_REF).map(|full| split_ref(&full)).unwrap_or_default();
    let job = env.get(ci_env::CI_STEP_NAME).map(|step| match env.get(ci_env::CI_WORKFLOW_NAME) {
        Some(workflow) => format!("{workflow}/{step}"),
        None => step,
    });
    PipelineContext {
        provider: Provider::Woodpecker,
        event,
        branch: branch.or_else(|| env.get(ci_env::CI_COMMIT_BRANCH)),
        tag: env.get(ci_env::CI_COMMIT_TAG).or(tag),
        sha: env.get(ci_env::CI_COMMIT_SHA),
        default_branch: env.get(ci_env::CI_REPO_DEFAULT_BRANCH),
        // No variable tells whether the changes come from a fork, so they count as a fork's.
        pull_request: Some(PullRequest {
            number: env.get(ci_env::CI_COMMIT_PULL_REQUEST).and_then(|text| text.parse().ok()),
            source_branch: env.get(ci_env::CI_COMMIT_SOURCE_BRANCH),
            target_branch: env.get(ci_env::CI_COMMIT_TARGET_BRANCH),
            fork: true,
        }),
        project: env.get(ci_env::CI_REPO),
        repo_url: env.get(ci_env::CI_REPO_URL),
        pipeline_url: env.get(ci_env::CI_PIPELINE_URL),
        pipeline_id: env.get(ci_env::CI_PIPELINE_NUMBER),
        job_id: job,
        attempt: None,
        runner: None,
        workspace: env.get(ci_env::CI_WORKSPACE),
    }
}
