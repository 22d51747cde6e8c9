//! Platforms built in different CI jobs. `perform --platform` makes a part: the images of some platforms in the store,
//! and one file below `.stagefreight/parts/` that says which plan they belong to. It writes no outputs manifest, so
//! nothing that reads one can take a part for the whole. `merge` joins the parts as if one perform had built them.
//!
//! `file` is what a part is on disk, `make` makes one, `find` gathers those that are to be joined, `agree` holds them
//! against each other, `join` joins.

mod agree;
mod file;
mod find;
mod join;
mod make;

pub use file::Part;
pub use join::join;
pub(super) use make::{narrow, record_part, reuse_part};
