//! An answer whose body is read piece by piece, within bounds of size and patience.

use bytes::Bytes;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::error::{HttpError, HttpErrorKind};
use super::header::{HeaderMap, HeaderName};
use super::options::Timeouts;
use super::{Method, StatusCode};
use crate::core::SafeUrl;

/// The headers of an answer, and its body still to be read.
pub struct Response {
    inner: reqwest::Response,
    method: Method,
    url: SafeUrl,
    timeouts: Timeouts,
    cancel: CancellationToken,
    window: Window,
}

/// Bytes and waiting time since the last check of the floor.
#[derive(Default)]
struct Window {
    bytes: u64,
    waited: Duration,
}

impl Response {
    pub(super) fn new(inner: reqwest::Response, method: Method, url: SafeUrl, timeouts: Timeouts, cancel: CancellationToken) -> Self {
        Self { inner, method, url, timeouts, cancel, window: Window::default() }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// Where it finally came from, after redirects.
    pub fn url(&self) -> &SafeUrl {
        &self.url
    }

    /// The method it answers.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// One header as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// Length of the body as the other side declares it.
    pub fn content_length(&self) -> Option<u64> {
        self.header(&super::header::CONTENT_LENGTH)?.parse().ok()
    }

    /// The next piece of the body, `None` at its end. Cut when it comes slower than the floor.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        let started = Instant::now();
        let chunk = tokio::select! {
            chunk = self.inner.chunk() => chunk,
            () = self.cancel.cancelled() => return Err(self.error(HttpErrorKind::Cancelled, "")),
            () = tokio::time::sleep(self.timeouts.stall_window) => {
                return Err(self.error(HttpErrorKind::Stalled, &format!("no byte for {} s", self.timeouts.stall_window.as_secs())));
            }
        };
        let chunk = chunk.map_err(|error| HttpError::of_reqwest(&error, &self.method, &self.url))?;
        self.window.waited += started.elapsed();
        self.window.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.window.waited >= self.timeouts.stall_window {
            let floor = self.timeouts.stall_floor.saturating_mul(self.window.waited.as_secs());
            if self.window.bytes < floor && chunk.is_some() {
                return Err(self.error(HttpErrorKind::Stalled, &format!("slower than {} bytes per second", self.timeouts.stall_floor)));
            }
            self.window = Window::default();
        }
        Ok(chunk)
    }

    /// The whole body, when it is at most `limit` bytes.
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let too_large = |response: &Self| response.error(HttpErrorKind::TooLarge, &format!("the answer is larger than {limit} bytes"));
        if self.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large(&self));
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(too_large(&self));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Reads a small rest so that the connection can be used again; a large one costs the connection.
    pub async fn discard(self) {
        let _cut = self.bytes(64 * 1024).await;
    }

    fn error(&self, kind: HttpErrorKind, detail: &str) -> HttpError {
        HttpError::new(kind, &self.method, &self.url, detail)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {} {}", self.inner.status(), self.method, self.url)
    }
}
