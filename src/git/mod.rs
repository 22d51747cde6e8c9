//! Facts of the git repository: head, reachable tags, dirty files, remote, commit time. Read by the `git` binary,
//! held as plain values. Uses `process`; knows nothing of config or plans.

mod facts;

pub use facts::{GitFacts, ReachableTag};
