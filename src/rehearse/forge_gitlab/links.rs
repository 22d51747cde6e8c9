//! Links of releases (docs: "Release links API").

use serde_json::Value;

use super::page::page;
use super::refusal::{Refusal, Result};
use super::releases::text;
use super::render::Renderer;
use super::reply::Reply;
use super::world::{Held, Link, Release, World};
use crate::rehearse::api::Asked;

/// Longest direct asset path in characters (`Releases::Link::FILEPATH_MAX_LENGTH`).
const LONGEST_PATH: usize = 128;

pub(super) fn list(project: &Held, render: &Renderer<'_>, tag: &str, asked: &Asked, most: usize) -> Result<Reply> {
    let release = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    let links = release.links.iter().map(|link| render.link(project, tag, link)).collect();
    Ok(page(asked, most, render.base, links))
}

pub(super) fn one(project: &Held, render: &Renderer<'_>, tag: &str, id: u64) -> Result<Reply> {
    let release = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    let link = release.links.iter().find(|link| link.id == id).ok_or_else(|| Refusal::missing(""))?;
    Ok(Reply::json(200, render.link(project, tag, link)))
}

pub(super) fn make(world: &mut World, at: usize, base: &str, tag: &str, body: &Value) -> Result<Reply> {
    let id = world.next_id();
    let project = &mut world.projects[at];
    let release = project.release_mut(tag).ok_or_else(|| Refusal::missing(""))?;
    let link = checked(release, body, id)?;
    release.remember();
    release.links.push(link);
    let Reply { body, .. } = one(project, &Renderer { base }, tag, id)?;
    Ok(Reply { status: 201, headers: Vec::new(), body })
}

pub(super) fn update(project: &mut Held, base: &str, tag: &str, id: u64, body: &Value) -> Result<Reply> {
    let release = project.release_mut(tag).ok_or_else(|| Refusal::missing(""))?;
    let place = release.links.iter().position(|link| link.id == id).ok_or_else(|| Refusal::missing(""))?;
    let held = release.links[place].clone();
    let mut wanted = serde_json::json!({ "name": held.name, "url": held.url, "link_type": held.kind });
    if let Some(path) = held.path {
        wanted["direct_asset_path"] = Value::String(path);
    }
    if let (Some(wanted), Some(changes)) = (wanted.as_object_mut(), body.as_object()) {
        wanted.extend(changes.clone());
    }
    let others = Release { links: release.links.iter().filter(|link| link.id != id).cloned().collect(), ..release.clone() };
    let link = checked(&others, &wanted, id)?;
    release.remember();
    release.links[place] = link;
    one(project, &Renderer { base }, tag, id)
}

pub(super) fn remove(project: &mut Held, base: &str, tag: &str, id: u64) -> Result<Reply> {
    let shown = one(project, &Renderer { base }, tag, id)?;
    if let Some(release) = project.release_mut(tag) {
        release.remember();
        release.links.retain(|link| link.id != id);
    }
    Ok(shown)
}

/// Where a permanent address leads.
pub(super) fn download(project: &Held, tag: &str, path: &str) -> Result<Reply> {
    let release = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    let wanted = format!("/{path}");
    let link = release.links.iter().find(|link| link.path.as_deref() == Some(wanted.as_str())).ok_or_else(|| Refusal::missing(""))?;
    Ok(Reply::status(302).header("Location", link.url.clone()))
}

/// A link that keeps GitLab's rules, beside those the release has.
pub(super) fn checked(release: &Release, body: &Value, id: u64) -> Result<Link> {
    let name = text(body, "name").ok_or_else(|| Refusal::parameter("name is missing"))?;
    let url = text(body, "url").ok_or_else(|| Refusal::parameter("url is missing"))?;
    let path = text(body, "direct_asset_path").or_else(|| text(body, "filepath"));
    let link_type = text(body, "link_type").unwrap_or("other");
    if !matches!(link_type, "other" | "runbook" | "image" | "package") {
        return Err(Refusal::parameter("link_type does not have a valid value"));
    }
    if !["http://", "https://", "ftp://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(Refusal::field("url", "is blocked: Only allowed schemes are http, https, ftp"));
    }
    if let Some(path) = path {
        if !is_direct_path(path) {
            return Err(Refusal::field("filepath", "is in an invalid format"));
        }
        if path.len() > LONGEST_PATH {
            return Err(Refusal::field("filepath", &format!("is too long (maximum is {LONGEST_PATH} characters)")));
        }
    }
    // Sentences, as its service for links tells them.
    let taken = |field: &str| Err(Refusal::sentences(&[&format!("{field} has already been taken")]));
    if release.links.iter().any(|link| link.name == name) {
        return taken("Name");
    }
    if release.links.iter().any(|link| link.url == url) {
        return taken("Url");
    }
    if path.is_some() && release.links.iter().any(|link| link.path.as_deref() == path) {
        return taken("Filepath");
    }
    Ok(Link { id, name: name.to_owned(), url: url.to_owned(), path: path.map(str::to_owned), kind: link_type.to_owned() })
}

/// `\A/(?:[\-\.\w]+/?)*[\da-zA-Z]+\z` (`Releases::Link::FILEPATH_REGEX`).
fn is_direct_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let plain = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '.' | '_' | '/');
    rest.chars().all(plain) && !rest.starts_with('/') && !rest.contains("//") && rest.ends_with(|ch: char| ch.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_paths_are_those_gitlab_takes() {
        for (path, good) in
            [("/a-1.0_x.tar.gz", true), ("/bin/app", true), ("a", false), ("/a+b", false), ("/a b", false), ("/a.", false), ("//a", false)]
        {
            assert_eq!(is_direct_path(path), good, "{path}");
        }
    }
}
