//! `stagefreight init`: a config from what the repository holds.

use clap::Args;

use crate::cli::init::{Initialised, init};
use crate::cli::session::Session;
use crate::error::Result;

/// Options of init.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Replace a config that is there
    #[arg(long)]
    pub force: bool,
    /// Print the config instead of writing it
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs it.
pub fn run(session: &Session, args: &InitArgs) -> Result<()> {
    let initialised = session.block_on(init(session, args.force, args.dry_run))?;
    session.print(&initialised, Initialised::screen)
}
