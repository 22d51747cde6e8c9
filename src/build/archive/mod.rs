//! Packs archives whose bytes depend on nothing but their contents: entries in one order, one time, two modes, no owners,
//! and a compression that comes out the same on any number of threads. The compressor is that of image layers.
//!
//! `entries` (what goes in, and under which names), `tar` and `zip` (the forms), `pack` (a step), `sums` (SHA256SUMS).

mod entries;
mod failure;
mod pack;
mod sums;
mod zip;

pub use pack::pack;
pub use sums::sums;
