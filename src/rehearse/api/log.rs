//! What was asked of an embedded forge, for tests that count, that compare with an API description, and that strike at a
//! moment.

use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use serde::Serialize;

pub use crate::rehearse::serve::Phase;
use crate::rehearse::serve::{Memory, Remembered};

/// One request as an observer sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Counted from 1 since the server started.
    pub number: u64,
    /// Before or after.
    pub phase: Phase,
    /// Method.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`; empty when there is none.
    pub query: String,
}

/// Called from the connection's task: the request waits until it returns.
pub type Observer = Arc<dyn Fn(&Seen) + Send + Sync>;

/// A request and its answer, whole, as far as both are JSON.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Method.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`.
    pub query: String,
    /// Headers of the request.
    pub request_headers: HeaderMap,
    /// Its body, when it was JSON.
    pub request_body: Option<Bytes>,
    /// Status the service answered, before any fault.
    pub status: u16,
    /// Headers of the answer.
    pub response_headers: HeaderMap,
    /// Its body, when it is JSON.
    pub response_body: Option<Bytes>,
}

/// Given every exchange that the service answered itself.
pub type Recorder = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// A request that was answered or cut.
#[derive(Debug, Clone, Serialize)]
pub struct Logged {
    /// Counted from 1 since the server started.
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`.
    pub query: String,
    /// Names of the headers that carried a credential.
    pub credentials: Vec<String>,
    /// The status sent; `None` when the connection was cut instead.
    pub status: Option<u16>,
}

impl Remembered for Logged {
    fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// A server's memory of requests.
pub type RequestLog = Memory<Logged>;
