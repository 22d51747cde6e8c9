//! What refers to an artifact: signatures, attestations, SBOMs as manifests with a `subject`.

use tokio_util::sync::CancellationToken;

use super::Shared;
use super::evidence::Evidence;
use crate::core::{BoxFuture, Digest};
use crate::publish::{PlaceError, Placed};
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::transfer::push_closure;
use crate::store::{Closure, Layout};

/// The referrers of one image in one repository.
pub(super) struct Referrers(pub(super) Shared);

impl Evidence for Referrers {
    fn shared(&self) -> &Shared {
        &self.0
    }

    fn kind(&self) -> &'static str {
        "referrers"
    }

    fn digests(&self) -> Vec<Digest> {
        self.0.image.referrers.clone()
    }

    fn expected(&self) -> String {
        format!("{} referrers", self.0.image.referrers.len())
    }

    fn missing<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>, PlaceError>> {
        Box::pin(async move { Ok(self.absent(cancel).await?) })
    }

    fn place<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Placed, RegistryError>> {
        Box::pin(self.placed(cancel))
    }
}

impl Referrers {
    /// What refers, each with everything it leads to, read off the runtime's threads.
    async fn closures(&self) -> Result<(Layout, Vec<Closure>), RegistryError> {
        let image = std::sync::Arc::clone(&self.0.image);
        let read = tokio::task::spawn_blocking(move || {
            let layout = Layout::open(&image.layout)?;
            let closures = image.referrers.iter().map(|digest| layout.closure_unhashed(digest)).collect::<Result<_, _>>()?;
            Ok((layout, closures))
        });
        read.await.unwrap_or_else(|_| Err(RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")))
    }

    /// Referrers that are not there, or not listed among what refers to their subject.
    async fn absent(&self, cancel: &CancellationToken) -> Result<Vec<String>, RegistryError> {
        let Shared { client, path, .. } = &self.0;
        let (_, closures) = self.closures().await?;
        let mut missing = Vec::new();
        for closure in &closures {
            let digest = &closure.root.digest;
            if client.head_manifest(path, digest.as_str(), Access::Push, cancel).await?.is_none() {
                missing.push(digest.short().to_owned());
                continue;
            }
            for blob in &closure.blobs {
                if !client.has_blob(path, &blob.digest, Access::Push, cancel).await? {
                    missing.push(blob.digest.short().to_owned());
                }
            }
            let subject = closure.root_manifest().and_then(|manifest| manifest.subject.as_ref());
            if let Some(subject) = subject
                && !self.is_listed(&subject.digest, digest, cancel).await?
            {
                missing.push(format!("{} among what refers to {}", digest.short(), subject.digest.short()));
            }
        }
        Ok(missing)
    }

    async fn is_listed(&self, subject: &Digest, referrer: &Digest, cancel: &CancellationToken) -> Result<bool, RegistryError> {
        let listed = self.0.client.referrers(&self.0.path, subject, cancel).await?;
        Ok(listed.manifests.iter().any(|entry| entry.digest == *referrer))
    }

    async fn placed(&self, cancel: &CancellationToken) -> Result<Placed, RegistryError> {
        let Shared { registries, client, path, .. } = &self.0;
        let (layout, closures) = self.closures().await?;
        let mut placed = Placed::default();
        for closure in &closures {
            let report = push_closure(client, registries.work(), path, &layout, closure, cancel).await?;
            placed.sent += report.sent;
            placed.reused += report.reused;
            placed.writes += report.writes;
        }
        Ok(placed)
    }
}
