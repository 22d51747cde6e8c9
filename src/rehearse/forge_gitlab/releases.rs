//! Releases (docs: "Releases API"). There are no drafts: what is made is seen.

use serde_json::Value;

use super::catalog;
use super::links;
use super::options::{Limits, Role};
use super::page::page;
use super::refusal::{Refusal, Result};
use super::render::Renderer;
use super::reply::Reply;
use super::tags;
use super::world::{Held, Release, World};
use crate::core::Timestamp;
use crate::rehearse::api::Asked;

/// A field of a JSON body that is a text.
pub(super) fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str()
}

pub(super) fn list(project: &Held, render: &Renderer<'_>, asked: &Asked, most: usize) -> Reply {
    let mut releases: Vec<&Release> = project.releases.iter().collect();
    let created = asked.query("order_by") == Some("created_at");
    releases.sort_by_key(|release| if created { release.created } else { release.released });
    if asked.query("sort") != Some("asc") {
        releases.reverse();
    }
    page(asked, most, render.base, releases.into_iter().map(|release| render.release(project, release)).collect())
}

/// One release; `stale` as it was before its last change.
pub(super) fn one(project: &Held, render: &Renderer<'_>, tag: &str, stale: bool) -> Result<Reply> {
    let release = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    if stale {
        let before = release.before.as_deref().ok_or_else(|| Refusal::missing(""))?;
        return Ok(Reply::json(200, render.release(project, before)));
    }
    Ok(Reply::json(200, render.release(project, release)))
}

pub(super) fn latest(project: &Held, render: &Renderer<'_>) -> Result<Reply> {
    let newest = project.releases.iter().max_by_key(|release| release.released).ok_or_else(|| Refusal::missing(""))?;
    Ok(Reply::json(200, render.release(project, newest)))
}

pub(super) fn make(world: &mut World, at: usize, base: &str, body: &Value, (role, author): (Role, &str), limits: &Limits) -> Result<Reply> {
    let tag = text(body, "tag_name").ok_or_else(|| Refusal::parameter("tag_name is missing"))?;
    let description = text(body, "description").unwrap_or_default();
    check_description(description, limits)?;
    let (made, id) = (world.now(), world.next_id());
    let project = &mut world.projects[at];
    if project.release(tag).is_some() {
        return Err(Refusal::conflict("Release already exists"));
    }
    if project.protected.is_match(tag) && role < Role::Maintainer {
        return Err(Refusal::forbidden());
    }
    if !project.tags.contains_key(tag) {
        let at = text(body, "ref").ok_or_else(|| Refusal::unprocessable("Ref is not specified"))?;
        tags::make_at(project, tag, at, role)?;
    }
    let commit = project.tags.get(tag).cloned().unwrap_or_default();
    let released = text(body, "released_at").and_then(|text| Timestamp::parse(text).ok()).unwrap_or(made);
    let mut release = Release {
        tag: tag.to_owned(),
        commit,
        name: text(body, "name").filter(|name| !name.is_empty()).unwrap_or(tag).to_owned(),
        description: description.to_owned(),
        author: author.to_owned(),
        created: made,
        released,
        links: Vec::new(),
        before: None,
    };
    // All links or no release: GitLab checks them in the same transaction.
    let wanted = body.pointer("/assets/links").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (nth, link) in wanted.iter().enumerate() {
        let link = links::checked(&release, link, id * 10_000 + nth as u64)?;
        release.links.push(link);
    }
    project.releases.push(release);
    catalog::of_release(project, tag);
    let project = &world.projects[at];
    let render = Renderer { base };
    let made = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    Ok(Reply::json(201, render.release(project, made)))
}

pub(super) fn update(project: &mut Held, base: &str, tag: &str, body: &Value, limits: &Limits) -> Result<Reply> {
    let release = project.release_mut(tag).ok_or_else(|| Refusal::missing(""))?;
    if let Some(description) = text(body, "description") {
        check_description(description, limits)?;
    }
    release.remember();
    if let Some(name) = text(body, "name") {
        name.clone_into(&mut release.name);
    }
    if let Some(description) = text(body, "description") {
        description.clone_into(&mut release.description);
    }
    if let Some(at) = text(body, "released_at").and_then(|text| Timestamp::parse(text).ok()) {
        release.released = at;
    }
    one(project, &Renderer { base }, tag, false)
}

/// The tag stays.
pub(super) fn remove(project: &mut Held, base: &str, tag: &str, role: Role) -> Result<Reply> {
    let at = project.releases.iter().position(|release| release.tag == tag).ok_or_else(|| Refusal::missing(""))?;
    if project.protected.is_match(tag) && role < Role::Maintainer {
        return Err(Refusal::forbidden());
    }
    let shown = Renderer { base }.release(project, &project.releases[at]);
    project.releases.remove(at);
    Ok(Reply::json(200, shown))
}

fn check_description(description: &str, limits: &Limits) -> Result<()> {
    if description.chars().count() > limits.description {
        return Err(Refusal::field("description", &format!("is too long (maximum is {} characters)", limits.description)));
    }
    Ok(())
}
