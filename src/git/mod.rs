//! Facts of the git repository: head, reachable tags, dirty files, remote, commit time. Read by the `git` binary,
//! held as plain values. Uses `process`; knows nothing of config or plans, and changes nothing in the repository.

mod ancestry;
mod distance;
mod facts;
mod log;
mod origin;
mod range;
mod read;

pub use ancestry::ancestry;
pub use facts::{GitFacts, ReachableTag};
pub use log::{Commit, MOST_COMMITS, all_commits, commits, tag_message};
pub use origin::{Origin, origin};
pub use range::{Range, range};
pub use read::read;
