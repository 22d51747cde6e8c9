//! The builder that a lease makes possible: its nodes, asked through whatever program reaches them.

use std::sync::Arc;
use std::time::Duration;

use super::backend::Tool;
use super::buildctl::Buildctl;
use super::buildx::Buildx;
use super::lifecycle::Lease;
use super::nodes::Fleet;
use super::solve::Solver;
use crate::world::World;

/// A builder on the nodes of a lease, which must outlive it. `deadline` is the longest one call may take; none = two
/// hours.
pub fn leased(world: &World, lease: &Lease, deadline: Option<Duration>) -> Fleet {
    let (program, session) = (lease.program(), Arc::clone(lease.session()));
    let (name, solver): (_, Box<dyn Solver>) = if program.tool == Tool::Buildctl {
        let buildctl = Buildctl::new(world, program.has_rawjson(), session);
        (
            "buildctl",
            Box::new(match deadline {
                Some(deadline) => buildctl.with_deadline(deadline),
                None => buildctl,
            }),
        )
    } else {
        let buildx = Buildx::new(world, program.tool, program.has_rawjson(), session);
        (
            "buildx",
            Box::new(match deadline {
                Some(deadline) => buildx.with_deadline(deadline),
                None => buildx,
            }),
        )
    };
    Fleet::new(name, lease.nodes().to_vec(), solver)
}
