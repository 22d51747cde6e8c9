//! Does an adapter do what the protocol says, and what hosts rely on? Runs it as a host would, with requests that are right
//! and requests that are wrong, pushes a file through it and pulls it back.
//!
//! Every requirement of the public suite has its id here and a check that can fail; requirements of ours begin with `SF-`.
//! A requirement nobody could judge, because the adapter refused everything, counts against it: [`Status::Unproven`].

mod asking;
mod bench;
mod commands;
mod findings;
mod pulling;
mod pushing;
mod report;
mod requirement;
mod runs;
mod suite;
mod surroundings;
mod transfer;
mod versions;

pub use bench::Options;
pub use report::{ConformanceLevel, Outcome, Report, Status, Summary, Tally};
pub use requirement::{Level, REQUIREMENTS, Requirement};
pub use suite::examine;
