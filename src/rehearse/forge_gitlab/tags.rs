//! Git tags (docs: "Tags API").

use serde_json::Value;

use super::options::Role;
use super::page::page;
use super::refusal::{Refusal, Result};
use super::releases::text;
use super::render::Renderer;
use super::reply::Reply;
use super::world::Held;
use crate::rehearse::api::Asked;

pub(super) fn list(project: &Held, render: &Renderer<'_>, asked: &Asked, most: usize) -> Reply {
    let tags = project.tags.iter().map(|(tag, commit)| render.tag(project, tag, commit)).collect();
    page(asked, most, render.base, tags)
}

pub(super) fn one(project: &Held, render: &Renderer<'_>, tag: &str) -> Result<Reply> {
    let commit = project.tags.get(tag).ok_or_else(|| Refusal::missing("Tag"))?;
    Ok(Reply::json(200, render.tag(project, tag, commit)))
}

pub(super) fn make(project: &mut Held, render: &Renderer<'_>, body: &Value, role: Role) -> Result<Reply> {
    let tag = text(body, "tag_name").ok_or_else(|| Refusal::parameter("tag_name is missing"))?;
    let at = text(body, "ref").ok_or_else(|| Refusal::parameter("ref is missing"))?;
    make_at(project, tag, at, role)?;
    let commit = project.tags.get(tag).cloned().unwrap_or_default();
    Ok(Reply::json(201, render.tag(project, tag, &commit)))
}

/// Makes a tag, or says in GitLab's words why not.
pub(super) fn make_at(project: &mut Held, tag: &str, at: &str, role: Role) -> Result<()> {
    if tag.is_empty() || tag.contains([' ', '~', '^', ':', '?', '*', '[', '\\']) || tag.contains("..") {
        return Err(Refusal::bad("Tag name invalid"));
    }
    if project.tags.contains_key(tag) {
        return Err(Refusal::bad(format!("Tag {tag} already exists")));
    }
    if project.protected.is_match(tag) && role < Role::Maintainer {
        return Err(Refusal::bad("You do not have permission to create tags"));
    }
    let Some(commit) = project.commit_of(at) else { return Err(Refusal::bad(format!("Target {at} is invalid"))) };
    project.tags.insert(tag.to_owned(), commit);
    Ok(())
}

/// A tag's release goes with it.
pub(super) fn remove(project: &mut Held, tag: &str, role: Role) -> Result<Reply> {
    if !project.tags.contains_key(tag) {
        return Err(Refusal::missing("Tag"));
    }
    if project.protected.is_match(tag) && role < Role::Maintainer {
        return Err(Refusal::forbidden_because("You don't have access to delete the tag"));
    }
    project.tags.remove(tag);
    project.releases.retain(|release| release.tag != tag);
    Ok(Reply::status(204))
}
