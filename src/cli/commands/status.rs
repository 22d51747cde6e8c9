//! `stagefreight status`: what is where.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::readback::{ReadBack, age, read_back};
use crate::cli::session::Session;
use crate::error::Result;
use crate::publish::Depth;
use crate::report::{StatusLine, status_screen};

/// Options of status.
#[derive(Debug, Args)]
pub struct StatusArgs {}

/// What is where.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Status {
    /// Version of the artifacts.
    version: String,
    /// Full commit id.
    commit: String,
    /// One per destination, in the order of the plan.
    destinations: Vec<StatusLine>,
}

impl From<ReadBack> for Status {
    fn from(read: ReadBack) -> Self {
        let ReadBack { version, commit, lines } = read;
        Self { version, commit, destinations: lines }
    }
}

impl Status {
    /// The first destination that does not hold what it should.
    pub(in crate::cli) fn first_wrong(&self) -> Option<&StatusLine> {
        self.destinations.iter().find(|line| !matches!(line.state.as_str(), "complete" | "superseded" | "hidden"))
    }

    /// The screen of the command of this name.
    pub(in crate::cli) fn screen(&self, command: &str, session: &Session) -> String {
        let title = format!("{command}  version {}  commit {:.7}", self.version, self.commit);
        status_screen(&title, &self.destinations, &|since| age(session, since))
    }
}

/// Runs it. A destination that holds something else is data here, not an error.
pub fn run(session: &Session, _: &StatusArgs) -> Result<()> {
    let read = session.block_on(read_back(session, Depth::About))?;
    session.print(&Status::from(read), |status| status.screen("status", session))
}
