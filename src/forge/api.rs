//! JSON calls to a forge: where its API is, who is asking, and what its refusals mean.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::credentials::Token;
use super::error::{ForgeError, ForgeErrorKind};
use super::pace::Pace;
use crate::core::SafeUrl;
use crate::http::header::{self, HeaderMap, HeaderName};
use crate::http::{self, Body, Method, Replay, Request, Response, StatusCode, Url};

/// The most an answer may weigh: a page of 100 releases with long notes and many files stays below.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The most of an answer to an upload that is read.
const LARGEST_UPLOAD_ANSWER: usize = 1 << 20;

/// Time for an answer to something small.
const SHORT_ANSWER: Duration = Duration::from_secs(60);

/// Longest time one answer holds back everybody's writes. What asks for more is given up by who heard it.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// Pages of one list that are read: with 100 entries each, what GitHub gives at most.
const MOST_PAGES: usize = 100;

/// One API: its address, the token, the headers every call has, and the pace of writes.
#[derive(Debug, Clone)]
pub struct Api {
    http: http::Client,
    base: Url,
    token: Option<Token>,
    headers: Vec<(HeaderName, String)>,
    pace: Arc<Pace>,
    denied: String,
    missing: Option<ForgeError>,
    links: bool,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Its entries.
    pub entries: Vec<T>,
    /// There is another.
    pub more: bool,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, within bounds.
    pub body: Vec<u8>,
    /// The method asked with.
    pub method: Method,
    /// Where it came from.
    pub url: SafeUrl,
}

impl Api {
    /// An API at `base`; `denied` is the hint when it wants another token.
    pub fn new(http: http::Client, base: Url, token: Option<Token>, pace: Arc<Pace>, denied: impl Into<String>) -> Self {
        Self { http, base, token, headers: Vec::new(), pace, denied: denied.into(), missing: None, links: false }
    }

    /// Says of every call that the token which the config names is missing. Jobs that only build need none.
    #[must_use]
    pub fn missing(mut self, error: Option<ForgeError>) -> Self {
        self.missing = error;
        self
    }

    /// Says that a list without a `Link` to a next page has none, however full the page is.
    #[must_use]
    pub fn paged_by_link(mut self) -> Self {
        self.links = true;
        self
    }

    /// A header every call gets.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Its address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The token it asks with.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The client, for bytes that are no JSON.
    pub fn http(&self) -> &http::Client {
        &self.http
    }

    /// The turns at which writes leave.
    pub fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// An address below the API. Every segment is one segment there, whatever it contains: a slash in a tag is escaped.
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        // Only addresses that cannot be a base have no segments, and the config refuses those.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            path.extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A request with the token and the headers of every call. Answers that only ask for patience are waited for.
    pub fn request(&self, method: Method, url: Url) -> Request {
        let mut request = Request::new(method, url).deadline(SHORT_ANSWER).retry_when(asks_for_patience);
        for (name, value) in &self.headers {
            request = request.header(name.clone(), value);
        }
        if let Some(token) = &self.token {
            request = match token.carrier.header() {
                None => request.authorization(Some(token.value())),
                Some(name) => request.secret_header(name, token.value()),
            };
        }
        let pace = Arc::clone(&self.pace);
        request.on_pushback(Arc::new(move |asked| pace.hold(asked.unwrap_or(Duration::from_secs(1)).min(LONGEST_HOLD))))
    }

