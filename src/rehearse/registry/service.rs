//! One request from its head to its answer: faults, access, the endpoint, the log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};

use super::access::{Access, Action, Grant};
use super::body::{Body, Inbound};
use super::log::{Logged, Phase, RequestLog, RequestSeen};
use super::options::Options;
use super::refusal::{Code, Refusal, Result};
use super::route::{Query, Route};
use super::storage::{Storage, Target};
use super::{discovery, management, pull, push, put_manifest};
use crate::core::{Digest, Digester, Tag};
use crate::error::Error;
use crate::fs;
use crate::rehearse::fault::{Cut, Fault, Injector, Moment};

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub struct Hangup;

/// What all connections share.
pub struct State {
    pub options: Options,
    pub immutable: GlobSet,
    pub log: RequestLog,
    storage: Storage,
    access: Access,
    faults: Injector,
    count: AtomicU64,
    // How far the hash of an upload session has come, so that closing it does not read it again.
    hashes: Mutex<HashMap<String, (u64, Digester)>>,
    // What a tag named before its last change, for stale reads.
    previous: Mutex<HashMap<(String, Tag), Option<Digest>>>,
}

impl State {
    /// Checks the options and opens the directory.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut immutable = GlobSetBuilder::new();
        for pattern in &options.immutable {
            let glob = Glob::new(pattern).map_err(|error| {
                Error::usage(format!("`{pattern}` is not a pattern of tags")).because(&error).hint("write a glob such as `v*` or `[0-9]*`")
            })?;
            immutable.add(glob);
        }
        let immutable = immutable.build().map_err(|error| Error::usage("the immutable patterns cannot be used").because(&error))?;
        Ok(Self {
            storage: Storage::open(&options.dir, options.read_only)?,
            access: Access::new(options.auth.clone()),
            faults: Injector::new(options.faults.clone()),
            log: RequestLog::new(options.limits.log),
            count: AtomicU64::new(0),
            hashes: Mutex::default(),
            previous: Mutex::default(),
            immutable,
            options,
        })
    }

    /// Work on the disk, off the connection's task.
    pub async fn disk<T: Send + 'static>(&self, work: impl FnOnce(&Storage) -> fs::Result<T> + Send + 'static) -> Result<T> {
        self.blocking(move |storage| work(storage).map_err(Refusal::from)).await
    }

    /// Work on the disk that may itself refuse.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Storage) -> Result<T> + Send + 'static) -> Result<T> {
        let storage = self.storage.clone();
        match tokio::task::spawn_blocking(move || work(&storage)).await {
            Ok(outcome) => outcome,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Keeps what is known of a session's bytes, or forgets it.
    pub fn keep_hash(&self, id: &str, hash: Option<(u64, Digester)>) {
        let mut hashes = lock(&self.hashes);
        hashes.remove(id);
        // An abandoned session's entry is small, but there could be many: forgetting one costs a second read, no more.
        if hashes.len() > 4096 {
            hashes.clear();
        }
        hashes.extend(hash.map(|hash| (id.to_owned(), hash)));
    }

    /// What is known of a session's bytes.
    pub fn take_hash(&self, id: &str) -> Option<(u64, Digester)> {
        lock(&self.hashes).remove(id)
    }

    /// Notes what a tag names now, before it changes. Only servers with a fault plan read it back.
    pub async fn remember(&self, name: &str, tag: &Tag) -> Result<()> {
        if self.options.faults.rules.is_empty() {
            return Ok(());
        }
        let (name_owned, tag_owned) = (name.to_owned(), tag.clone());
        let now = self.disk(move |storage| storage.tag(&name_owned, &tag_owned)).await?;
        lock(&self.previous).insert((name.to_owned(), tag.clone()), now);
        Ok(())
    }

    /// What a tag named before its last change.
    pub fn previous(&self, name: &str, tag: &Tag) -> Option<Digest> {
        lock(&self.previous).get(&(name.to_owned(), tag.clone())).cloned().flatten()
    }

    /// One request. `Err` closes the connection without an answer.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Hangup> {
        let (head, incoming) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query_text = head.uri.query().unwrap_or_default().to_owned();
        let (route, query) = (Route::of(&path), Query::parse(&query_text));
        let method = head.method.as_str().to_owned();
        let user_agent = head.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut seen = RequestSeen {
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            phase: Phase::Arrived,
            end: route.end(&method, &query),
            method,
            path,
            query: query_text,
            user_agent,
        };
        self.observe(&seen);
        let faults = self.faults.due(&seen.method, &seen.path, &seen.query);
        let mut body = Inbound::new(incoming, self.options.limits.blob, self.options.limits.idle);
        let expects = head.headers.contains_key(EXPECT);
        let outcome = self.with_faults(&faults, &head.method, &head.headers, &route, &query, &mut body).await;
        let mut response = match outcome {
            Ok(response) => response,
            Err(refusal) if refusal.is_cut() => {
                self.finish(seen, None);
                return Err(Hangup);
            }
            Err(refusal) => refusal.response(),
        };
        // A body nobody read would be answered with a reset connection; one not yet sent stays unsent.
        let refused = response.status().is_client_error() || response.status().is_server_error();
        if refused && expects {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        } else if refused {
            body.drain().await;
        }
        if head.method == Method::HEAD {
            let length = response.body().len();
            response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            *response.body_mut() = Body::empty();
        }
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        seen.phase = Phase::Committed(response.status().as_u16());
        self.observe(&seen);
        let Some(response) = after(&faults, response).await else {
            self.finish(seen, None);
            return Err(Hangup);
        };
        self.finish(seen, Some(response.status().as_u16()));
        Ok(response)
    }

    async fn with_faults(
        &self,
        faults: &[Fault],
        method: &Method,
        headers: &HeaderMap,
        route: &Route,
        query: &Query,
        body: &mut Inbound,
    ) -> Result<Response<Body>> {
        let mut stale = false;
        for fault in faults {
            match fault {
                Fault::Respond { status, headers, body, moment: Moment::Before } => return Ok(respond(*status, headers, body)),
                Fault::Stall { millis, moment: Moment::Before } => tokio::time::sleep(Duration::from_millis(*millis)).await,
                Fault::Cut(Cut::Before) => return Err(Refusal::cut()),
                Fault::Cut(Cut::RequestBody(bytes)) => body.cut_after(*bytes),
                Fault::Slow { bytes_per_second } => body.pace(*bytes_per_second),
                Fault::StaleRead => stale = true,
                _ => {}
            }
        }
        self.handle(method, headers, route, query, body, stale).await
    }

    async fn handle(
        &self,
        method: &Method,
        headers: &HeaderMap,
        route: &Route,
        query: &Query,
        body: &mut Inbound,
        stale: bool,
    ) -> Result<Response<Body>> {
        if *route == Route::Token && self.access.issues_tokens() {
            return self.token(method, headers, query, body).await;
        }
        if !route.has_valid_name() {
            let message = "a repository's name is lower-case letters, digits, and single `.`, `_`, `__` or dashes between them";
            return Err(Refusal::bad(Code::NameInvalid, message));
        }
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let action = match (route, method) {
            (Route::Upload { .. } | Route::Uploads { .. }, _) => Action::Push,
            (_, &Method::DELETE) => Action::Delete,
            _ if reads => Action::Pull,
            _ => Action::Push,
        };
        let grant = self.access.admit(headers, route.name().map(|name| (name, action)))?;
        if self.options.read_only && (!reads || action == Action::Push) {
            return Err(Refusal::not_allowed("GET, HEAD", "this registry is read-only"));
        }
        if stale && reads && !matches!(route, Route::Manifest { .. } | Route::Base) {
            return Err(Refusal::missing(Code::BlobUnknown, "not known yet"));
        }
        self.dispatch(method, headers, route, query, body, &grant, stale).await
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request, handed on to the endpoint that needs them")]
    async fn dispatch(
        &self,
        method: &Method,
        headers: &HeaderMap,
        route: &Route,
        query: &Query,
        body: &mut Inbound,
        grant: &Grant,
        stale: bool,
    ) -> Result<Response<Body>> {
        let head = *method == Method::HEAD;
        match (route, method.as_str()) {
            (Route::Base, "GET" | "HEAD") => Ok(base()),
            (Route::Catalog, "GET" | "HEAD") => discovery::catalog(self, query).await,
            (Route::Blob { name, digest }, "GET" | "HEAD") => pull::blob(self, name, digest, headers, head).await,
            (Route::Blob { name, digest }, "DELETE") => management::blob(self, name, digest).await,
            (Route::Manifest { name, reference }, "GET" | "HEAD") => pull::manifest(self, name, reference, headers, head, stale).await,
            (Route::Manifest { name, reference }, "PUT") => put_manifest::put_manifest(self, name, reference, query, headers, body).await,
            (Route::Manifest { name, reference }, "DELETE") => management::manifest(self, name, reference).await,
            (Route::Uploads { name }, "POST") => push::begin(self, name, query, grant, body).await,
            (Route::Upload { name, id }, "GET" | "HEAD") => push::status(self, name, id).await,
            (Route::Upload { name, id }, "PATCH") => push::append(self, name, id, headers, body).await,
            (Route::Upload { name, id }, "PUT") => push::finish(self, name, id, query, headers, body).await,
            (Route::Upload { name, id }, "DELETE") => push::cancel(self, name, id).await,
            (Route::Tags { name }, "GET" | "HEAD") => discovery::tags(self, name, query).await,
            (Route::Referrers { name, digest }, "GET" | "HEAD") => discovery::referrers(self, name, digest, query).await,
            (Route::Unknown | Route::Token, _) => Err(Refusal::missing(Code::Unsupported, "no such endpoint")),
            (route, _) => Err(Refusal::not_allowed(route.methods(), format!("{method} means nothing here"))),
        }
    }

    async fn token(&self, method: &Method, headers: &HeaderMap, query: &Query, body: &mut Inbound) -> Result<Response<Body>> {
        match *method {
            Method::GET => self.access.token(headers, query),
            Method::POST => {
                body.at_most(64 * 1024);
                let form = body.collect().await?;
                self.access.token(headers, &Query::form(&form))
            }
            _ => Err(Refusal::not_allowed(Route::Token.methods(), format!("{method} means nothing here"))),
        }
    }

    fn observe(&self, seen: &RequestSeen) {
        if let Some(observer) = &self.options.observer {
            observer(seen);
        }
    }

    fn finish(&self, seen: RequestSeen, status: Option<u16>) {
        let RequestSeen { number, method, path, query, user_agent, end, phase: _ } = seen;
        self.log.add(Logged { number, method, path, query, user_agent, end, status });
    }
}

