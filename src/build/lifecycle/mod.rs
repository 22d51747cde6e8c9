//! The builder a build runs on: taken up, made or made again on the backend that was found, under a lock, in a private
//! session, and described as nodes (spec/build.md B).
//!
//! `lease` is the whole of it; `maker` drives buildx, `locks` keeps two jobs of one machine apart, `own_dir` is where
//! they meet, `record` writes `builder.json`, `inspect` reads what buildx says of a builder.

pub mod inspect;
mod lease;
mod locks;
mod maker;
mod node;
mod own_dir;
mod record;
mod usage;

pub use lease::{Lease, Order};
pub use maker::Action;
pub use node::{Node, NodeTls};
pub use own_dir::own_dir;
pub use record::record;
pub use usage::{Usage, usage};
