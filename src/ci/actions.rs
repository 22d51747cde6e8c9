//! GitHub Actions and its relatives at Gitea and Forgejo (docs.github.com/actions/reference/variables-reference).
//! What the variables leave open — default branch, number of the pull request, whether it is a fork's — stands in the
//! payload of the event.

use serde_json::Value;

use super::detect::{Env, split_ref};
use super::{Event, PipelineContext, Provider, PullRequest};
use crate::names::ci_env;

/// A variable by GitHub's name; the relatives may write it with their own prefix only.
pub(super) fn var(env: &Env<'_>, github_name: &str) -> Option<String> {
    env.get(github_name).or_else(|| {
        let rest = github_name.strip_prefix("GITHUB_")?;
        env.get(&format!("FORGEJO_{rest}")).or_else(|| env.get(&format!("GITEA_{rest}")))
    })
}

pub(super) fn read(env: &Env<'_>, provider: Provider, event: Event, payload: Option<&Value>) -> PipelineContext {
    let (branch, tag) = refs(env, event, payload);
    let server = var(env, ci_env::GITHUB_SERVER_URL).map(|url| url.trim_end_matches('/').to_owned());
    let project = var(env, ci_env::GITHUB_REPOSITORY);
    let repo_url = server.zip(project.as_deref()).map(|(server, project)| format!("{server}/{project}"));
    // GitHub addresses a run by its id, the relatives by its number within the repository.
    let run = if provider == Provider::Github { ci_env::GITHUB_RUN_ID } else { ci_env::GITHUB_RUN_NUMBER };
    let pipeline_url = repo_url.as_ref().zip(var(env, run)).map(|(repo, run)| format!("{repo}/actions/runs/{run}"));
    PipelineContext {
        provider,
        event,
        branch,
        tag,
        sha: var(env, ci_env::GITHUB_SHA),
        default_branch: text(payload, "/repository/default_branch"),
        pull_request: Some(pull_request(env, payload)),
        project,
        repo_url,
        pipeline_url,
        pipeline_id: var(env, ci_env::GITHUB_RUN_ID),
        job_id: var(env, ci_env::GITHUB_JOB),
        attempt: var(env, ci_env::GITHUB_RUN_ATTEMPT).and_then(|text| text.parse().ok()),
        runner: env.get(ci_env::RUNNER_NAME),
        workspace: var(env, ci_env::GITHUB_WORKSPACE),
    }
}

// The full ref decides; GITHUB_REF_NAME alone is the tag's name on tags and `N/merge` on pull requests.
fn refs(env: &Env<'_>, event: Event, payload: Option<&Value>) -> (Option<String>, Option<String>) {
    let (branch, tag) = var(env, ci_env::GITHUB_REF).map(|full| split_ref(&full)).unwrap_or_default();
    if branch.is_some() || tag.is_some() {
        return (branch, tag);
    }
    match (var(env, ci_env::GITHUB_REF_TYPE).as_deref(), var(env, ci_env::GITHUB_REF_NAME)) {
        (Some("tag"), Some(name)) => (None, Some(name)),
        (Some("branch"), Some(name)) if event != Event::MergeRequest => (Some(name), None),
        // A release that was published without a push of its tag names it in the payload only.
        _ if event == Event::Release => (None, text(payload, "/release/tag_name")),
        _ => (None, None),
    }
}

fn pull_request(env: &Env<'_>, payload: Option<&Value>) -> PullRequest {
    let number = payload.and_then(|p| p.pointer("/pull_request/number").or_else(|| p.pointer("/number"))).and_then(Value::as_u64);
    let from_ref = || var(env, ci_env::GITHUB_REF)?.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok();
    PullRequest {
        number: number.or_else(from_ref),
        source_branch: var(env, ci_env::GITHUB_HEAD_REF).or_else(|| text(payload, "/pull_request/head/ref")),
        target_branch: var(env, ci_env::GITHUB_BASE_REF).or_else(|| text(payload, "/pull_request/base/ref")),
        fork: !is_same_repository(payload),
    }
}

// `head.repo.fork` says whether the head repository is a fork of anything, which is true for all pull requests inside
// a fork too. What matters is whether both sides are one repository; a deleted one is null and nobody's.
fn is_same_repository(payload: Option<&Value>) -> bool {
    if payload.is_some_and(|p| p.pointer("/merge_group").is_some_and(Value::is_object)) {
        // The queue's branch lies in the repository itself and only those who may merge can fill it.
        return true;
    }
    let side = |side: &str| {
        let id = payload?.pointer(&format!("/pull_request/{side}/repo/id")).and_then(Value::as_u64).map(|id| id.to_string());
        id.or_else(|| text(payload, &format!("/pull_request/{side}/repo/full_name")).map(|name| name.to_ascii_lowercase()))
    };
    side("head").is_some_and(|head| Some(head) == side("base"))
}

fn text(payload: Option<&Value>, pointer: &str) -> Option<String> {
    payload?.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
