//! Tidies a container engine through its API: images, containers, networks and build cache, by policy; never volumes.
//!
//! `inventory` is what there is, read by `engine`. `plan` decides, without asking anybody, what goes and why the rest
//! stays; `policy` knows what is protected. `execute` removes what the plan lists, thing by thing, by its full id, and
//! never by force: so a dry run shows exactly what a run would do, and what has come into use since is left alone.
//! No shell, no docker program.

mod cache;
mod engine;
mod execute;
mod images;
mod inventory;
mod plan;
mod policy;

pub use engine::Engine;
pub use execute::{Outcome, Removal, State, execute};
pub use inventory::{CacheRecord, Container, Image, Inventory, Network};
pub use plan::{Item, Kept, Kind, Plan, plan};
pub use policy::Policy;
