//! Where the bytes of a blob come from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::origin::{Origin, RemoteBlob};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::http::Body;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// Where the bytes of several blobs are.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// Part of a closure.
    Of(&'a Origin),
    /// Each by itself.
    Loose(&'a BTreeMap<Digest, Body>),
}

/// A blob of a layout or of another registry, or one by itself. The bytes of a layout were verified when they entered the store; the
/// digest in the closing PUT makes the registry verify all of them on arrival.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(Box<StoredBlob>),
    /// Passes through.
    Remote(Arc<RemoteBlob>),
    /// As the caller holds it. Nothing, where the caller holds no such blob.
    Loose(Body, Box<Descriptor>),
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
    pub fn new(bytes: Bytes<'_>, blob: &Descriptor) -> Self {
        let origin = match bytes {
            Bytes::Of(origin) => origin,
            Bytes::Loose(held) => return Self::Loose(held.get(&blob.digest).cloned().unwrap_or_default(), Box::new(blob.clone())),
        };
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
            Self::File(stored) => Body::File { path: stored.path.clone(), offset, len, digest: None },
            Self::Remote(from) => Body::Feed { from: Arc::<RemoteBlob>::clone(from), offset, len },
            Self::Loose(body, _) => part(body, offset, len),
        }
    }

    /// Is the file as long as it was when it was approved? A longer one would be sent as a different blob's beginning.
    pub async fn check_size(&self) -> Result<(), RegistryError> {
        let stored = match self.clone() {
            Self::File(stored) => stored,
            Self::Remote(_) => return Ok(()),
            Self::Loose(body, blob) if body.len() == blob.size => return Ok(()),
            Self::Loose(body, blob) => {
                let message = format!("{} has {} bytes, but {} are to be sent", blob.digest.short(), body.len(), blob.size);
                return Err(RegistryError::new(RegistryErrorKind::Source, message));
            }
        };
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
            Self::Loose(_, blob) => {
                let message = format!("the bytes that were sent are not {}: the file was changed", blob.digest.short());
                Err(RegistryError::new(RegistryErrorKind::Source, message))
            }
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

/// A range of a body.
fn part(body: &Body, at: u64, len: u64) -> Body {
    match body {
        Body::Empty => Body::Empty,
        Body::Bytes(bytes) => {
            let length = bytes.len();
            let from = usize::try_from(at).unwrap_or(length).min(length);
            let to = usize::try_from(at.saturating_add(len)).unwrap_or(length).min(length);
            Body::Bytes(bytes.slice(from..to))
        }
        Body::File { path, offset, .. } => Body::File { path: path.clone(), offset: offset + at, len, digest: None },
        Body::Feed { from, offset, .. } => Body::Feed { from: Arc::clone(from), offset: offset + at, len },
    }
}

async fn off_the_runtime(work: impl FnOnce() -> Result<(), RegistryError> + Send + 'static) -> Result<(), RegistryError> {
    let interrupted = |_| RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted");
    tokio::task::spawn_blocking(work).await.map_err(interrupted)?
}
