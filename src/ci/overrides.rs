//! `SF_CI_*`: what people say wins over what the system says (spec/build.md U.1).

use super::detect::{Env, is_commit_id};
use super::{Event, PipelineContext, Provider, events, web_url};
use crate::error::{Error, Result};
use crate::names::env as names;

/// The overrides that are set, checked.
pub(super) struct Overrides {
    pub(super) provider: Option<Provider>,
    pub(super) event: Option<Event>,
    branch: Option<String>,
    tag: Option<String>,
    sha: Option<String>,
    default_branch: Option<String>,
    repo_url: Option<String>,
    workspace: Option<String>,
    pipeline_id: Option<String>,
}

impl Overrides {
    pub(super) fn read(env: &Env<'_>) -> Result<Self> {
        Ok(Self {
            provider: checked(env, names::SF_CI_PROVIDER, provider, "gitlab, github, gitea, forgejo, woodpecker or local")?,
            event: checked(env, names::SF_CI_EVENT, events::any, "push, tag, merge_request, schedule, manual or release")?,
            branch: checked(env, names::SF_CI_BRANCH, branch_name, "a branch name, such as main")?,
            tag: checked(env, names::SF_CI_TAG, tag_name, "a tag name, such as v1.2.3")?,
            sha: checked(env, names::SF_CI_SHA, commit_id, "a full commit id of 40 or 64 hex digits")?,
            default_branch: checked(env, names::SF_CI_DEFAULT_BRANCH, branch_name, "a branch name, such as main")?,
            repo_url: checked(env, names::SF_CI_REPO_URL, web_url, "a web address, such as https://github.com/acme/app")?,
            workspace: checked(env, names::SF_CI_WORKSPACE, printable, "a directory")?,
            pipeline_id: checked(env, names::SF_CI_PIPELINE_ID, printable, "an id of at most 255 printable characters")?,
        })
    }

    /// A branch alone takes the place of a tag the system names; a tag wins over a branch given beside it, because
    /// templates of Actions export the tag's name as both.
    pub(super) fn apply(self, context: &mut PipelineContext) {
        if self.tag.is_some() {
            context.tag = self.tag;
        } else if self.branch.is_some() {
            context.branch = self.branch;
            context.tag = None;
        }
        let over = |slot: &mut Option<String>, value: Option<String>| {
            if value.is_some() {
                *slot = value;
            }
        };
        over(&mut context.sha, self.sha);
        over(&mut context.default_branch, self.default_branch);
        over(&mut context.repo_url, self.repo_url);
        over(&mut context.workspace, self.workspace);
        over(&mut context.pipeline_id, self.pipeline_id);
    }
}

fn checked<T>(env: &Env<'_>, name: &str, read: impl Fn(&str) -> Option<T>, expected: &str) -> Result<Option<T>> {
    let Some(text) = env.get(name) else { return Ok(None) };
    match read(&text) {
        Some(value) => Ok(Some(value)),
        // An address may carry a password, so a value is shown only where it cannot be one.
        None if name == names::SF_CI_REPO_URL => {
            Err(Error::usage(format!("{name} is not {expected}")).hint(format!("correct or unset {name}")))
        }
        None => {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
            Err(Error::usage(format!("{name}=`{shown}` is not {expected}")).hint(format!("correct or unset {name}")))
        }
    }
}

fn provider(text: &str) -> Option<Provider> {
    let all = [Provider::Gitlab, Provider::Github, Provider::Gitea, Provider::Forgejo, Provider::Woodpecker, Provider::Local];
    all.into_iter().find(|provider| provider.name().eq_ignore_ascii_case(text))
}

// `refs/heads/main` is what some templates export.
fn branch_name(text: &str) -> Option<String> {
    ref_name(text.strip_prefix("refs/heads/").unwrap_or(text))
}

fn tag_name(text: &str) -> Option<String> {
    ref_name(text.strip_prefix("refs/tags/").unwrap_or(text))
}

// The part of git-check-ref-format(1) that keeps a name from being taken for something else.
fn ref_name(text: &str) -> Option<String> {
    let refused = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let fine = text.len() <= 255
        && !text.is_empty()
        && !text.starts_with(['-', '/'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{")
        && !text.contains(refused);
    fine.then(|| text.to_owned())
}

fn commit_id(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    is_commit_id(&text).then_some(text)
}

fn printable(text: &str) -> Option<String> {
    (text.len() <= 255 && !text.contains(char::is_control)).then(|| text.to_owned())
}
