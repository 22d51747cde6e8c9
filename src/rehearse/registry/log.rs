//! What was asked of the server, for tests that count and for observers that strike at a moment.

use std::sync::Arc;

use serde::Serialize;

use super::route::EndId;
pub use crate::rehearse::serve::Phase;
use crate::rehearse::serve::{Memory, Remembered};

/// One request as an observer sees it.
#[derive(Debug, Clone)]
pub struct RequestSeen {
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
    /// `User-Agent`, empty when there is none.
    pub user_agent: String,
    /// The endpoint of the specification, when it is one.
    pub end: Option<EndId>,
}

/// Called from the connection's task: the request waits until it returns.
pub type Observer = Arc<dyn Fn(&RequestSeen) + Send + Sync>;

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
    /// `User-Agent`.
    pub user_agent: String,
    /// The endpoint of the specification, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<EndId>,
    /// The status sent; `None` when the connection was cut instead.
    pub status: Option<u16>,
}

impl Remembered for Logged {
    /// Asking for a token changes nothing.
    fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && self.path.starts_with("/v2/")
    }
}

/// The server's memory of requests.
pub type RequestLog = Memory<Logged>;
