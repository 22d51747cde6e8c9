//! Releases and drafts.

use hyper::header::{LINK, LOCATION};
use serde_json::{Value, json};

use super::data::{Data, GitTag, Release, Repo};
use super::options::{Lags, Repository};
use super::refs::{self, is_commit, text};
use super::refusal::{custom, invalid, not_found, plain};
use super::render::{At, release};
use crate::rehearse::api::{Answer, Asked};

/// Entries of a page, when nothing is said and at most.
const PAGE: usize = 30;
const MOST: usize = 100;

/// `GET releases`: drafts for those who may write.
pub fn list(at: At<'_>, repo: &mut Repo, asked: &Asked, may_write: bool) -> Answer {
    let mut seen: Vec<Value> = Vec::new();
    for one in repo.releases.iter_mut().rev() {
        if one.draft && one.hidden_from_list > 0 {
            one.hidden_from_list -= 1;
        } else if may_write || !one.draft {
            seen.push(release(at, one));
        }
    }
    page(at, asked, "/releases", &seen)
}

/// One page of a list, with `Link`.
pub fn page(at: At<'_>, asked: &Asked, path: &str, all: &[Value]) -> Answer {
    let number = |key: &str| asked.query(key).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(PAGE).clamp(1, MOST);
    let page = number("page").unwrap_or(1).max(1);
    let from = (page - 1).saturating_mul(size).min(all.len());
    let to = (from + size).min(all.len());
    let answer = Answer::json(200, &Value::Array(all[from..to].to_vec()));
    if to == all.len() {
        return answer;
    }
    let kept = asked.query.iter().filter(|(name, _)| name != "page" && name != "per_page");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(kept).append_pair("per_page", &size.to_string()).append_pair("page", &(page + 1).to_string());
    let next = format!("<{}/api/v3/repos/{}{path}?{}>; rel=\"next\"", at.origin, at.repository, query.finish());
    answer.with(LINK, &next)
}

/// `GET releases/tags/T`: never a draft.
pub fn by_tag(at: At<'_>, repo: &mut Repo, tag: &str, stale: bool, most_told: usize) -> Answer {
    match repo.releases.iter_mut().find(|one| !one.draft && one.tag_name == tag) {
        Some(one) if one.hidden_by_tag > 0 => {
            one.hidden_by_tag -= 1;
            not_found()
        }
        Some(one) if !stale => {
            let mut told = release(at, one);
            if let Some(Value::Array(files)) = told.get_mut("assets") {
                files.truncate(most_told);
            }
            Answer::json(200, &told)
        }
        _ => not_found(),
    }
}

/// `GET releases/latest`.
pub fn latest(at: At<'_>, repo: &Repo) -> Answer {
    repo.latest_release().map_or_else(not_found, |one| Answer::json(200, &release(at, one)))
}

/// `GET releases/N`.
pub fn read(at: At<'_>, repo: &mut Repo, id: u64) -> Answer {
    repo.release(id).map_or_else(not_found, |one| Answer::json(200, &release(at, one)))
}

/// `POST releases`.
pub fn create(at: At<'_>, data: &mut Data, rules: &Repository, lags: Lags, document: &Value) -> Answer {
    let (id, now) = data.next();
    let Some(repo) = data.repositories.get_mut(at.repository) else { return not_found() };
    let Some(tag) = text(document, "tag_name").filter(|tag| !tag.is_empty()) else {
        return invalid("Release", "tag_name", "missing_field");
    };
    let flag = |key: &str| document.get(key).and_then(Value::as_bool).unwrap_or(false);
    let mut made = Release {
        id,
        tag_name: tag.to_owned(),
        target_commitish: text(document, "target_commitish").unwrap_or("main").to_owned(),
        name: text(document, "name").unwrap_or_default().to_owned(),
        body: text(document, "body").unwrap_or_default().to_owned(),
        draft: flag("draft"),
        prerelease: flag("prerelease"),
        immutable: false,
        created_at: now.clone(),
        published_at: None,
        assets: Vec::new(),
        hidden_from_list: if flag("draft") { lags.list } else { 0 },
        hidden_by_tag: 0,
    };
    if !made.draft
        && let Some(refused) = publish(repo, rules, lags, &mut made, now)
    {
        return refused;
    }
    if !made.draft && text(document, "make_latest").unwrap_or("true") == "true" && !made.prerelease {
        repo.latest = Some(id);
    }
    let answer =
        Answer::json(201, &release(at, &made)).with(LOCATION, &format!("{}/api/v3/repos/{}/releases/{id}", at.origin, at.repository));
    repo.releases.push(made);
    answer
}

