//! Asks a BuildKit daemon who it is: its `Control` service, called as gRPC over HTTP/2. Three calls without arguments do
//! not need a gRPC library; messages are decoded by `prost`, unknown fields skipped.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::core::Platform;

/// Workers with their platforms and rules are a few KiB; a record of every cache entry is larger.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What a daemon says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Daemon {
    /// BuildKit's version, `0.30.0`; none where it was built without one.
    pub version: Option<String>,
    /// Platforms it builds for, its own first.
    pub platforms: Vec<Platform>,
    /// What it throws away by itself.
    pub rules: Vec<Rule>,
}

/// One rule of BuildKit's garbage collection (spec/build.md B.5). Zero means that the rule says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// It applies to internal and shared records too.
    pub all: bool,
    /// Which records, empty for all.
    pub filters: Vec<String>,
    /// Records used within this time stay, seconds.
    pub keep_seconds: i64,
    /// Bytes that are never taken.
    pub reserved: i64,
    /// Bytes above which records go.
    pub max_used: i64,
    /// Bytes the disk keeps free.
    pub min_free: i64,
}

/// One record of a daemon's cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheEntry {
    /// What it is, as BuildKit names it: `mount / from exec /bin/sh -c make`.
    pub description: String,
    /// `regular`, `source.local`, `exec.cachemount`, …
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// A build uses it now.
    pub in_use: bool,
    /// It is part of an image as well, so that taking it frees nothing.
    pub shared: bool,
}

/// A connection to a daemon's Control service.
pub(crate) struct Control {
    calls: SendRequest<Full<Bytes>>,
    /// Ends with the connection, and knows why it ended where a call only knows that it did.
    connection: Mutex<Option<JoinHandle<hyper::Result<()>>>>,
}

impl Control {
    /// Speaks HTTP/2 over a connection. A program that is not BuildKit's shows here or at the first call.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self, String> {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (calls, connection) = handshake.await.map_err(|error| not_buildkit(&error))?;
        Ok(Self { calls, connection: Mutex::new(Some(tokio::spawn(connection))) })
    }

    /// Version, platforms and rules.
    pub(crate) async fn daemon(&self) -> Result<Daemon, String> {
        let version = match self.call::<InfoResponse>("Info").await {
            Ok(info) => info.version.map(|version| version.version),
            // Info came with BuildKit 0.11.
            Err(Failure::Unknown) => None,
            Err(Failure::Said(why)) => return Err(why),
        };
        let workers = self.call::<ListWorkersResponse>("ListWorkers").await.map_err(|failure| match failure {
            Failure::Unknown => "it is a gRPC server, but not BuildKit's".to_owned(),
            Failure::Said(why) => why,
        })?;
        let Some(worker) = workers.workers.into_iter().next() else {
            return Err("it has no worker: no program such as runc to run steps with".to_owned());
        };
        Ok(Daemon {
            version: version.as_deref().and_then(real_version),
            platforms: platforms(&worker.platforms),
            rules: worker.rules.into_iter().map(RuleMessage::rule).collect(),
        })
    }

    /// Every record of its cache.
    pub(crate) async fn disk_usage(&self) -> Result<Vec<CacheEntry>, String> {
        let usage = self.call::<DiskUsageResponse>("DiskUsage").await.map_err(|failure| match failure {
            Failure::Unknown => "it does not tell its disk usage".to_owned(),
            Failure::Said(why) => why,
        })?;
        Ok(usage.records.into_iter().map(RecordMessage::entry).collect())
    }

    async fn why(&self, error: &hyper::Error) -> String {
        if let Some(connection) = self.connection.lock().await.take()
            && let Ok(Ok(Err(cause))) = tokio::time::timeout(Duration::from_millis(100), connection).await
        {
            return not_buildkit(&cause);
        }
        not_buildkit(error)
    }

    async fn call<Answer: Message + Default>(&self, method: &str) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://buildkit/moby.buildkit.v1.Control/{method}"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            // One empty message: not compressed, no bytes.
            .body(Full::new(Bytes::from_static(&[0; 5])))
            .map_err(|error| Failure::Said(error.to_string()))?;
        let response = match self.calls.clone().send_request(request).await {
            Ok(response) => response,
            Err(error) => return Err(Failure::Said(self.why(&error).await)),
        };
        let (head, body) = response.into_parts();
        if !head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
            return Err(Failure::Said(format!("it answers HTTP {}, not as BuildKit does", head.status)));
        }
        status(&head.headers)?;
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| Failure::Said(error.to_string()))?;
        if let Some(trailers) = body.trailers() {
            status(trailers)?;
        }
        let bytes = body.to_bytes();
        let message = bytes.get(5..).filter(|_| bytes[0] == 0).ok_or_else(|| Failure::Said("its answer is cut off".to_owned()))?;
        Answer::decode(message).map_err(|error| Failure::Said(format!("its answer cannot be read: {error}")))
    }
}

