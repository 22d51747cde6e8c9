//! What a client is built with: trust, proxy, time.

use std::path::Path;
use std::time::Duration;

use super::retry::Ladder;
use crate::core::Secret;
use crate::error::{Error, Result};
use crate::names;
use crate::world::Environment;

/// The most a file of certificate authorities may weigh.
const MAX_CA_FILE: u64 = 8 * 1024 * 1024;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// From the last byte of the request to the first of the answer. Generous: a registry hashes and moves a large
    /// blob before it answers.
    pub answer: Duration,
    /// Bytes are counted over windows of this length, while a body is sent or received.
    pub stall_window: Duration,
    /// Fewer bytes per second than this over a whole window, and the connection is cut.
    pub stall_floor: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            answer: Duration::from_secs(300),
            stall_window: Duration::from_secs(30),
            stall_floor: 1024,
        }
    }
}

/// What a client is built with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Certificate authorities (PEM bundles) beside the system's and the built-in ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// Our own certificate and its key (PEM), for servers that ask for one.
    pub identity: Option<Secret>,
    /// Plain http to any host. Without it only loopback addresses are spoken to unencrypted.
    pub plain_http: bool,
    /// Time limits.
    pub timeouts: Timeouts,
    /// When and how often to try again.
    pub ladder: Ladder,
    /// Proxy for http URLs.
    pub http_proxy: Option<String>,
    /// Proxy for https URLs.
    pub https_proxy: Option<String>,
    /// Hosts reached without the proxy, comma separated. Loopback always is.
    pub no_proxy: Option<String>,
}

impl Options {
    /// Proxy and additional certificate authorities as the environment names them (`HTTP_PROXY`, `HTTPS_PROXY`,
    /// `NO_PROXY` in either case, `SSL_CERT_FILE`).
    pub fn of_environment(env: &Environment) -> Result<Self> {
        let either = |name: &str| env.get(&name.to_ascii_lowercase()).or_else(|| env.get(name)).map(str::to_owned);
        let mut options = Self {
            http_proxy: either(names::env::HTTP_PROXY),
            https_proxy: either(names::env::HTTPS_PROXY),
            no_proxy: either(names::env::NO_PROXY),
            ..Self::default()
        };
        if let Some(file) = env.get(names::env::SSL_CERT_FILE) {
            options.add_roots(Path::new(file))?;
        }
        Ok(options)
    }

    /// Trusts the certificate authorities of a PEM file as well. A file without a usable certificate is an error:
    /// going on without it would surface as a puzzling TLS failure later.
    pub fn add_roots(&mut self, file: &Path) -> Result<()> {
        let doing = || format!("cannot read certificate authorities from {}", file.display());
        let pem = crate::fs::read_bounded(file, MAX_CA_FILE).map_err(|error| Error::from(error).context(doing()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| Error::usage(doing()).because(&error))?;
        if certificates.is_empty() {
            return Err(
                Error::usage(format!("{}: it holds no certificate", doing())).hint("give a PEM file with `BEGIN CERTIFICATE` blocks")
            );
        }
        self.extra_roots.push(pem);
        Ok(())
    }
}