/// `PATCH releases/N`.
pub fn update(at: At<'_>, data: &mut Data, rules: &Repository, lags: Lags, id: u64, document: &Value) -> Answer {
    let (_, now) = data.next();
    let Some(repo) = data.repositories.get_mut(at.repository) else { return not_found() };
    let Some(mut changed) = repo.release(id).cloned() else { return not_found() };
    let was_draft = changed.draft;
    for (key, field) in [("name", &mut changed.name), ("body", &mut changed.body)] {
        if let Some(value) = text(document, key) {
            value.clone_into(field);
        }
    }
    if let Some(tag) = text(document, "tag_name").filter(|tag| *tag != changed.tag_name) {
        if changed.immutable {
            return plain(422, "Cannot change the tag of an immutable release");
        }
        tag.clone_into(&mut changed.tag_name);
    }
    if let Some(target) = text(document, "target_commitish") {
        target.clone_into(&mut changed.target_commitish);
    }
    if let Some(prerelease) = document.get("prerelease").and_then(Value::as_bool) {
        changed.prerelease = prerelease;
    }
    if let Some(draft) = document.get("draft").and_then(Value::as_bool) {
        changed.draft = draft;
    }
    if was_draft
        && !changed.draft
        && let Some(refused) = publish(repo, rules, lags, &mut changed, now)
    {
        return refused;
    }
    match text(document, "make_latest") {
        // Publishing makes it the latest unless it says otherwise.
        None if was_draft && !changed.draft && !changed.prerelease => repo.latest = Some(id),
        Some("true") if changed.draft || changed.prerelease => {
            return custom("Release", "make_latest", "Latest release cannot be draft or prerelease");
        }
        Some("true") => repo.latest = Some(id),
        _ => {}
    }
    let answer = Answer::json(200, &release(at, &changed));
    if let Some(held) = repo.release(id) {
        *held = changed;
    }
    answer
}

/// `DELETE releases/N`. The tag stays; that of a release that could not change is burnt.
pub fn delete(repo: &mut Repo, id: u64) -> Answer {
    let Some(index) = repo.releases.iter().position(|one| one.id == id) else { return not_found() };
    let gone = repo.releases.remove(index);
    if gone.immutable {
        repo.burnt.insert(gone.tag_name);
    }
    Answer::empty(204)
}

/// `POST releases/generate-notes`.
pub fn generate_notes(document: &Value) -> Answer {
    let tag = text(document, "tag_name").unwrap_or_default();
    Answer::json(200, &json!({ "name": tag, "body": format!("**Full Changelog**: {tag}") }))
}

// Makes a release visible, and the tag with it where there is none.
fn publish(repo: &mut Repo, rules: &Repository, lags: Lags, made: &mut Release, now: String) -> Option<Answer> {
    let tag = made.tag_name.clone();
    if repo.published(&tag, Some(made.id)).is_some() {
        return Some(invalid("Release", "tag_name", "already_exists"));
    }
    if repo.burnt.contains(&tag) {
        return Some(custom("Release", "tag_name", "tag_name was used by an immutable release"));
    }
    if !repo.tags.contains_key(&tag) {
        if let Some(refused) = refs::guard(repo, rules, &tag) {
            return Some(refused);
        }
        let target = &made.target_commitish;
        if !is_commit(target) && target != "main" {
            return Some(invalid("Release", "target_commitish", "invalid"));
        }
        let commit = if is_commit(target) { target.clone() } else { "0".repeat(40) };
        repo.tags.insert(tag, GitTag { commit, object: None });
    }
    made.published_at = Some(now);
    made.immutable = rules.immutable_releases;
    made.hidden_by_tag = lags.by_tag;
    None
}