    /// Sends a request and reads its answer, of whatever status. Writes take their turn.
    pub async fn send(&self, request: &Request, cancel: &CancellationToken) -> Result<Answer, ForgeError> {
        if let Some(missing) = &self.missing {
            return Err(missing.clone());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            tokio::select! {
                () = self.pace.turn() => {}
                () = cancel.cancelled() => return Err(ForgeError::new(ForgeErrorKind::Cancelled, "interrupted")),
            }
        }
        let budget = request.shared_budget().cloned().unwrap_or_else(|| self.http.budget());
        loop {
            let response = self.http.send(&request.clone().budget(&budget), cancel).await?;
            let (status, headers, method, url) =
                (response.status(), response.headers().clone(), response.method().clone(), response.url().clone());
            match response.bytes(LARGEST_ANSWER).await {
                Ok(body) => return Ok(Answer { status, headers, body, method, url }),
                // What broke off is asked for again, out of the same budget; a write that must not be repeated is settled by
                // its caller.
                Err(error) if request.is_safe() && is_torn(&error) && budget.spend(cancel).await => {}
                Err(error) if method != Method::GET && is_torn(&error) => {
                    return Err(ForgeError { kind: ForgeErrorKind::Ambiguous, ..error.into() });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A JSON document; `None` when nothing is there.
    pub async fn get<T: DeserializeOwned>(&self, doing: &str, url: Url, cancel: &CancellationToken) -> Result<Option<T>, ForgeError> {
        let answer = self.send(&self.request(Method::GET, url), cancel).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.json().map(Some),
            _ => Err(self.refused(doing, &answer)),
        }
    }

    /// All entries of a list, page by page. `page` makes the address of a page from its number, the first being 1, with
    /// `size` entries asked for. A server that gives smaller pages than it was asked for says by `Link` that there are more.
    pub async fn list<T: DeserializeOwned>(
        &self,
        doing: &str,
        page: impl Fn(usize) -> Url,
        size: usize,
        cancel: &CancellationToken,
    ) -> Result<Vec<T>, ForgeError> {
        let mut all = Vec::new();
        for number in 1..=MOST_PAGES {
            let found: Page<T> = self.page(doing, page(number), size, cancel).await?;
            all.extend(found.entries);
            if !found.more {
                return Ok(all);
            }
        }
        Err(ForgeError::new(ForgeErrorKind::Protocol, format!("cannot {doing}: more than {MOST_PAGES} pages")))
    }

    /// One page of a list.
    pub async fn page<T: DeserializeOwned>(
        &self,
        doing: &str,
        url: Url,
        size: usize,
        cancel: &CancellationToken,
    ) -> Result<Page<T>, ForgeError> {
        let answer = self.send(&self.request(Method::GET, url), cancel).await?;
        if !answer.status.is_success() {
            return Err(self.refused(doing, &answer));
        }
        let entries: Vec<T> = answer.json()?;
        let more = if self.links || answer.header(&header::LINK).is_some() { answer.has_next_page() } else { entries.len() >= size };
        Ok(Page { entries, more })
    }

    /// Sends a JSON document; the answer has whatever status it has. Without `Replay::Safe` an unclear end is
    /// `Ambiguous`.
    pub async fn write(
        &self,
        method: Method,
        url: Url,
        document: Option<&impl Serialize>,
        replay: Replay,
        cancel: &CancellationToken,
    ) -> Result<Answer, ForgeError> {
        let mut request = self.request(method, url).replay(replay);
        if let Some(document) = document {
            let bytes = serde_json::to_vec(document)
                .map_err(|error| ForgeError::new(ForgeErrorKind::Source, format!("cannot write JSON: {error}")))?;
            request = request.header(header::CONTENT_TYPE, "application/json").body(Body::Bytes(bytes.into()));
        }
        self.send(&request, cancel).await
    }

    /// What a refusal means, by its status alone. Adapters look at what their forge says before they ask this.
    pub fn refused(&self, doing: &str, answer: &Answer) -> ForgeError {
        use ForgeErrorKind as F;
        let status = answer.status.as_u16();
        let (kind, hint) = match status {
            401 => (F::Unauthorized, Some(self.denied.clone())),
            403 if asks_for_patience(answer.status, &answer.headers).is_some() => {
                (F::RateLimited, Some("its limit is used up for now; run publish again later, what arrived is kept".to_owned()))
            }
            403 => (F::Denied, Some(self.denied.clone())),
            404 => (F::NotFound, Some(format!("is the project right, and may the token see it? {}", self.denied))),
            409 => (F::Exists, None),
            413 => (F::TooLarge, None),
            429 => (F::RateLimited, Some("its limit is used up for now; run publish again later, what arrived is kept".to_owned())),
            500..=599 | 408 => (F::Unavailable, Some("run it again; what arrived is found and kept".to_owned())),
            300..=399 => (F::Rejected, Some("write the forge's `url` as it is known today; writes follow no redirects".to_owned())),
            _ => (F::Rejected, None),
        };
        let said = self.said(answer).map(|said| format!(": {said}")).unwrap_or_default();
        let message = format!("cannot {doing}: {} {} answered {status}{said}", answer.method, answer.url);
        ForgeError { kind, message, hint, status: Some(status) }
    }

    /// The sentence an answer carries (`message`, `error`, `error_description`), short, on one line and without the
    /// token.
    pub fn said(&self, answer: &Answer) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        let text = ["message", "error_description", "error"].iter().find_map(|key| match document.get(key)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Object(_) | serde_json::Value::Array(_) => document.get(key).map(ToString::to_string),
            _ => None,
        })?;
        let mut text: String = text.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).take(200).collect();
        if let Some(token) = &self.token {
            text = text.replace(token.secret.expose(), crate::core::secret::MASK);
        }
        (!text.trim().is_empty()).then(|| text.trim().to_owned())
    }
}

