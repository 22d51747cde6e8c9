//! Where the bytes of a blob come from.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::origin::{Origin, RemoteBlob};
use crate::core::oci::Descriptor;
use crate::http::Body;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// A blob of a layout or of another registry. The bytes of a layout were verified when they entered the store; the
/// digest in the closing PUT makes the registry verify all of them on arrival.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(Box<StoredBlob>),
    /// Passes through.
    Remote(Arc<RemoteBlob>),
}

/// A blob of a layout.
#[derive(Debug, Clone)]
pub struct StoredBlob {
    layout: Layout,
    path: PathBuf,
    blob: Descriptor,
}

impl Source {
    /// A blob as a manifest lists it.
    pub fn new(origin: &Origin, blob: &Descriptor) -> Self {
        match origin {
            Origin::Layout(layout) => {
                Self::File(Box::new(StoredBlob { layout: layout.clone(), path: layout.blob_path(&blob.digest), blob: blob.clone() }))
            }
            Origin::Registry { client, path } => {
                Self::Remote(Arc::new(RemoteBlob { client: Arc::clone(client), path: path.clone(), blob: blob.clone() }))
            }
        }
    }

    /// A range of it, made anew for every attempt.
    pub fn body(&self, offset: u64, len: u64) -> Body {
        match self {
            Self::File(stored) => Body::File { path: stored.path.clone(), offset, len },
            Self::Remote(from) => Body::Feed { from: Arc::<RemoteBlob>::clone(from), offset, len },
        }
    }

    /// Is the file as long as it was when it was approved? A longer one would be sent as a different blob's beginning.
    pub async fn check_size(&self) -> Result<(), RegistryError> {
        let Self::File(stored) = self.clone() else { return Ok(()) };
        let StoredBlob { layout, path, blob } = *stored;
        off_the_runtime(move || {
            let (_, size) = layout.open_blob(&blob.digest)?;
            if size == blob.size {
                return Ok(());
            }
            let message = format!("{} is {size} bytes long, but listed with {}", path.display(), blob.size);
            Err(RegistryError::new(RegistryErrorKind::Source, message).hint("build again: the content store is damaged"))
        })
        .await
    }

    /// Do the bytes still hash to their digest? Asked only when a registry says that what arrived does not.
    pub async fn check_digest(&self) -> Result<(), RegistryError> {
        match self.clone() {
            Self::Remote(from) => from.check_digest(&CancellationToken::new()).await,
            Self::File(stored) => {
                let StoredBlob { layout, blob, .. } = *stored;
                off_the_runtime(move || {
                    let checked = layout.verify_blob(&blob.digest);
                    checked.map_err(|error| {
                        RegistryError::from(error)
                            .context("the bytes changed after they were approved")
                            .hint("build again: the content store is damaged")
                    })
                })
                .await
            }
        }
    }
}

async fn off_the_runtime(work: impl FnOnce() -> Result<(), RegistryError> + Send + 'static) -> Result<(), RegistryError> {
    let interrupted = |_| RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted");
    tokio::task::spawn_blocking(work).await.map_err(interrupted)?
}
