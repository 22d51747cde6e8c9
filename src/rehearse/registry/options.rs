//! What a server is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::log::Observer;
use crate::core::Secret;
use crate::core::oci::MAX_MANIFEST_SIZE;
use crate::rehearse::fault::FaultPlan;

/// Everything that can be chosen. `Options::new(dir)` is a writable server without authentication on a free port of
/// loopback.
#[derive(Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub addr: SocketAddr,
    /// Where the data is. Made when missing; must be empty or ours. Needs a file system with hard links.
    pub dir: PathBuf,
    /// Who may do what.
    pub auth: Auth,
    /// Globs of tags that, once set, keep their digest: `v*`, `*`.
    pub immutable: Vec<String>,
    /// Refuse everything but GET and HEAD.
    pub read_only: bool,
    /// Allow deletion of tags, manifests and blobs; without it they are answered 405.
    pub deletes: bool,
    /// Serve the referrers API; without it 404, so that clients fall back to the referrers tag.
    pub referrers: bool,
    /// Announce this smallest chunk in `OCI-Chunk-Min-Length` (bytes; 0: say nothing).
    pub chunk_min: u64,
    /// Bounds.
    pub limits: Limits,
    /// Misbehaviour.
    pub faults: FaultPlan,
    /// Called before each request is handled and after it took effect.
    pub observer: Option<Observer>,
}

impl Options {
    /// A writable server without authentication on a free port of loopback.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: dir.into(),
            auth: Auth::None,
            immutable: Vec::new(),
            read_only: false,
            deletes: true,
            referrers: true,
            chunk_min: 0,
            limits: Limits::default(),
            faults: FaultPlan::default(),
            observer: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("addr", &self.addr).field("dir", &self.dir).field("auth", &self.auth).finish_non_exhaustive()
    }
}

/// Who may do what.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everyone everything.
    None,
    /// HTTP Basic (RFC 7617) on every request.
    Basic(Login),
    /// Bearer tokens from our own `/token` (distribution: "Token Authentication Specification").
    Token {
        /// Who gets tokens for everything.
        login: Login,
        /// Without credentials, tokens for pull are given to everyone.
        anonymous_pull: bool,
        /// How long a token is good for.
        lifetime: Duration,
    },
}

/// A user and password.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// Bounds on what one client can make the server hold or wait for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest manifest in bytes; larger is 413. The specification asks for at least 4 MiB.
    pub manifest: usize,
    /// Largest blob in bytes; larger is 413.
    pub blob: u64,
    /// Open upload sessions per repository; more is 429.
    pub uploads: usize,
    /// An untouched upload session is forgotten after this.
    pub upload_age: Duration,
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// A connection on which nothing moves for this long is closed: in the headers, in a body, in either direction.
    pub idle: Duration,
    /// Tags, repositories or referrers in one answer; the rest is behind a `Link`.
    pub page: usize,
    /// Requests the log keeps; older ones are forgotten.
    pub log: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: MAX_MANIFEST_SIZE,
            blob: 64 << 30,
            uploads: 1_000,
            upload_age: Duration::from_secs(24 * 3600),
            connections: 512,
            idle: Duration::from_secs(60),
            page: 1_000,
            log: 100_000,
        }
    }
}
