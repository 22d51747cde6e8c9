//! Git tags.

use serde_json::Value;

use super::data::{GitTag, Repo};
use super::options::Repository;
use super::refusal::{custom, invalid, not_found, plain};
use super::render::{At, reference, tag_object};
use crate::rehearse::api::Answer;

/// `GET git/ref/tags/T`.
pub fn read(at: At<'_>, repo: &Repo, name: &str) -> Answer {
    match repo.tags.get(name) {
        Some(tag) => Answer::json(200, &reference(at, name, tag)),
        None => not_found(),
    }
}

/// `GET git/tags/SHA`.
pub fn read_object(at: At<'_>, repo: &Repo, object: &str) -> Answer {
    let found = repo.tags.iter().find(|(_, tag)| tag.object.as_deref() == Some(object));
    found.map_or_else(not_found, |(name, tag)| Answer::json(200, &tag_object(at, name, object, &tag.commit)))
}

/// `POST git/refs`.
pub fn create(at: At<'_>, repo: &mut Repo, rules: &Repository, document: &Value) -> Answer {
    let (Some(name), Some(sha)) = (text(document, "ref"), text(document, "sha")) else { return invalid("Ref", "ref", "missing_field") };
    let Some(name) = name.strip_prefix("refs/tags/") else { return plain(422, "Reference name must start with 'refs/'") };
    if repo.tags.contains_key(name) {
        return plain(422, "Reference already exists");
    }
    if let Some(refused) = guard(repo, rules, name).or_else(|| (!is_commit(sha)).then(|| plain(422, "Object does not exist"))) {
        return refused;
    }
    let tag = GitTag { commit: sha.to_owned(), object: None };
    let answer = Answer::json(201, &reference(at, name, &tag));
    repo.tags.insert(name.to_owned(), tag);
    answer
}

/// `PATCH git/refs/tags/T`. Without `force` only forward; nothing here knows the history, so only `force` moves.
pub fn update(at: At<'_>, repo: &mut Repo, rules: &Repository, name: &str, document: &Value) -> Answer {
    if let Some(refused) = guard(repo, rules, name) {
        return refused;
    }
    let Some(sha) = text(document, "sha").filter(|sha| is_commit(sha)) else { return plain(422, "Object does not exist") };
    let force = document.get("force").and_then(Value::as_bool).unwrap_or(false);
    let Some(tag) = repo.tags.get_mut(name) else { return plain(422, "Reference does not exist") };
    if tag.commit != sha && !force {
        return plain(422, "Update is not a fast forward");
    }
    *tag = GitTag { commit: sha.to_owned(), object: None };
    let tag = tag.clone();
    Answer::json(200, &reference(at, name, &tag))
}

/// `DELETE git/refs/tags/T`.
pub fn delete(repo: &mut Repo, rules: &Repository, name: &str) -> Answer {
    if let Some(refused) = guard(repo, rules, name) {
        return refused;
    }
    if repo.tags.remove(name).is_none() {
        return plain(422, "Reference does not exist");
    }
    Answer::empty(204)
}

/// Why a tag cannot be touched.
pub fn guard(repo: &Repo, rules: &Repository, name: &str) -> Option<Answer> {
    if rules.protected_tags.iter().any(|tag| tag == name) {
        return Some(custom("Ref", "ref", "Repository rule violations found. Cannot create ref due to creations being restricted."));
    }
    repo.is_sealed(name).then(|| plain(422, "Cannot change a tag that an immutable release uses"))
}

/// 40 hex digits: every commit exists here.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A string of a document.
pub fn text<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document.get(key).and_then(Value::as_str)
}
