//! `stagefreight perform` (also `build`): builds what the plan names.

use clap::Args;

use crate::cli::perform::{Options, Source, perform};
use crate::cli::session::Session;
use crate::core::Platform;
use crate::error::Result;

/// Options of perform.
#[derive(Debug, Args)]
pub struct PerformArgs {
    /// Build even when an equal plan's outputs are here, or a destination already holds this commit
    #[arg(long)]
    pub rebuild: bool,
    /// Build these platforms alone; `merge` joins them with those that other jobs build (repeatable, or a list with commas)
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Take over what another builder made: an OCI layout or archive, `docker save`, GoReleaser's dist, cargo-dist's
    /// manifest, a directory of files; `BUILD=PATH` says which build an image is (repeatable)
    #[arg(long, value_name = "[BUILD=]PATH", conflicts_with_all = ["platform", "rebuild"])]
    pub from: Vec<Source>,
}

/// Runs it.
pub fn run(session: &Session, args: &PerformArgs) -> Result<()> {
    let options = Options { rebuild: args.rebuild, platforms: args.platform.clone(), from: args.from.clone() };
    let performed = session.block_on(perform(session, options))?;
    session.print(&performed, crate::cli::perform::Performed::screen)
}
