//! A request as a description that can be sent more than once.

use std::sync::Arc;
use std::time::Duration;

use super::body::Body;
use super::header::{HeaderMap, HeaderName, HeaderValue};
use super::retry::Budget;
use super::{Method, StatusCode, Url};
use crate::core::{SafeUrl, Secret};

/// May the same request be sent again when nobody knows what became of the first?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Yes: sending it twice is the same as sending it once.
    Safe,
    /// No: without a clear answer it ends as [`super::HttpErrorKind::Ambiguous`], and the caller looks what is there.
    Once,
}

/// Told how many bytes of the current attempt have left.
pub type OnProgress = Arc<dyn Fn(u64) + Send + Sync>;

/// Told each time the other side pushes back (429, 5xx), with the wait it asked for.
pub type OnPushback = Arc<dyn Fn(Option<Duration>) + Send + Sync>;

/// Reads out of an answer that the request was not looked at, and how long the other side wants to be left alone: for
/// protocols that say so by another status than 429.
pub type Untouched = fn(StatusCode, &HeaderMap) -> Option<Duration>;

/// A request as a description that can be sent more than once: the body is made anew for every attempt.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: SafeUrl,
    pub(super) headers: HeaderMap,
    pub(super) authorization: Option<Secret>,
    pub(super) secret_header: Option<(HeaderName, Secret)>,
    pub(super) body: Body,
    pub(super) replay: Replay,
    pub(super) budget: Option<Arc<Budget>>,
    pub(super) deadline: Option<Duration>,
    pub(super) answer: Option<Duration>,
    pub(super) on_progress: Option<OnProgress>,
    pub(super) on_pushback: Option<OnPushback>,
    pub(super) untouched: Option<Untouched>,
    pub(super) bulk: bool,
    pub(super) follow: bool,
}

impl Request {
    /// A request without a body. GET, HEAD, PUT, DELETE are replay-safe by their definition (RFC 9110 §9.2.2), others
    /// are not; [`Self::replay`] says otherwise where a protocol knows better.
    pub fn new(method: Method, url: Url) -> Self {
        let replay = if method.is_idempotent() { Replay::Safe } else { Replay::Once };
        Self {
            method,
            url: SafeUrl::new(url),
            headers: HeaderMap::new(),
            authorization: None,
            secret_header: None,
            body: Body::Empty,
            replay,
            budget: None,
            deadline: None,
            answer: None,
            on_progress: None,
            on_pushback: None,
            untouched: None,
            bulk: false,
            follow: true,
        }
    }

    /// Sets a header. A value that is no header value is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets the whole `Authorization` value; it never follows a redirect to another host.
    #[must_use]
    pub fn authorization(mut self, value: Option<Secret>) -> Self {
        self.authorization = value;
        self
    }

    /// Sets a header that authorizes as `Authorization` does: printed nowhere, and never sent on to another host.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: Secret) -> Self {
        self.secret_header = Some((name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Says whether it may be repeated.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// It may be repeated.
    pub fn is_safe(&self) -> bool {
        self.replay == Replay::Safe
    }

    /// Shares a budget of retries with the other requests of one operation.
    #[must_use]
    pub fn budget(mut self, budget: &Arc<Budget>) -> Self {
        self.budget = Some(Arc::clone(budget));
        self
    }

    /// Limits one attempt as a whole, until the headers of the answer.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The time from its last byte to the first of the answer, where that is shorter than the client's.
    #[must_use]
    pub fn answer_within(mut self, patience: Duration) -> Self {
        self.answer = Some(patience);
        self
    }

    /// Takes a redirect as the answer it is, for callers with rules of their own on where they may be sent.
    #[must_use]
    pub fn without_redirects(mut self) -> Self {
        self.follow = false;
        self
    }

    /// Reports progress of the body.
    #[must_use]
    pub fn on_progress(mut self, on_progress: OnProgress) -> Self {
        self.on_progress = Some(on_progress);
        self
    }

    /// Tells whoever decides how much is asked at a time that the other side wants less of it.
    #[must_use]
    pub fn on_pushback(mut self, on_pushback: OnPushback) -> Self {
        self.on_pushback = Some(on_pushback);
        self
    }

    /// Sends it again after answers which say, in the protocol's own way, that it was not looked at.
    #[must_use]
    pub fn retry_when(mut self, untouched: Untouched) -> Self {
        self.untouched = Some(untouched);
        self
    }

    /// Carries a large body: it gets a connection of its own (HTTP/1.1) instead of a share of one (HTTP/2), whose flow
    /// control would slow it down and everybody else on it.
    #[must_use]
    pub fn bulk(mut self, bulk: bool) -> Self {
        self.bulk = bulk;
        self
    }

    /// The budget it shares with others, when it was given one.
    pub fn shared_budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &SafeUrl {
        &self.url
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}
