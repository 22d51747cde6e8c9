//! `stagefreight manifest …`.

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::{Error, Result};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {}

/// Runs it.
pub fn run(_: &Session, _: ManifestCommand) -> Result<()> {
    Err(Error::usage("not supported yet"))
}