/// What a reference in a path means.
pub fn target(reference: &str) -> Result<Target> {
    if reference.contains(':') {
        let digest = reference.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))?;
        return Ok(Target::Digest(digest));
    }
    reference.parse().map(Target::Tag).map_err(|error| Refusal::bad(Code::TagInvalid, error.to_string()))
}

/// Sets a header whose value is ours.
pub fn put(response: &mut Response<Body>, name: HeaderName, text: &str) {
    response.headers_mut().insert(name, pull::value(text));
}

/// Sets `Docker-Content-Digest`.
pub fn digest_header(response: &mut Response<Body>, digest: &Digest) {
    put(response, DIGEST, digest.as_str());
}

fn base() -> Response<Body> {
    let mut response = Response::new(Body::bytes("{}"));
    put(&mut response, hyper::header::CONTENT_TYPE, "application/json");
    response
}

fn respond(status: u16, headers: &[(String, String)], body: &str) -> Response<Body> {
    let mut response = Response::new(Body::bytes(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, text) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

// Faults that strike when the work is done. `None` cuts the connection.
async fn after(faults: &[Fault], mut response: Response<Body>) -> Option<Response<Body>> {
    for fault in faults {
        match fault {
            Fault::Respond { status, headers, body, moment: Moment::After } => response = respond(*status, headers, body),
            Fault::Stall { millis, moment: Moment::After } => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Fault::Cut(Cut::After) => return None,
            Fault::Cut(Cut::ResponseBody(bytes)) => response.body_mut().cut_after(*bytes),
            Fault::Truncate { bytes } => {
                response.body_mut().truncate(*bytes);
                let length = response.body().len();
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            Fault::WrongDigest if response.headers().contains_key(DIGEST) => {
                digest_header(&mut response, &Digest::of(b"not what you sent"));
            }
            Fault::Slow { bytes_per_second } => response.body_mut().pace(*bytes_per_second),
            _ => {}
        }
    }
    Some(response)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
