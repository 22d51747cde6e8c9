//! `stagefreight version`.

use serde::Serialize;

use crate::cli::session::Session;
use crate::error::Result;

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

/// Prints the version.
pub fn run(session: &Session) -> Result<()> {
    session.print(&Version { version: env!("CARGO_PKG_VERSION") }, |v| format!("stagefreight {}\n", v.version))
}
