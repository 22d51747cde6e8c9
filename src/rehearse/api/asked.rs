//! One request and its answer, as a service sees them.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::core::{Digest, Digester};
use crate::rehearse::registry::Body;

/// The most a JSON document may weigh.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub struct Cut;

/// A request.
pub struct Asked {
    /// Method.
    pub method: Method,
    /// Segments of the path, each decoded; a slash inside one stays inside.
    pub segments: Vec<String>,
    /// Pairs of the query, decoded.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, still to be read.
    pub body: Inbound,
    /// Answer as a replica would that has not seen the last write.
    pub stale: bool,
    /// `http://127.0.0.1:1234`, as the client reached it.
    pub origin: String,
}

impl Asked {
    /// First value of a query key.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The segments as a slice of texts, for matching.
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// An answer.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
    /// The same, when it is JSON.
    pub document: Option<Bytes>,
}

impl Answer {
    /// Nothing but a status.
    pub fn empty(status: u16) -> Self {
        Self { status: code(status), headers: HeaderMap::new(), body: Body::empty(), document: None }
    }

    /// A JSON document.
    pub fn json(status: u16, value: &Value) -> Self {
        let bytes = Bytes::from(value.to_string());
        let answer = Self { status: code(status), headers: HeaderMap::new(), body: Body::bytes(bytes.clone()), document: Some(bytes) };
        answer.with(CONTENT_TYPE, "application/json; charset=utf-8")
    }

    /// Bytes in memory, of a type.
    pub fn bytes(status: u16, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let answer = Self { status: code(status), headers: HeaderMap::new(), body: Body::bytes(bytes), document: None };
        answer.with(CONTENT_TYPE, media_type)
    }

    /// Bytes of a file.
    pub fn file(file: std::fs::File, length: u64, media_type: &str) -> Self {
        let answer = Self { status: code(200), headers: HeaderMap::new(), body: Body::file(file, 0, length), document: None };
        answer.with(CONTENT_TYPE, media_type)
    }

    /// Adds a header. A value that is none is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A request's body.
pub struct Inbound {
    incoming: Incoming,
    idle: Duration,
    received: u64,
    cut_after: Option<u64>,
    pace: Option<u64>,
    document: Option<Bytes>,
}

impl Inbound {
    pub(super) fn new(incoming: Incoming, idle: Duration) -> Self {
        Self { incoming, idle, received: 0, cut_after: None, pace: None, document: None }
    }

    pub(super) fn cut_after(&mut self, bytes: u64) {
        self.cut_after = Some(bytes);
    }

    pub(super) fn slow_down(&mut self, bytes_per_second: u64) {
        self.pace = Some(bytes_per_second.max(1));
    }

    /// What was read as JSON.
    pub(super) fn document(&self) -> Option<Bytes> {
        self.document.clone()
    }

    /// Length the client announced, unless it sends in HTTP chunks.
    pub fn announced(&self) -> Option<u64> {
        hyper::body::Body::size_hint(&self.incoming).exact()
    }

    /// The next piece, `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        if self.cut_after.is_some_and(|cut| self.received >= cut) {
            return Err(Cut);
        }
        loop {
            let frame = match tokio::time::timeout(self.idle, self.incoming.frame()).await {
                Err(_) | Ok(Some(Err(_))) => return Err(Cut),
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(bytes) = frame.into_data() else { continue };
            if bytes.is_empty() {
                continue;
            }
            self.received += bytes.len() as u64;
            if let Some(pace) = self.pace {
                tokio::time::sleep(Duration::from_micros((bytes.len() as u64).saturating_mul(1_000_000) / pace)).await;
            }
            return Ok(Some(bytes));
        }
    }

    /// The whole body, for what is small by nature; `None` when it is larger.
    pub async fn collect(&mut self) -> Result<Option<Bytes>, Cut> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            if all.len() as u64 + bytes.len() as u64 > LARGEST_DOCUMENT {
                return Ok(None);
            }
            all.extend_from_slice(&bytes);
        }
        Ok(Some(all.into()))
    }

    /// The body as JSON; nothing is an empty object, and what is no JSON is `None`.
    pub async fn json(&mut self) -> Result<Option<Value>, Cut> {
        let Some(bytes) = self.collect().await? else { return Ok(None) };
        if bytes.is_empty() {
            return Ok(Some(Value::Object(serde_json::Map::new())));
        }
        self.document = Some(bytes.clone());
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Writes the body to a file and tells its length and digest. A body longer than `limit` is read no further: `None`.
    pub async fn save(&mut self, file: &Path, limit: u64) -> Result<Option<(u64, Digest)>, Cut> {
        if self.announced().is_some_and(|length| length > limit) {
            return Ok(None);
        }
        let mut out = crate::fs::create_private(file).map_err(|_| Cut)?;
        let (mut length, mut digester) = (0, Digester::new(crate::core::Algorithm::Sha256));
        while let Some(bytes) = self.next().await? {
            length += bytes.len() as u64;
            if length > limit {
                return Ok(None);
            }
            digester.update(&bytes);
            out.write_all(&bytes).map_err(|_| Cut)?;
        }
        Ok(Some((length, digester.finish())))
    }

    /// Reads on for a moment after a refusal, so that a client that is still sending gets to read the answer instead of a
    /// reset connection.
    pub(super) async fn drain(mut self) {
        const MOST: u64 = 4 << 20;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        let mut read = 0;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(deadline, self.incoming.frame()).await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MOST {
                return;
            }
        }
    }
}
