//! Branch and tag where the CI leaves them open, and the project's name.

use crate::ci::{Event, PipelineContext, web_url};
use crate::core::Version;
use crate::git::GitFacts;

/// Fills what the CI does not say from git (spec/build.md U.1): the commit; the branch HEAD is on; on a detached HEAD
/// the tag exactly there (of several the highest version), which makes a push a tag. Merge requests stay without.
#[must_use]
pub fn complete(mut context: PipelineContext, git: &GitFacts) -> PipelineContext {
    if context.tag.is_none() && context.branch.is_none() && context.event != Event::MergeRequest {
        context.branch.clone_from(&git.branch);
        if context.branch.is_none() {
            context.tag = highest(git.tags_at_head());
            if context.tag.is_some() && context.event == Event::Push {
                context.event = Event::Tag;
            }
        }
    }
    context.sha.get_or_insert_with(|| git.head.clone());
    if context.repo_url.is_none() {
        context.repo_url = git.remote.as_deref().and_then(web_url);
    }
    if context.project.is_none() {
        context.project = context.repo_url.as_deref().and_then(path_of);
    }
    context
}

/// `group/project` as the CI or the remote has it, else the directory's name.
pub fn project_name(context: &PipelineContext, directory: &str) -> String {
    context.project.clone().unwrap_or_else(|| directory.to_owned())
}

fn path_of(url: &str) -> Option<String> {
    let (_, path) = url.split_once("://")?.1.split_once('/')?;
    let path = path.trim_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

fn highest<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let ranked = names.map(|name| (name.parse::<Version>().ok(), std::cmp::Reverse(name)));
    ranked.max().map(|(_, name)| name.0.to_owned())
}
