//! `stagefreight preflight`: every destination answers before anything is built.

use clap::Args;

use crate::cli::preflight::{Preflighted, preflight};
use crate::cli::session::Session;
use crate::error::Result;

/// Options of preflight.
#[derive(Debug, Args)]
pub struct PreflightArgs {}

/// Runs it.
pub fn run(session: &Session, _: &PreflightArgs) -> Result<()> {
    let answered = session.block_on(preflight(session))?;
    session.print(&answered, Preflighted::screen)?;
    answered.verdict().map_or(Ok(()), Err)
}
