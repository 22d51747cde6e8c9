//! Where the bytes of a closure are: in a layout on disk, or at a registry, from which they pass through without
//! touching the disk.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use crate::core::BoxFuture;
use crate::core::oci::Descriptor;
use crate::http::{Feed, StatusCode};
use crate::registry::client::Client;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// Pieces on their way between two connections: enough that neither waits for the other's every piece.
const PIECES: usize = 4;

/// Where the bytes of a closure are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// In a layout.
    Layout(Layout),
    /// In a repository.
    Registry {
        /// Its host.
        client: Arc<Client>,
        /// Its path.
        path: String,
    },
}

/// A blob of a registry as a body. A connection that breaks is taken up again where it broke.
#[derive(Debug, Clone)]
pub(super) struct RemoteBlob {
    pub client: Arc<Client>,
    pub path: String,
    pub blob: Descriptor,
}

impl Feed for RemoteBlob {
    fn open(&self, offset: u64, len: u64) -> BoxFuture<'static, io::Result<Receiver<io::Result<Bytes>>>> {
        let blob = self.clone();
        Box::pin(async move {
            let (sender, receiver) = channel(PIECES);
            // Ends by itself when whoever reads is gone.
            tokio::spawn(async move {
                let cancel = CancellationToken::new();
                let _stop_with_us = cancel.clone().drop_guard();
                if let Err(error) = blob.deliver(offset, len, &sender, &cancel).await {
                    let _nobody_listens = sender.send(Err(io::Error::other(error.message))).await;
                }
            });
            Ok(receiver)
        })
    }
}

impl RemoteBlob {
    async fn deliver(
        &self,
        offset: u64,
        len: u64,
        sender: &Sender<io::Result<Bytes>>,
        cancel: &CancellationToken,
    ) -> Result<(), RegistryError> {
        let budget = self.client.budget();
        let mut at = offset;
        let end = offset + len;
        while at < end {
            let before = at;
            match self.deliver_from(&mut at, end, sender, cancel).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) if error.kind == RegistryErrorKind::Unavailable && (at > before || budget.spend(cancel).await) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One answer's worth. `false`: nobody wants more.
    async fn deliver_from(
        &self,
        at: &mut u64,
        end: u64,
        sender: &Sender<io::Result<Bytes>>,
        cancel: &CancellationToken,
    ) -> Result<bool, RegistryError> {
        let mut response = self.client.get_blob_from(&self.path, &self.blob.digest, *at, cancel).await?;
        // A registry that knows no ranges begins anew.
        let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { *at };
        while let Some(mut piece) = response.chunk().await? {
            let skipped = skip.min(piece.len() as u64);
            skip -= skipped;
            // Both are at most the piece's length.
            let mut piece = piece.split_off(usize::try_from(skipped).unwrap_or(usize::MAX));
            piece.truncate(usize::try_from(end - *at).unwrap_or(usize::MAX));
            if piece.is_empty() {
                continue;
            }
            *at += piece.len() as u64;
            if sender.send(Ok(piece)).await.is_err() {
                return Ok(false);
            }
            if *at == end {
                return Ok(true);
            }
        }
        let message = format!("{} of {}/{} ends {} bytes early", self.blob.digest.short(), self.client.host(), self.path, end - *at);
        Err(RegistryError::new(RegistryErrorKind::Unavailable, message))
    }

    /// Does what the registry sends hash to its digest?
    pub async fn check_digest(&self, cancel: &CancellationToken) -> Result<(), RegistryError> {
        let mut response = self.client.get_blob(&self.path, &self.blob.digest, cancel).await?;
        let mut hash = self.blob.digest.digester();
        while let Some(piece) = response.chunk().await? {
            hash.update(&piece);
        }
        match hash.finish() {
            found if found == self.blob.digest => Ok(()),
            found => {
                let message = format!("{}/{} sends {found} for {}", self.client.host(), self.path, self.blob.digest);
                Err(RegistryError::new(RegistryErrorKind::Mismatch, message).hint("what is there is damaged; copy it from elsewhere"))
            }
        }
    }
}
