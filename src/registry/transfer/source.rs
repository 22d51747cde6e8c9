//! Where the bytes of a blob come from.

use std::path::PathBuf;

use crate::core::oci::Descriptor;
use crate::http::Body;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// A blob of a layout. Its bytes were verified when they entered the store; the digest in the closing PUT makes the
/// registry verify them on arrival.
#[derive(Debug, Clone)]
pub struct Source {
    layout: Layout,
    path: PathBuf,
    blob: Descriptor,
}

impl Source {
    /// A blob as a manifest lists it.
    pub fn new(layout: &Layout, blob: &Descriptor) -> Self {
        Self { layout: layout.clone(), path: layout.blob_path(&blob.digest), blob: blob.clone() }
    }

    /// A range of it, made anew for every attempt.
    pub fn body(&self, offset: u64, len: u64) -> Body {
        Body::File { path: self.path.clone(), offset, len }
    }

    /// Is the file as long as it was when it was approved? A longer one would be sent as a different blob's beginning.
    pub async fn check_size(&self) -> Result<(), RegistryError> {
        let source = self.clone();
        self.off_the_runtime(move || {
            let (_, size) = source.layout.open_blob(&source.blob.digest)?;
            if size == source.blob.size {
                return Ok(());
            }
            let message = format!("{} is {size} bytes long, but listed with {}", source.path.display(), source.blob.size);
            Err(RegistryError::new(RegistryErrorKind::Source, message).hint("build again: the content store is damaged"))
        })
        .await
    }

    /// Does the file still hash to its digest? Asked only when a registry says that what arrived does not.
    pub async fn check_digest(&self) -> Result<(), RegistryError> {
        let source = self.clone();
        self.off_the_runtime(move || {
            let checked = source.layout.verify_blob(&source.blob.digest);
            checked.map_err(|error| {
                RegistryError::from(error)
                    .context("the bytes changed after they were approved")
                    .hint("build again: the content store is damaged")
            })
        })
        .await
    }

    async fn off_the_runtime(&self, work: impl FnOnce() -> Result<(), RegistryError> + Send + 'static) -> Result<(), RegistryError> {
        let interrupted = |_| RegistryError::new(RegistryErrorKind::Source, format!("reading {} was interrupted", self.path.display()));
        tokio::task::spawn_blocking(work).await.map_err(interrupted)?
    }
}
