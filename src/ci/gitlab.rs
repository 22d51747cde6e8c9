//! GitLab CI (docs.gitlab.com/ci/variables/predefined_variables).

use super::detect::Env;
use super::{Event, PipelineContext, Provider, PullRequest};
use crate::names::ci_env;

pub(super) fn read(env: &Env<'_>, event: Event) -> PipelineContext {
    PipelineContext {
        provider: Provider::Gitlab,
        event: if merge_request_of_child(env, event) { Event::MergeRequest } else { event },
        branch: env.get(ci_env::CI_COMMIT_BRANCH),
        tag: env.get(ci_env::CI_COMMIT_TAG),
        sha: env.get(ci_env::CI_COMMIT_SHA),
        default_branch: env.get(ci_env::CI_DEFAULT_BRANCH),
        pull_request: Some(merge_request(env)),
        project: env.get(ci_env::CI_PROJECT_PATH),
        repo_url: env.get(ci_env::CI_PROJECT_URL),
        pipeline_url: env.get(ci_env::CI_PIPELINE_URL),
        pipeline_id: env.get(ci_env::CI_PIPELINE_ID),
        job_id: env.get(ci_env::CI_JOB_ID),
        attempt: None,
        runner: env.get(ci_env::CI_RUNNER_DESCRIPTION),
        workspace: env.get(ci_env::CI_PROJECT_DIR),
    }
}

// A child pipeline of a merge request's pipeline says `parent_pipeline`, but keeps the merge request's variables.
fn merge_request_of_child(env: &Env<'_>, event: Event) -> bool {
    event == Event::Push && (env.get(ci_env::CI_MERGE_REQUEST_IID).is_some() || env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_IID).is_some())
}

fn merge_request(env: &Env<'_>) -> PullRequest {
    let number = |name: &str| env.get(name).and_then(|text| text.parse().ok());
    if env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_IID).is_some() {
        let source = env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY);
        let target = env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY);
        return PullRequest {
            number: number(ci_env::CI_EXTERNAL_PULL_REQUEST_IID),
            source_branch: env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME),
            target_branch: env.get(ci_env::CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME),
            fork: source.is_none() || source != target,
        };
    }
    let source = env.get(ci_env::CI_MERGE_REQUEST_SOURCE_PROJECT_ID);
    let target = env.get(ci_env::CI_MERGE_REQUEST_PROJECT_ID);
    PullRequest {
        number: number(ci_env::CI_MERGE_REQUEST_IID),
        source_branch: env.get(ci_env::CI_MERGE_REQUEST_SOURCE_BRANCH_NAME),
        target_branch: env.get(ci_env::CI_MERGE_REQUEST_TARGET_BRANCH_NAME),
        fork: source.is_none() || source != target,
    }
}
