//! `stagefreight completions`.

use clap::{Args, CommandFactory as _};

use crate::cli::session::Session;
use crate::error::Result;

/// Options of completions.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// Prints the completion script.
pub fn run(session: &Session, args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "stagefreight", &mut script);
    session.world.print(&String::from_utf8_lossy(&script));
    Ok(())
}
