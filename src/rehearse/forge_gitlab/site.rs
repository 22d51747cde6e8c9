//! One request: who asks, for which project, and which handler answers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::access::{Caller, caller};
use super::options::{Limits, Options, Role, Trusted};
use super::refusal::{Refusal, Result};
use super::render::Renderer;
use super::reply::{Reply, reads};
use super::route::{At, Route};
use super::world::{Kept, World};
use super::{catalog, git, links, packages, releases, requests, state, tags};
use crate::core::BoxFuture;
use crate::rehearse::api::{Answer, Asked, Cut, Service};

/// GitLab behind a server.
pub(super) struct Gitlab {
    prefix: Vec<String>,
    dir: PathBuf,
    trusted: Vec<Trusted>,
    limits: Limits,
    world: Arc<Mutex<World>>,
    files: AtomicU64,
    remembers: bool,
}

impl Gitlab {
    pub(super) fn new(options: Options, world: Arc<Mutex<World>>) -> Self {
        let Options { dir, prefix, trusted, limits, remembers, .. } = options;
        // Beyond those of an earlier run.
        let files = AtomicU64::new(lock(&world).last_id());
        let prefix = prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self { prefix, dir, trusted, limits, world, files, remembers }
    }

    async fn handle(&self, asked: &mut Asked) -> Result<Result<Reply>, Cut> {
        let Some(parts) = asked.segments.strip_prefix(self.prefix.as_slice()) else { return Ok(Err(Refusal::missing(""))) };
        let route = Route::of(parts);
        let base = self.prefix.iter().fold(asked.origin.clone(), |base, part| format!("{base}/{part}"));
        let who = match caller(&self.trusted, asked) {
            Ok(who) => who,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Route::Project(project, At::Generic(name, version, file)) = &route
            && asked.method.as_str() == "PUT"
        {
            return self.put(who, asked, project, (name, version, file)).await;
        }
        if let Route::ReceivePack(project) = &route {
            let Some(pushed) = asked.body.collect().await? else { return Ok(Ok(Reply::status(413))) };
            let mut world = lock(&self.world);
            return Ok(Ok(match (world.find(project), who.pushes_as()) {
                (Some(at), Some(role)) => git::receive(&mut world.projects[at], &pushed, role),
                (Some(_), None) if who.may_fetch(project) => Reply::status(403),
                _ => Reply::status(401).header("WWW-Authenticate", "Basic realm=\"GitLab\""),
            }));
        }
        let mut body = Value::Null;
        if !reads(asked) {
            match asked.body.json().await? {
                Some(value) => body = value,
                None => return Ok(Err(Refusal::parameter("the body is no JSON"))),
            }
        }
        Ok(self.at_once(who, asked, &base, &route, &body))
    }

    /// Everything but sending a file is done in one moment.
    fn at_once(&self, who: Caller<'_>, asked: &Asked, base: &str, route: &Route, body: &Value) -> Result<Reply> {
        let mut world = lock(&self.world);
        match route {
            Route::Version => match who {
                Caller::Token(_) if !who.is_job() => Ok(Reply::json(200, json!({ "version": "18.5.0", "revision": "stagefreight" }))),
                _ => Err(Refusal::unauthorized()),
            },
            Route::GraphQl => Ok(catalog::graphql(&world, who, asked)),
            Route::Job if who.is_job() => Ok(Reply::json(200, json!({ "id": 1, "status": "running", "name": "release", "tag": true }))),
            Route::Job => Err(Refusal::unauthorized()),
            Route::InfoRefs(project) => match world.find(project) {
                Some(at) if who.may_fetch(project) => Ok(git::refs(&world.projects[at])),
                _ => Ok(Reply::status(401).header("WWW-Authenticate", "Basic realm=\"GitLab\"")),
            },
            Route::Permalink(project, tag, path) => {
                let at = world.find(project).ok_or_else(|| Refusal::missing(""))?;
                links::download(&world.projects[at], tag, path)
            }
            Route::Project(project, at) => {
                let place = world.find(project).ok_or_else(|| Refusal::missing("Project"))?;
                let role = who.admit(&world.projects[place].path, at, reads(asked))?;
                let call = Call { asked, base, at, body, role, author: &who.author(), limits: &self.limits };
                call.run(&mut world, place)
            }
            Route::ReceivePack(_) | Route::Unknown => Err(Refusal::missing("")),
        }
    }

    /// A file of a package: taken in while others may ask.
    async fn put(
        &self,
        who: Caller<'_>,
        asked: &mut Asked,
        project: &str,
        (name, version, file): (&String, &String, &String),
    ) -> Result<Result<Reply>, Cut> {
        let begun = {
            let mut world = lock(&self.world);
            let place = world.find(project).ok_or_else(|| Refusal::missing("Project"));
            place.and_then(|place| {
                let held = &mut world.projects[place];
                let at = At::Generic(name.clone(), version.clone(), file.clone());
                who.admit(&held.path, &at, false)?;
                packages::begin(held, name, version, file, asked.body.announced(), &self.limits)?;
                Ok(place)
            })
        };
        let place = match begun {
            Ok(place) => place,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let path = self.dir.join(self.files.fetch_add(1, Ordering::Relaxed).to_string());
        let saved = asked.body.save(&path, self.limits.package_file).await;
        let mut world = lock(&self.world);
        packages::stop_sending(&mut world.projects[place], name, version);
        let Some((size, digest)) = saved? else { return Ok(Err(Refusal::bad("400 Bad request - File is too large"))) };
        let kept = Kept { path, size, digest };
        Ok(Ok(packages::finish(&mut world, place, (name, version, file), kept, asked)))
    }
}

/// One request to a project.
struct Call<'a> {
    asked: &'a Asked,
    base: &'a str,
    at: &'a At,
    body: &'a Value,
    role: Role,
    author: &'a str,
    limits: &'a Limits,
}

impl Call<'_> {
    fn run(&self, world: &mut World, place: usize) -> Result<Reply> {
        let Self { asked, base, at, body, role, author, limits } = *self;
        let render = Renderer { base };
        let most = limits.page;
        let method = if reads(asked) { "GET" } else { asked.method.as_str() };
        match (method, at) {
            ("POST", At::Releases) => return releases::make(world, place, base, body, (role, author), limits),
            ("POST", At::Links(tag)) => return links::make(world, place, base, tag, body),
            _ => {}
        }
        let project = &mut world.projects[place];
        match (method, at) {
            ("GET", At::Project) => Ok(Reply::json(200, render.project(project, role))),
            ("GET", At::Releases) => Ok(releases::list(project, &render, asked, most)),
            ("GET", At::Latest) => releases::latest(project, &render),
            ("GET", At::Release(tag)) => releases::one(project, &render, tag, asked.stale),
            ("PUT", At::Release(tag)) => releases::update(project, base, tag, body, limits),
            ("DELETE", At::Release(tag)) => releases::remove(project, base, tag, role),
            ("GET", At::Links(tag)) => links::list(project, &render, tag, asked, most),
            ("GET", At::Link(tag, id)) => links::one(project, &render, tag, *id),
            ("PUT", At::Link(tag, id)) => links::update(project, base, tag, *id, body),
            ("DELETE", At::Link(tag, id)) => links::remove(project, base, tag, *id),
            ("GET", At::Download(tag, path)) => links::download(project, tag, path),
            ("GET", At::Tags) => Ok(tags::list(project, &render, asked, most)),
            ("POST", At::Tags) => tags::make(project, &render, body, role),
            ("GET", At::Tag(tag)) => tags::one(project, &render, tag),
            ("DELETE", At::Tag(tag)) => tags::remove(project, tag, role),
            ("GET", At::Commit(sha)) => match project.commit_of(sha) {
                Some(commit) => Ok(Reply::json(200, render.commit(project, &commit))),
                None => Err(Refusal::missing("Commit")),
            },
            ("GET", At::MergeRequests) => Ok(requests::list(project, &render, asked, most)),
            ("GET", At::Packages) => Ok(packages::list(project, &render, asked, most)),
            ("GET", At::Package(id)) => packages::one(project, &render, *id),
            ("DELETE", At::Package(id)) => packages::remove(project, *id, role),
            ("GET", At::PackageFiles(id)) => packages::files(project, &render, *id, asked, most),
            ("DELETE", At::PackageFile(id, file)) => packages::remove_file(project, *id, *file, role),
            ("GET", At::Generic(name, version, file)) => packages::get(project, name, version, file),
            ("POST", At::Catalog) => catalog::publish(project, base, body, author, limits),
            _ => Err(Refusal::missing("")),
        }
    }
}

impl Service for Gitlab {
    fn answer<'a>(&'a self, asked: &'a mut Asked) -> BoxFuture<'a, std::result::Result<Answer, Cut>> {
        Box::pin(async move {
            let answer = self.handle(asked).await?.unwrap_or_else(Refusal::reply).answer();
            if self.remembers && !reads(asked) {
                state::save(&lock(&self.world), &self.dir);
            }
            Ok(answer)
        })
    }
}

pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
