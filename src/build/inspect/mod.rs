//! Images looked into without being run (`version` alone runs one, where somebody asks for that): config, labels, files and their hashes, straight from the layers of an OCI
//! layout (spec/build.md J, without a daemon).
//!
//! The way through: `image` finds the image of a platform and its config; `layer` unpacks and checks one blob, `archive`
//! reads its tar, entry by entry; `tree` lays the entries of one layer over those of the layers below (image-spec,
//! "Whiteouts"); `look` puts these together. Layers are hostile: sizes, counts, names and nesting are bounded, nothing is
//! written to disk, and memory grows with the number of files, never with their size.

mod archive;
mod image;
mod layer;
mod listing;
mod look;
mod resolve;
mod tree;
mod version;

#[cfg(test)]
mod tests;

pub use archive::{Archive, Entry, EntryKind};
pub(in crate::build) use image::select;
pub use image::{Image, ImageSummary, LayerSummary, choose};
pub use listing::Listed;
pub use look::{Hidden, LayerUse, Looked, lay, look};
pub use resolve::FindError;
pub use tree::{FileKind, NodeId, Tree, TreeError};
pub use version::{SaidVersion, say_version};

/// How much is read before an image is called hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files and directories of all layers together, hidden ones included.
    pub entries: u32,
    /// Bytes of names and link targets, together.
    pub names: u32,
    /// Bytes one layer may unpack to; without it, what layers of its size can honestly hold.
    pub unpacked: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 4_000_000, names: 256 << 20, unpacked: None }
    }
}
