//! The content store: OCI image layouts by digest below `.stagefreight/objects` (spec/manifest.md §9), and full-closure
//! verification on top. `Layout` reads one layout, `LayoutWriter` makes one, `ContentStore` keeps them; `derive` says what
//! a registry gets that does not get an image as it was built. Knows nothing
//! of manifests of ours, registries or builders; everything blocks, so callers on a runtime use a blocking thread.
//!
//! `artifact` is another store, for people and other tools: bytes and a manifest under a reference, in named backends.

mod archive;
pub mod artifact;
mod closure;
mod content;
mod derive;
mod entry;
mod error;
mod handover;
mod index;
mod layout;
mod members;
mod writer;

pub use archive::{read_archive, write_archive};
pub use closure::Closure;
pub use content::ContentStore;
pub use derive::{Attestation, Derivation, derive};
pub use error::StoreError;
pub use handover::{HandOver, pack, unpack};
pub use layout::Layout;
pub use writer::LayoutWriter;
