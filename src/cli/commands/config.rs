//! `stagefreight config …`.

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::{Error, Result};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {}

/// Runs it.
pub fn run(_: &Session, _: ConfigCommand) -> Result<()> {
    Err(Error::usage("not supported yet"))
}
