//! `stagefreight version`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::error::Result;

/// Which program this is.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Version {
    /// Its version, without a `v`.
    version: &'static str,
}

/// Prints the version.
pub fn run(session: &Session) -> Result<()> {
    session.print(&Version { version: env!("CARGO_PKG_VERSION") }, |v| format!("stagefreight {}\n", v.version))
}
