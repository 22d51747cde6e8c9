//! Pulling one pack from a remote: what was asked for, or nothing. A file that is there stays as it is until the new one is
//! whole and verified.

mod run;

pub use run::{PullOrder, Pulled, pull};
