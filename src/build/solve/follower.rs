//! Reads what a tool prints, in whichever form it can print it, into a tracker.

use crate::core::Redactor;
use crate::event::Events;

use super::plain;
use super::progress::Tracker;
use super::rawjson::RawJson;

/// How BuildKit tells what it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A stream of JSON values, exact. buildx 0.13 and later.
    RawJson,
    /// Lines for people.
    Plain,
}

impl Progress {
    /// The exact one where the tool has it.
    pub fn of(rawjson: bool) -> Self {
        if rawjson { Self::RawJson } else { Self::Plain }
    }

    /// For the command line.
    pub fn flag(self) -> &'static str {
        match self {
            Self::RawJson => "--progress=rawjson",
            Self::Plain => "--progress=plain",
        }
    }
}

/// Follows one call line by line.
#[derive(Debug)]
pub struct Follower {
    format: Progress,
    rawjson: RawJson,
    tracker: Tracker,
}

impl Follower {
    /// For the build of this id, run by `tool`, whose output may hold what `redactor` knows.
    pub fn new(build: &str, tool: &'static str, events: Events, redactor: Redactor, format: Progress) -> Self {
        Self { format, rawjson: RawJson::default(), tracker: Tracker::new(build, tool, events, redactor) }
    }

    /// Takes the next line in.
    pub fn line(&mut self, line: &str) {
        match self.format {
            Progress::RawJson => self.rawjson.line(line, &mut self.tracker),
            Progress::Plain => plain::line(line, &mut self.tracker),
        }
    }

    /// What is known so far.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }
}
