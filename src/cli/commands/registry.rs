//! `stagefreight registry …`.

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::{Error, Result};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {}

/// Runs it.
pub fn run(_: &Session, _: RegistryCommand) -> Result<()> {
    Err(Error::usage("not supported yet"))
}
