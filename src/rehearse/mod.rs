//! Rehearsal: servers on loopback that behave like the real ones, and misbehave on request.
//!
//! [`registry`] is an OCI distribution server over a directory; [`fault`] is the data that says at which request it
//! answers wrongly, slowly or not at all; [`serve`] is how all of them listen; [`forge_github`] is a GitHub for releases and
//! [`forge_gitlab`] a GitLab for releases and packages, both over [`api`]. May use `core names error event fs store`; knows
//! no client and no command.

pub mod api;
pub mod fault;
pub mod forge_github;
pub mod forge_gitlab;
pub mod registry;
pub mod request;
pub mod serve;

pub use fault::{Fault, FaultPlan};
