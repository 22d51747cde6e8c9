//! `stagefreight merge`: joins platforms that different jobs built.

use std::path::PathBuf;

use clap::Args;

use crate::cli::perform::{Performed, parts};
use crate::cli::session::Session;
use crate::error::Result;

/// Options of merge.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Workspaces, or their .stagefreight/ directories, of the jobs that ran `perform --platform`; parts that lie in this
    /// workspace already are taken too
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
}

/// Runs it.
pub fn run(session: &Session, args: &MergeArgs) -> Result<()> {
    let performed = parts::join(session, &args.dirs)?;
    session.print(&performed, |performed: &Performed| performed.screen_of("merge"))
}
