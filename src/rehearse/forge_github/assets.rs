//! Files of releases.

use hyper::header::{CONTENT_TYPE, LOCATION};
use serde_json::Value;

use super::data::{Asset, Data, Release, asset_file};
use super::refusal::{custom, invalid, not_found, plain};
use super::releases::page;
use super::render::{At, asset};
use super::service::GitHub;
use crate::fs;
use crate::rehearse::api::{Answer, Asked, Cut};

/// `GET releases/N/assets`.
pub fn list(at: At<'_>, release: Option<&Release>, asked: &Asked) -> Answer {
    let Some(release) = release else { return not_found() };
    let all: Vec<Value> = release.assets.iter().map(|one| asset(at, release, one)).collect();
    page(at, asked, &format!("/releases/{}/assets", release.id), &all)
}

/// `GET releases/assets/N`: its description, or its bytes for who accepts them.
pub fn read(forge: &GitHub, at: At<'_>, id: u64, asked: &Asked) -> Answer {
    let bytes = asked.header("accept").is_some_and(|accept| accept.contains("application/octet-stream"));
    let mut data = forge.lock();
    let Some(release) = data.repositories.get_mut(at.repository).and_then(|repo| repo.release_with(id)).cloned() else {
        return not_found();
    };
    drop(data);
    let Some(found) = release.assets.iter().find(|one| one.id == id) else { return not_found() };
    if !bytes {
        return Answer::json(200, &asset(at, &release, found));
    }
    if forge.options.storage {
        let elsewhere = at.origin.replace("127.0.0.1", "localhost");
        return Answer::empty(302).with(LOCATION, &format!("{elsewhere}/storage/{id}?sig=secret"));
    }
    stored(forge, id)
}

/// `GET /storage/N`: the storage host behind the API.
pub fn stored(forge: &GitHub, id: u64) -> Answer {
    match fs::open_regular(&asset_file(&forge.options.dir, id)) {
        Ok((file, length)) => Answer::file(file, length, "application/octet-stream"),
        Err(_) => not_found(),
    }
}

/// `DELETE releases/assets/N`.
pub fn delete(forge: &GitHub, at: At<'_>, id: u64) -> Answer {
    let mut data = forge.lock();
    let Some(release) = data.repositories.get_mut(at.repository).and_then(|repo| repo.release_with(id)) else { return not_found() };
    if release.immutable {
        return plain(422, "Cannot delete assets from an immutable release");
    }
    release.assets.retain(|one| one.id != id);
    forge.save(&data);
    drop(data);
    let _gone = fs::remove_file(&asset_file(&forge.options.dir, id));
    Answer::empty(204)
}

/// `PATCH releases/assets/N`: another name.
pub fn rename(at: At<'_>, data: &mut Data, id: u64, document: &Value) -> Answer {
    let Some(release) = data.repositories.get_mut(at.repository).and_then(|repo| repo.release_with(id)) else { return not_found() };
    if release.immutable {
        return plain(422, "Cannot update assets of an immutable release");
    }
    if let Some(name) = document.get("name").and_then(Value::as_str).map(kept) {
        if release.assets.iter().any(|one| one.id != id && one.name == name) {
            return invalid("ReleaseAsset", "name", "already_exists");
        }
        for one in release.assets.iter_mut().filter(|one| one.id == id) {
            one.name.clone_from(&name);
        }
    }
    let release = release.clone();
    release.assets.iter().find(|one| one.id == id).map_or_else(not_found, |one| Answer::json(200, &asset(at, &release, one)))
}

/// `POST releases/N/assets?name=`. The file is there as a `starter` from the moment its name is known, and stays one when
/// the connection breaks.
pub async fn upload(forge: &GitHub, at: At<'_>, release: u64, asked: &mut Asked) -> Result<Answer, Cut> {
    let Some(name) = asked.query("name").filter(|name| !name.is_empty()).map(kept) else {
        return Ok(invalid("ReleaseAsset", "name", "missing_field"));
    };
    let media_type = asked.header(CONTENT_TYPE.as_str()).unwrap_or("application/octet-stream").to_owned();
    let limit = forge.options.largest_asset;
    if asked.body.announced().is_some_and(|length| length > limit) {
        return Ok(custom("ReleaseAsset", "size", &format!("size must be less than or equal to {limit}")));
    }
    if asked.body.announced() == Some(0) {
        return Ok(plain(400, "Bad Content-Length: 0"));
    }
    let id = match begin(forge, at, release, &name, media_type) {
        Ok(id) => id,
        Err(refused) => return Ok(refused),
    };
    let file = asset_file(&forge.options.dir, id);
    let Some((size, digest)) = asked.body.save(&file, limit).await? else {
        return Ok(custom("ReleaseAsset", "size", &format!("size must be less than or equal to {limit}")));
    };
    let mut data = forge.lock();
    let Some(release) = data.repositories.get_mut(at.repository).and_then(|repo| repo.release_with(id)) else {
        // Somebody removed it meanwhile.
        return Ok(not_found());
    };
    for one in &mut release.assets {
        if one.id == id {
            (one.uploaded, one.size, one.digest) = (true, size, forge.options.digests.then(|| digest.clone()));
        }
    }
    let release = release.clone();
    forge.save(&data);
    let made = release.assets.iter().find(|one| one.id == id);
    Ok(made.map_or_else(not_found, |made| Answer::json(201, &asset(at, &release, made))))
}

#[expect(clippy::result_large_err, reason = "an answer is made once and handed on")]
fn begin(forge: &GitHub, at: At<'_>, release: u64, name: &str, content_type: String) -> Result<u64, Answer> {
    let mut data = forge.lock();
    let (id, created_at) = data.next();
    let release = data.repositories.get_mut(at.repository).and_then(|repo| repo.release(release)).ok_or_else(not_found)?;
    if release.immutable {
        return Err(plain(422, "Cannot upload assets to an immutable release."));
    }
    if release.assets.iter().any(|one| one.name == name) {
        return Err(invalid("ReleaseAsset", "name", "already_exists"));
    }
    if release.assets.len() >= forge.options.most_assets {
        return Err(custom("ReleaseAsset", "base", &format!("a release has at most {} assets", forge.options.most_assets)));
    }
    release.assets.push(Asset { id, name: name.to_owned(), content_type, uploaded: false, size: 0, digest: None, created_at });
    forge.save(&data);
    Ok(id)
}

// What GitHub makes of a name: special characters become dots, dots at the ends go.
fn kept(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    for ch in name.chars() {
        if ch.is_ascii_alphanumeric() || "-_+@~".contains(ch) {
            kept.push(ch);
        } else if !kept.ends_with('.') {
            kept.push('.');
        }
    }
    match kept.trim_matches('.') {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}
