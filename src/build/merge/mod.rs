//! Joins OCI layouts into one index: images of single platforms, or indexes of some, as nodes or CI jobs built them.
//! Knows OCI layouts and nothing of who made them.
//!
//! The index is written as BuildKit writes it, byte for byte: platforms in the order asked for, after them the
//! attestation manifests in the order of what they attest. So two nodes give the digest one node would have given
//! wherever the images are the same. Nothing is copied but for other file systems: blobs get a second name.

mod entry;
mod index;
mod join;
mod source;

pub use entry::Entry;
pub use index::index_bytes;
pub use join::{Merged, merge};
pub use source::Source;

#[cfg(test)]
mod tests;
