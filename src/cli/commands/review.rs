//! `stagefreight review`: applies the policy to the outputs.

use clap::Args;

use crate::cli::review::{Expected, refusal, review, screen};
use crate::cli::session::Session;
use crate::error::Result;

/// Options of review.
#[derive(Debug, Args)]
pub struct ReviewArgs {}

/// Runs it. Exit 6 when it refuses; the verdict is written either way.
pub fn run(session: &Session, _: &ReviewArgs) -> Result<()> {
    let context = crate::cli::gather::context(session)?;
    let expected = if context.is_ci() { Expected { commit: context.sha, pipeline: context.pipeline_id } } else { Expected::default() };
    let approval = review(session, &expected)?;
    session.print_file(&approval, screen)?;
    refusal(&approval).map_or(Ok(()), Err)
}
