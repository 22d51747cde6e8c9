//! Generic packages (docs: "GitLab generic packages repository", "Packages API").

use serde_json::Value;

use super::options::{Limits, Role};
use super::page::page;
use super::refusal::{Refusal, Result};
use super::render::{Renderer, generic_file, package_file};
use super::reply::Reply;
use super::world::Kept;
use super::world::{Held, Package, PackageFile, World};
use crate::rehearse::api::Asked;

pub(super) fn list(project: &Held, render: &Renderer<'_>, asked: &Asked, most: usize) -> Reply {
    let (name, version) = (asked.query("package_name"), asked.query("package_version"));
    let mut packages: Vec<&Package> = project.packages.iter().collect();
    // `package_name` is a fuzzy search (docs: "Filter the returned packages with a fuzzy search by name").
    packages.retain(|package| name.is_none_or(|name| package.name.contains(name)));
    packages.retain(|package| version.is_none_or(|version| package.version == version));
    if asked.query("sort") == Some("desc") {
        packages.reverse();
    }
    page(asked, most, render.base, packages.into_iter().map(|package| render.package(project, package)).collect())
}

fn find(project: &Held, id: u64) -> Result<&Package> {
    project.packages.iter().find(|package| package.id == id).ok_or_else(|| Refusal::missing(""))
}

pub(super) fn one(project: &Held, render: &Renderer<'_>, id: u64) -> Result<Reply> {
    Ok(Reply::json(200, render.package(project, find(project, id)?)))
}

pub(super) fn files(project: &Held, render: &Renderer<'_>, id: u64, asked: &Asked, most: usize) -> Result<Reply> {
    let package = find(project, id)?;
    let files: Vec<Value> = package.files.iter().map(|file| package_file(package, file)).collect();
    Ok(page(asked, most, render.base, files))
}

pub(super) fn remove(project: &mut Held, id: u64, role: Role) -> Result<Reply> {
    find(project, id)?;
    if role < Role::Maintainer {
        return Err(Refusal::forbidden());
    }
    project.packages.retain(|package| package.id != id);
    Ok(Reply::status(204))
}

pub(super) fn remove_file(project: &mut Held, id: u64, file: u64, role: Role) -> Result<Reply> {
    if role < Role::Maintainer {
        return Err(Refusal::forbidden());
    }
    let package = project.packages.iter_mut().find(|package| package.id == id).ok_or_else(|| Refusal::missing(""))?;
    let before = package.files.len();
    package.files.retain(|known| known.id != file);
    if package.files.len() == before {
        return Err(Refusal::missing(""));
    }
    Ok(Reply::status(204))
}

/// The newest file of that name.
pub(super) fn get(project: &Held, name: &str, version: &str, file: &str) -> Result<Reply> {
    let package = project.packages.iter().find(|package| package.name == name && package.version == version);
    let found = package.and_then(|package| package.files.iter().rev().find(|known| known.name == file));
    let found = found.ok_or_else(|| Refusal::missing(""))?;
    Ok(Reply::file(found.kept.path.clone()))
}

/// Before bytes are taken: may they come? What is begun is ended by [`stop_sending`].
pub(super) fn begin(project: &mut Held, name: &str, version: &str, file: &str, announced: Option<u64>, limits: &Limits) -> Result<()> {
    if project.without_packages {
        return Err(Refusal::forbidden());
    }
    // `Gitlab::Regex.generic_package_name_regex` and its neighbours.
    if !is_name(name) {
        return Err(Refusal::parameter("package_name is invalid"));
    }
    if !is_name(version) {
        return Err(Refusal::parameter("package_version is invalid"));
    }
    if !is_name(file) {
        return Err(Refusal::parameter("file_name is invalid"));
    }
    if announced.is_some_and(|size| size > limits.package_file) {
        return Err(Refusal::bad("400 Bad request - File is too large"));
    }
    let package = project.packages.iter().find(|package| package.name == name && package.version == version);
    if project.refuse_duplicates && package.is_some_and(|package| package.files.iter().any(|known| known.name == file)) {
        return Err(Refusal::forbidden_because("Duplicate package is not allowed"));
    }
    // The first file makes the package; others that come at the same time find it neither there nor free.
    let key = (name.to_owned(), version.to_owned());
    if project.sending.contains(&key) {
        return Err(Refusal::bad("Validation failed: Name has already been taken"));
    }
    project.sending.push(key);
    Ok(())
}

pub(super) fn stop_sending(project: &mut Held, name: &str, version: &str) {
    project.sending.retain(|(known, of)| known != name || of != version);
}

/// The bytes are here: the file is there. A second of one name lies beside the first and covers it.
pub(super) fn finish(world: &mut World, at: usize, (name, version, file): (&str, &str, &str), kept: Kept, asked: &Asked) -> Reply {
    let (id, made, file_id) = (world.next_id(), world.now(), world.next_id());
    let project = &mut world.projects[at];
    let known = project.packages.iter().position(|package| package.name == name && package.version == version);
    let place = known.unwrap_or_else(|| {
        project.packages.push(Package { id, name: name.to_owned(), version: version.to_owned(), created: made, files: Vec::new() });
        project.packages.len() - 1
    });
    let package = &mut project.packages[place];
    let file = PackageFile { id: file_id, name: file.to_owned(), created: made, kept };
    let shown = generic_file(package.id, &file);
    package.files.push(file);
    if asked.query("select") == Some("package_file") {
        return Reply::json(201, shown);
    }
    Reply::json(201, serde_json::json!({ "message": "201 Created" }))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.chars().all(|ch| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-' | '+'))
}
