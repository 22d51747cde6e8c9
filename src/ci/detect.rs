//! From an environment to a `PipelineContext`: which system, what it says, what `SF_CI_*` overrides, and the rules
//! that hold for every system.

use super::overrides::Overrides;
use super::{Event, PipelineContext, Provider, actions, events, gitlab, web_url, woodpecker};
use crate::error::{Error, Result};
use crate::names::{ci_env, env as names};

/// Reads one variable; empty counts as unset.
pub(super) struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}

/// The pipeline this environment belongs to (spec/build.md U.1). `payload` is the text of the file that
/// [`payload_path`] names, when there is one. The rules for every system:
///
/// - a known tag makes the event `tag`, except for `release` and `merge_request`, and there is no branch then;
/// - a merge request has no branch either: its source branch may carry any name, also that of a protected branch;
/// - a merge request is a fork's unless the CI says that it is not;
/// - `SF_CI_*` win over what the system says;
/// - a native event that is not known is an error (kind `Missing`), because guessing could publish.
pub fn detect(env: &dyn Fn(&str) -> Option<String>, payload: Option<&str>) -> Result<PipelineContext> {
    let env = Env(env);
    let overrides = Overrides::read(&env)?;
    let provider = overrides.provider.unwrap_or_else(|| provider(&env));
    let native = native_event(provider, &env);
    let event = match (overrides.event, native) {
        (Some(event), _) => event,
        (None, Some(native)) => events::typed(provider, &native)?,
        (None, None) => Event::Push,
    };
    let payload = payload.map(parse).transpose()?;
    let mut context = match provider {
        Provider::Gitlab => gitlab::read(&env, event),
        Provider::Github | Provider::Gitea | Provider::Forgejo => actions::read(&env, provider, event, payload.as_ref()),
        Provider::Woodpecker => woodpecker::read(&env, event),
        Provider::Local => local(event),
    };
    let explicit_event = overrides.event.is_some();
    overrides.apply(&mut context);
    settle(&mut context, explicit_event);
    Ok(context)
}

/// Where the payload of the event lies, on systems that write one: an absolute path of the runner.
pub fn payload_path(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let env = Env(env);
    let chosen = Overrides::read(&env).ok()?.provider.unwrap_or_else(|| provider(&env));
    match chosen {
        Provider::Github | Provider::Gitea | Provider::Forgejo => actions::var(&env, ci_env::GITHUB_EVENT_PATH),
        Provider::Gitlab | Provider::Woodpecker | Provider::Local => None,
    }
}

// Gitea and Forgejo set GitHub's variables too, and Forgejo sets Gitea's: the most special name decides.
fn provider(env: &Env<'_>) -> Provider {
    if env.is_true(ci_env::GITLAB_CI) {
        Provider::Gitlab
    } else if env.is_true(ci_env::FORGEJO_ACTIONS) {
        Provider::Forgejo
    } else if env.is_true(ci_env::GITEA_ACTIONS) {
        Provider::Gitea
    } else if env.is_true(ci_env::GITHUB_ACTIONS) {
        Provider::Github
    } else if [names::CI, ci_env::CI_SYSTEM_NAME].iter().any(|name| env.get(name).is_some_and(|value| value == "woodpecker")) {
        Provider::Woodpecker
    } else {
        Provider::Local
    }
}

fn native_event(provider: Provider, env: &Env<'_>) -> Option<String> {
    match provider {
        Provider::Gitlab => env.get(ci_env::CI_PIPELINE_SOURCE),
        Provider::Github | Provider::Gitea | Provider::Forgejo => actions::var(env, ci_env::GITHUB_EVENT_NAME),
        Provider::Woodpecker => env.get(ci_env::CI_PIPELINE_EVENT),
        Provider::Local => None,
    }
}

fn parse(payload: &str) -> Result<serde_json::Value> {
    serde_json::from_str(payload).map_err(|error| {
        Error::missing("cannot read the event's payload: it is not JSON")
            .because(&error)
            .hint("the runner writes this file for every job; run the job again, or set SF_CI_PROVIDER=local and SF_CI_EVENT yourself")
    })
}

fn local(event: Event) -> PipelineContext {
    PipelineContext {
        provider: Provider::Local,
        event,
        branch: None,
        tag: None,
        sha: None,
        default_branch: None,
        pull_request: None,
        project: None,
        repo_url: None,
        pipeline_url: None,
        pipeline_id: None,
        job_id: None,
        attempt: None,
        runner: None,
        workspace: None,
    }
}

fn settle(context: &mut PipelineContext, explicit_event: bool) {
    if context.tag.is_some() {
        context.branch = None;
        if !explicit_event && !matches!(context.event, Event::Release | Event::MergeRequest) {
            context.event = Event::Tag;
        }
    } else if !explicit_event && context.event == Event::Tag {
        // A `create` event of a branch, or a branch that SF_CI_BRANCH put in the tag's place.
        context.event = Event::Push;
    }
    if context.event == Event::MergeRequest {
        context.branch = None;
        context.tag = None;
    } else {
        context.pull_request = None;
    }
    context.sha = context.sha.take().filter(|sha| is_commit_id(sha));
    context.repo_url = context.repo_url.take().and_then(|url| web_url(&url));
    context.pipeline_url = context.pipeline_url.take().and_then(|url| web_url(&url));
}

/// SHA-1 or SHA-256 in lower-case hex.
pub(super) fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The tag or branch a full ref names.
pub(super) fn split_ref(full: &str) -> (Option<String>, Option<String>) {
    let named = |prefix: &str| full.strip_prefix(prefix).filter(|name| !name.is_empty()).map(str::to_owned);
    (named("refs/heads/"), named("refs/tags/"))
}

#[cfg(test)]
mod tests;
