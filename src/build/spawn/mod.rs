//! A private BuildKit daemon for one run: started, waited for, used through its socket, stopped; rootless when we are not
//! root. Its cache lies below our own directory and serves the next run; a daemon whose run was killed is ended by the
//! system where `setpriv` is installed, else by the next run.

mod daemon;
mod means;

pub use daemon::{Daemon, remove};
pub use means::{Means, look};
