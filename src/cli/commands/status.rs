//! `stagefreight status`: what is where.

use clap::Args;
use serde::Serialize;

use crate::cli::readback::{age, read_back};
use crate::cli::session::Session;
use crate::error::Result;
use crate::publish::Depth;
use crate::report::{StatusLine, status_screen};

/// Options of status.
#[derive(Debug, Args)]
pub struct StatusArgs {}

#[derive(Serialize)]
struct Status {
    version: String,
    commit: String,
    destinations: Vec<StatusLine>,
}

/// Runs it. A destination that holds something else is data here, not an error.
pub fn run(session: &Session, _: &StatusArgs) -> Result<()> {
    let read = session.block_on(read_back(session, Depth::About))?;
    let status = Status { version: read.version, commit: read.commit, destinations: read.lines };
    session.print(&status, |status| {
        let title = format!("status  version {}  commit {:.7}", status.version, status.commit);
        status_screen(&title, &status.destinations, &|since| age(session, since))
    })
}