enum Failure {
    /// The daemon has no such call.
    Unknown,
    /// A reason.
    Said(String),
}

/// gRPC: 12 is "unimplemented".
fn status(headers: &header::HeaderMap) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some("12") => Err(Failure::Unknown),
        Some(code) => {
            let message = text("grpc-message").map(|message| percent_decode_str(message).decode_utf8_lossy().into_owned());
            Err(Failure::Said(message.filter(|message| !message.is_empty()).unwrap_or_else(|| format!("gRPC status {code}"))))
        }
    }
}

fn not_buildkit(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    // A daemon that wants another certificate says so only after the handshake.
    if text.contains("alert") || text.contains("ertificate") {
        return format!("TLS: {text}");
    }
    format!("it does not speak BuildKit's protocol ({text})")
}

/// Builds of distributions often leave the version out.
pub(crate) fn real_version(text: &str) -> Option<String> {
    let version = text.trim().trim_start_matches('v');
    (!version.is_empty() && !version.starts_with("0.0.0")).then(|| version.to_owned())
}

// ---- messages: moby/buildkit api/services/control/control.proto, api/types/worker.proto, solver/pb/ops.proto --------

#[derive(Clone, PartialEq, Message)]
struct InfoResponse {
    #[prost(message, optional, tag = "1")]
    version: Option<VersionMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct VersionMessage {
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct ListWorkersResponse {
    #[prost(message, repeated, tag = "1")]
    workers: Vec<WorkerMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct WorkerMessage {
    #[prost(message, repeated, tag = "3")]
    platforms: Vec<PlatformMessage>,
    #[prost(message, repeated, tag = "4")]
    rules: Vec<RuleMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct PlatformMessage {
    #[prost(string, tag = "1")]
    arch: String,
    #[prost(string, tag = "2")]
    os: String,
    #[prost(string, tag = "3")]
    variant: String,
}

#[derive(Clone, PartialEq, Message)]
struct RuleMessage {
    #[prost(bool, tag = "1")]
    all: bool,
    #[prost(int64, tag = "2")]
    keep_seconds: i64,
    #[prost(int64, tag = "3")]
    reserved: i64,
    #[prost(string, repeated, tag = "4")]
    filters: Vec<String>,
    #[prost(int64, tag = "5")]
    max_used: i64,
    #[prost(int64, tag = "6")]
    min_free: i64,
}

#[derive(Clone, PartialEq, Message)]
struct DiskUsageResponse {
    #[prost(message, repeated, tag = "1")]
    records: Vec<RecordMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct RecordMessage {
    #[prost(bool, tag = "3")]
    in_use: bool,
    #[prost(int64, tag = "4")]
    size: i64,
    #[prost(string, tag = "9")]
    description: String,
    #[prost(string, tag = "10")]
    kind: String,
    #[prost(bool, tag = "11")]
    shared: bool,
}

/// Each once, in BuildKit's order.
fn platforms(said: &[PlatformMessage]) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = Vec::with_capacity(said.len());
    for platform in said.iter().filter_map(PlatformMessage::platform) {
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    platforms
}

impl PlatformMessage {
    fn platform(&self) -> Option<Platform> {
        let variant = if self.variant.is_empty() { String::new() } else { format!("/{}", self.variant) };
        format!("{}/{}{variant}", self.os, self.arch).parse().ok()
    }
}

impl RuleMessage {
    fn rule(self) -> Rule {
        // Until BuildKit 0.11 the time was in nanoseconds.
        let keep_seconds = if self.keep_seconds > 1_000_000_000 { self.keep_seconds / 1_000_000_000 } else { self.keep_seconds };
        Rule {
            all: self.all,
            filters: self.filters,
            keep_seconds,
            reserved: self.reserved,
            max_used: self.max_used,
            min_free: self.min_free,
        }
    }
}

impl RecordMessage {
    fn entry(self) -> CacheEntry {
        let size = u64::try_from(self.size).unwrap_or(0);
        CacheEntry { description: self.description, kind: self.kind, size, in_use: self.in_use, shared: self.shared }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_builds_without_one_are_none() {
        assert_eq!(real_version("v0.30.0").as_deref(), Some("0.30.0"));
        assert_eq!(real_version("v0.0.0+unknown"), None);
        assert_eq!(real_version(""), None);
    }

    #[test]
    fn a_status_is_a_reason() {
        let mut headers = header::HeaderMap::new();
        assert!(status(&headers).is_ok());
        headers.insert("grpc-status", "7".parse().expect("value"));
        headers.insert("grpc-message", "not%20allowed".parse().expect("value"));
        assert!(matches!(status(&headers), Err(Failure::Said(why)) if why == "not allowed"));
        headers.insert("grpc-status", "12".parse().expect("value"));
        assert!(matches!(status(&headers), Err(Failure::Unknown)));
    }
}
