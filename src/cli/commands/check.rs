//! `stagefreight check`: config, plan and preflight, without building or writing anything.

use clap::Args;

use crate::cli::check::{Checked, check};
use crate::cli::session::Session;
use crate::error::Result;

/// Options of check.
#[derive(Debug, Args)]
pub struct CheckArgs {}

/// Runs it.
pub fn run(session: &Session, _: &CheckArgs) -> Result<()> {
    let checked = session.block_on(check(session))?;
    session.print(&checked, Checked::screen)?;
    checked.verdict().map_or(Ok(()), Err)
}