impl Answer {
    /// Of an upload. The status says whether it arrived; what else was to be said may be lost on the way, and is found by
    /// looking.
    pub async fn of_upload(response: Response) -> Result<Self, ForgeError> {
        let (status, headers, method, url) =
            (response.status(), response.headers().clone(), response.method().clone(), response.url().clone());
        match response.bytes(LARGEST_UPLOAD_ANSWER).await {
            Ok(body) => Ok(Self { status, headers, body, method, url }),
            Err(error) if status.is_success() => Err(ForgeError::new(ForgeErrorKind::Ambiguous, error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The document.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = format!("{} {} answered something else than its API promises ({error})", self.method, self.url);
            ForgeError::new(ForgeErrorKind::Protocol, text).hint("is `url` the address of the forge, and its `provider` right?")
        })
    }

    /// One header as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A `Link` header names a next page (RFC 8288).
    pub fn has_next_page(&self) -> bool {
        self.header(&header::LINK).is_some_and(|links| links.split(',').any(|link| link.contains("rel=\"next\"")))
    }

    /// A code in GitHub's `errors` list: `already_exists`.
    pub fn has_error_code(&self, code: &str) -> bool {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = document.get("errors").and_then(serde_json::Value::as_array);
        errors.is_some_and(|errors| errors.iter().any(|error| error.get("code").and_then(serde_json::Value::as_str) == Some(code)))
    }
}

/// The connection broke while an answer was read.
pub(super) fn is_torn(error: &http::HttpError) -> bool {
    use http::HttpErrorKind as H;
    matches!(error.kind, H::Cut | H::Stalled | H::Timeout)
}

/// How long an answer asks to wait before the same request, which was not looked at, is sent again: a secondary limit
/// (`Retry-After` on 403), or the primary one when it is nearly over (`x-ratelimit-remaining: 0`). GitHub REST API, "Rate
/// limits": "Exceeding the rate limit".
pub fn asks_for_patience(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    // The date of the answer, not our clock, says how far away the reset is.
    if number("x-ratelimit-remaining") == Some(0) {
        let date = headers.get(header::DATE)?.to_str().ok()?;
        let now = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?.as_second();
        let now = u64::try_from(now).ok()?;
        return Some(Duration::from_secs(number("x-ratelimit-reset")?.saturating_sub(now).max(1)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::header::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn patience_is_told_from_refusal() {
        let wait = |status: u16, pairs: &[(&'static str, &'static str)]| {
            asks_for_patience(StatusCode::from_u16(status).expect("status"), &headers(pairs)).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(403, &[("retry-after", "7")]), Some(7));
        assert_eq!(wait(403, &[]), None);
        assert_eq!(wait(404, &[("retry-after", "7")]), None);
        let reset = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111782"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(wait(403, &reset), Some(5));
        assert_eq!(wait(403, &[("x-ratelimit-remaining", "12")]), None);
    }
}
