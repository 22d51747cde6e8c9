//! One BuildKit daemon of a builder.

use std::path::PathBuf;

use crate::core::Platform;

/// One BuildKit daemon, ready to build. A builder has at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `sf-1a2b3c4d0`, for screens.
    pub name: String,
    /// What `--builder` names to reach this node and no other.
    pub builder: String,
    /// Where the daemon listens, when it can be reached without a builder: `unix://…`, `tcp://…`. For `buildctl`.
    pub address: Option<String>,
    /// How a TCP address is secured.
    pub tls: Option<NodeTls>,
    /// Platforms it builds for: those the config gives it, else those BuildKit names. Native ones first.
    pub platforms: Vec<Platform>,
    /// BuildKit's version, when it tells one.
    pub buildkit: Option<String>,
}

/// Certificates for a BuildKit daemon over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTls {
    /// Who signed the daemon's certificate.
    pub ca: PathBuf,
    /// Our certificate.
    pub cert: PathBuf,
    /// Its key. Its content is never read here.
    pub key: PathBuf,
    /// Name in the daemon's certificate, when it differs from the host.
    pub server_name: Option<String>,
}
