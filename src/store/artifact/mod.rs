//! The artifact store: bytes and a manifest under a reference, always both or neither, in named backends. Not the
//! content store of a pipeline (`store`'s other half), which keeps images while a release is made: this one is kept by
//! people, is often a bucket, and outlives pipelines (spec/remote.md E).
//!
//! `ArtifactStore` is the port; `FileStore`, `MemoryStore` and `CloudStore` are backends here, `registry` has one for
//! OCI registries. `conformance` is what every backend must do, for those who add one. May use what `store` may use;
//! knows no config and no screen.

mod cloud;
pub mod conformance;
mod error;
mod file;
mod memory;
mod pair;
mod port;
mod stores;
mod stream;

pub use crate::core::artifact_ref::{BAD_REFS, Ref, RefError};
pub use cloud::{CHECKSUM, CloudStore, Connector, LARGEST_OBJECT, ListedObject, SignedBucket, Variables, checksum_of};
pub use error::{ArtifactError, ArtifactErrorKind};
pub use file::{FileOptions, FileStore};
pub use memory::MemoryStore;
pub use pair::{Entry, Half, Pair, Source};
pub use port::{Abilities, ArtifactStore, Call, Collected, Collects, Mode, OnProgress, Opened, Result};
pub use stores::{Stores, unknown};
pub use stream::{ByteStream, failed, gather, of_bytes, of_file, verified};
