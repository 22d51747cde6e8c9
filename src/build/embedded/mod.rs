//! The embedded builder: a Dockerfile without `RUN` becomes an OCI image with no daemon and no root.
//!
//! The way through: `dockerfile` (text → stages), `expand` (words and variables), `ignore` and `context` (what may be
//! copied), `copy` (where it lands), `layer` (changes → tar), `pack` (tar → compressed blob). Files are listed as data
//! and read once, while their layer is written. What is supported: `docs/embedded-builder.md`.

mod copy;
mod dockerfile;
mod expand;
mod glob;
mod ignore;
mod layer;
mod layer_source;
mod mode;
mod pack;
mod tree;

pub use dockerfile::{declared_args, needs_buildkit};
pub use pack::{Codec, Packed, pack};
