//! Drives BuildKit through buildx: `docker buildx` or the standalone `buildx`, as a child with an argument vector and a
//! private configuration, never through a shell and never touching the user's buildx state.
//!
//! Knows its own command line (`argv`) and how one call runs (`solver`). What every tool needs is in `solve`; which
//! builder there is and which node a call goes to are decided elsewhere.

mod argv;
mod solver;

pub use solver::Buildx;
