//! What the systems call the events, and what we call them (spec/build.md U.1, W.9).

use super::{Event, Provider};
use crate::error::{Error, Result};

/// The typed event of a system's own name.
pub(super) fn typed(provider: Provider, native: &str) -> Result<Event> {
    let known = match provider {
        Provider::Gitlab => gitlab(native),
        Provider::Github | Provider::Gitea | Provider::Forgejo => actions(native),
        Provider::Woodpecker => woodpecker(native),
        Provider::Local => None,
    };
    known.ok_or_else(|| {
        let shown: String = native.chars().filter(|c| !c.is_control()).take(60).collect();
        Error::missing(format!("the {} event `{shown}` is not one StageFreight knows, and guessing could publish", provider.name()))
            .hint("say what it stands for: SF_CI_EVENT=push, tag, merge_request, schedule, manual or release")
    })
}

/// An event as people write it in `SF_CI_EVENT` and in `when`: our names, `pull_request`, and every system's own.
pub(super) fn any(name: &str) -> Option<Event> {
    let name = name.to_ascii_lowercase();
    let ours = [Event::Push, Event::Tag, Event::MergeRequest, Event::Schedule, Event::Manual, Event::Release];
    ours.into_iter().find(|event| event.name() == name).or_else(|| gitlab(&name)).or_else(|| actions(&name)).or_else(|| woodpecker(&name))
}

// https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable
fn gitlab(native: &str) -> Option<Event> {
    Some(match native {
        // A child pipeline does not learn what started its parent; it runs on the same commit.
        "push" | "webide" | "parent_pipeline" => Event::Push,
        "merge_request_event" | "external_pull_request_event" => Event::MergeRequest,
        "web" | "api" | "trigger" | "pipeline" | "chat" => Event::Manual,
        "schedule" | "security_orchestration_policy" => Event::Schedule,
        _ => return None,
    })
}

// https://docs.github.com/actions/reference/events-that-trigger-workflows; Gitea and Forgejo implement a part of it.
fn actions(native: &str) -> Option<Event> {
    Some(match native {
        // `create` says that a branch or a tag appeared: the ref tells which.
        "push" | "create" => Event::Push,
        // A merge queue tries changes out that are not merged yet.
        "pull_request" | "pull_request_target" | "pull_request_review" | "pull_request_sync" | "merge_group" => Event::MergeRequest,
        "workflow_dispatch" | "repository_dispatch" | "workflow_run" | "deployment" => Event::Manual,
        "schedule" => Event::Schedule,
        "release" => Event::Release,
        _ => return None,
    })
}

// https://woodpecker-ci.org/docs/usage/workflow-syntax#event
fn woodpecker(native: &str) -> Option<Event> {
    Some(match native {
        "push" => Event::Push,
        "pull_request" | "pull_request_closed" | "pull_request_metadata" => Event::MergeRequest,
        "tag" => Event::Tag,
        "release" => Event::Release,
        "cron" => Event::Schedule,
        "manual" | "deployment" => Event::Manual,
        _ => return None,
    })
}
