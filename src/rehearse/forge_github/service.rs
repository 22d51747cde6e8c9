//! From a request to the endpoint it means, and who may.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::Method;
use hyper::header::HeaderName;
use serde_json::{Value, json};

use super::data::Data;
use super::options::{Options, Permission, Repository};
use super::refusal::{bad_credentials, not_found, not_permitted, plain};
use super::render::{self, At};
use super::{assets, pulls, refs, releases};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::rehearse::api::{Answer, Asked, Cut, Service};

/// The forge.
pub struct GitHub {
    pub options: Options,
    data: Mutex<Data>,
}

impl GitHub {
    /// Opens its directory.
    pub fn open(options: Options) -> Result<Self> {
        let data = Data::open(&options)?;
        data.save(&options.dir)?;
        Ok(Self { options, data: Mutex::new(data) })
    }

    /// What it knows.
    pub fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a change. A disk that is full shows in the next rehearsal, not in this one.
    pub fn save(&self, data: &Data) {
        let _kept = data.save(&self.options.dir);
    }

    fn knows(&self, asked: &Asked) -> bool {
        let Some(token) = &self.options.token else { return true };
        let carried = asked.header("authorization").and_then(|value| value.split_once(' ')).map(|(_, token)| token);
        carried == Some(token.expose())
    }

    async fn handle(&self, asked: &mut Asked) -> std::result::Result<Answer, Cut> {
        let segments = asked.segments.clone();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ["storage", id] = path[..] {
            return Ok(id.parse().map_or_else(|_| not_found(), |id| assets::stored(self, id)));
        }
        if !self.knows(asked) {
            return Ok(bad_credentials());
        }
        let (["api", "v3", rest @ ..] | ["api", rest @ ..]) = &path[..] else { return Ok(not_found()) };
        let (uploads, rest) = match rest {
            ["uploads", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        if rest == ["rate_limit"] {
            let rate = json!({ "limit": 5000, "remaining": 4999, "reset": 1_767_229_200, "used": 1 });
            return Ok(Answer::json(200, &json!({ "resources": { "core": rate, "search": rate }, "rate": rate })));
        }
        let ["repos", owner, name, rest @ ..] = rest else { return Ok(not_found()) };
        let repository = format!("{owner}/{name}");
        let Some(rules) = self.options.repositories.get(&repository).cloned() else { return Ok(not_found()) };
        if rules.permission == Permission::None {
            return Ok(not_found());
        }
        if !matches!(asked.method, Method::GET | Method::HEAD) && rules.permission == Permission::Read {
            return Ok(not_permitted("contents=write"));
        }
        let origin = asked.origin.clone();
        let at = At { origin: &origin, repository: &repository };
        if uploads {
            return match (&asked.method, rest) {
                (&Method::POST, ["releases", id, "assets"]) => match id.parse() {
                    Ok(id) => assets::upload(self, at, id, asked).await,
                    Err(_) => Ok(not_found()),
                },
                _ => Ok(not_found()),
            };
        }
        let document = match asked.method {
            Method::POST | Method::PATCH => match asked.body.json().await? {
                Some(document) => document,
                None => return Ok(plain(400, "Problems parsing JSON")),
            },
            _ => Value::Null,
        };
        Ok(self.answer_json(at, &rules, rest, asked, &document))
    }

    fn answer_json(&self, at: At<'_>, rules: &Repository, rest: &[&str], asked: &Asked, document: &Value) -> Answer {
        let may_write = rules.permission == Permission::Write;
        if let (&Method::GET, ["releases", "assets", id]) = (&asked.method, rest) {
            return id.parse().map_or_else(|_| not_found(), |id| assets::read(self, at, id, asked));
        }
        if let (&Method::DELETE, ["releases", "assets", id]) = (&asked.method, rest) {
            return id.parse().map_or_else(|_| not_found(), |id| assets::delete(self, at, id));
        }
        let mut data = self.lock();
        let lags = self.options.lags;
        if asked.method == Method::GET {
            let Some(repo) = data.repositories.get_mut(at.repository) else { return not_found() };
            return match rest {
                [] => Answer::json(200, &render::repository(at, may_write)),
                ["releases"] => releases::list(at, repo, asked, may_write),
                ["releases", "latest"] => releases::latest(at, repo),
                ["releases", "tags", tag] => releases::by_tag(at, repo, tag, asked.stale, self.options.most_told),
                ["releases", id] => id.parse().map_or_else(|_| not_found(), |id| releases::read(at, repo, id)),
                ["releases", id, "assets"] => match id.parse() {
                    Ok(id) => assets::list(at, repo.release(id).as_deref(), asked),
                    Err(_) => not_found(),
                },
                ["pulls"] => pulls::list(at, repo, rules, asked),
                ["git", "ref", "tags", tag] => refs::read(at, repo, tag),
                ["git", "ref", name] => name.strip_prefix("tags/").map_or_else(not_found, |tag| refs::read(at, repo, tag)),
                ["git", "tags", object] => refs::read_object(at, repo, object),
                _ => not_found(),
            };
        }
        let answer = match (asked.method.as_str(), rest) {
            ("POST", ["releases"]) => releases::create(at, &mut data, rules, lags, document),
            ("POST", ["releases", "generate-notes"]) => releases::generate_notes(document),
            ("PATCH", ["releases", id]) => match id.parse() {
                Ok(id) => releases::update(at, &mut data, rules, lags, id, document),
                Err(_) => not_found(),
            },
            ("PATCH", ["releases", "assets", id]) => match id.parse() {
                Ok(id) => assets::rename(at, &mut data, id, document),
                Err(_) => not_found(),
            },
            (method, rest) => {
                let Some(repo) = data.repositories.get_mut(at.repository) else { return not_found() };
                match (method, rest) {
                    ("DELETE", ["releases", id]) => id.parse().map_or_else(|_| not_found(), |id| releases::delete(repo, id)),
                    ("POST", ["git", "refs"]) => refs::create(at, repo, rules, document),
                    // A reference is one parameter: its slash comes escaped, or as it is.
                    (method, ["git", "refs", name @ ..]) => match name.join("/").strip_prefix("tags/") {
                        Some(tag) if method == "PATCH" => refs::update(at, repo, rules, tag, document),
                        Some(tag) if method == "DELETE" => refs::delete(repo, rules, tag),
                        _ => not_found(),
                    },
                    _ => not_found(),
                }
            }
        };
        self.save(&data);
        answer
    }
}

impl Service for GitHub {
    fn answer<'a>(&'a self, asked: &'a mut Asked) -> BoxFuture<'a, std::result::Result<Answer, Cut>> {
        Box::pin(async move {
            let answer = self.handle(asked).await?;
            Ok(answer
                .with(HeaderName::from_static("x-ratelimit-limit"), "5000")
                .with(HeaderName::from_static("x-ratelimit-remaining"), "4999")
                .with(HeaderName::from_static("x-github-media-type"), "github.v3; format=json"))
        })
    }
}
