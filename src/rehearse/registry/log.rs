//! What was asked of the server, for tests that count and for observers that strike at a moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::route::EndId;

/// When an observer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The request's head was read; nothing has been done.
    Arrived,
    /// It took effect (or was refused) with this status; the answer has not left yet.
    Committed(u16),
}

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

impl Logged {
    /// Was this an attempt to change something? Asking for a token is not.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && self.path.starts_with("/v2/")
    }
}

/// The server's memory of requests; clones share it.
#[derive(Debug, Clone)]
pub struct RequestLog {
    entries: Arc<Mutex<VecDeque<Logged>>>,
    capacity: usize,
}

impl RequestLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: Arc::default(), capacity: capacity.max(1) }
    }

    pub(super) fn add(&self, entry: Logged) {
        let mut entries = self.lock();
        if entries.len() == self.capacity {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// Everything remembered, in the order of the answers.
    pub fn entries(&self) -> Vec<Logged> {
        self.lock().iter().cloned().collect()
    }

    /// Attempts to change something.
    pub fn writes(&self) -> Vec<Logged> {
        self.lock().iter().filter(|entry| entry.is_write()).cloned().collect()
    }

    /// Forgets everything, so that a test counts from here.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Logged>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
