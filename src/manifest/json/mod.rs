//! JSON exactly as the contract reads and writes it (spec/manifest.md §3): a tolerant decoder that fills our types
//! directly, and the canonical encoder the checksum is computed over.

mod decoder;
mod encoder;
mod skip;
mod string;

pub(super) use decoder::{Decoder, Fault, Unknown};
pub(super) use encoder::Encoder;
