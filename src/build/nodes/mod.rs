//! One build on several nodes: each platform on the node that serves it, at the same time, and the results merged.
//!
//! `assign` decides who builds what (pure), `share` makes each call's part of the step, `fleet` runs the calls side by
//! side through a [`Solver`](super::solve::Solver) and merges, `labelled` tells their progress apart. Knows no command
//! line and no builder.

mod assign;
pub(in crate::build) mod contexts;
mod fleet;
mod labelled;
mod share;

pub use assign::{Assignment, assign};
pub use fleet::Fleet;
pub use share::{index_annotations, share_of};
