//! `stagefreight verify`: status with a verdict.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::dist;
use crate::cli::readback::{age, check_results, read_back};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::publish::Depth;
use crate::report::{StatusLine, status_screen};

/// Options of verify.
#[derive(Debug, Args)]
pub struct VerifyArgs {}

/// What was read back, with a verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Verified {
    /// Every destination that can be read holds what was published, or something newer where that is right. Of those that cannot
    /// be read (`hidden`) publish was told that they do.
    #[serde(rename = "verified")]
    good: bool,
    /// How many of the destinations cannot be read.
    hidden: usize,
    /// Version of the artifacts.
    version: String,
    /// Full commit id.
    commit: String,
    /// One per destination, in the order of the plan.
    destinations: Vec<StatusLine>,
}

/// Runs it: reads every destination and everything it leads to. Exit 7 when one does not hold what was published.
pub fn run(session: &Session, _: &VerifyArgs) -> Result<()> {
    dist::verify(session, &check_results(session)?)?;
    let read = session.block_on(read_back(session, Depth::Closure))?;
    let wrong: Vec<StatusLine> =
        read.lines.iter().filter(|line| !matches!(line.state.as_str(), "complete" | "superseded" | "hidden")).cloned().collect();
    let hidden = read.lines.iter().filter(|line| line.state == "hidden").count();
    let verified = Verified { hidden, good: wrong.is_empty(), version: read.version, commit: read.commit, destinations: read.lines };
    session.print(&verified, |verified| {
        let title = format!("verify  version {}  commit {:.7}", verified.version, verified.commit);
        status_screen(&title, &verified.destinations, &|since| age(session, since))
    })?;
    let Some(first) = wrong.first() else { return Ok(()) };
    let detail = first.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    Err(Error::new(Kind::Unverified, format!("{} is {}{detail}", first.name, first.state))
        .hint("run publish again: it places what is absent or incomplete and shows what is different"))
}
