//! `stagefreight cleanup`: tidies the container engine by the rules of the config.

use clap::Args;

use crate::cli::cleanup::{Cleaned, clean};
use crate::cli::load;
use crate::cli::session::Session;
use crate::error::{Error, Result};

/// Options of cleanup.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    /// List exactly what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs it.
pub fn run(session: &Session, args: &CleanupArgs) -> Result<()> {
    let config = load::config(session)?;
    if !config.cleanup.enabled && !args.dry_run {
        return Err(Error::usage("cleanup is not enabled in the config")
            .hint("set `build_cache: { cleanup: { enabled: true } }`; `--dry-run` shows what the rules would remove"));
    }
    let cleaned = session.block_on(clean(session, &config, args.dry_run))?;
    session.print(&cleaned, Cleaned::screen)?;
    cleaned.verdict(session)
}
