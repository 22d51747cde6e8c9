//! Attestations under tags made of their subjects' digests.

use tokio_util::sync::CancellationToken;

use super::Shared;
use super::evidence::Evidence;
use crate::core::{BoxFuture, Digest};
use crate::publish::{PlaceError, PlaceErrorKind, Placed};
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::transfer::{Held, attest_under_tag, held};
use crate::store::{Closure, Layout};

/// The attestations of one image in one repository.
pub(super) struct AttestationTags(pub(super) Shared);

impl Evidence for AttestationTags {
    fn shared(&self) -> &Shared {
        &self.0
    }

    fn kind(&self) -> &'static str {
        "attestations"
    }

    fn digests(&self) -> Vec<Digest> {
        self.0.image.attestation_tags.iter().map(|(_, digest)| digest.clone()).collect()
    }

    fn expected(&self) -> String {
        format!("attestations under {} tags", self.0.image.attestation_tags.len())
    }

    fn missing<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>, PlaceError>> {
        Box::pin(self.absent(cancel))
    }

    fn place<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Placed, RegistryError>> {
        Box::pin(self.placed(cancel))
    }
}

impl AttestationTags {
    /// The tags, each with its manifest and the statements, read off the runtime's threads.
    async fn closures(&self) -> Result<(Layout, Vec<(String, Closure)>), RegistryError> {
        let image = std::sync::Arc::clone(&self.0.image);
        let read = tokio::task::spawn_blocking(move || {
            let layout = Layout::open(&image.layout)?;
            let closure = |(tag, digest): &(String, _)| Ok::<_, RegistryError>((tag.clone(), layout.closure_unhashed(digest)?));
            let closures = image.attestation_tags.iter().map(closure).collect::<Result<_, _>>()?;
            Ok((layout, closures))
        });
        read.await.unwrap_or_else(|_| Err(RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")))
    }

    /// Tags under which not all of ours is.
    async fn absent(&self, cancel: &CancellationToken) -> Result<Vec<String>, PlaceError> {
        let Shared { client, path, .. } = &self.0;
        let (_, closures) = self.closures().await?;
        let mut missing = Vec::new();
        for (tag, closure) in &closures {
            let found = client.get_manifest(path, tag, Access::Push, cancel).await?;
            let state = found.as_ref().zip(closure.root_manifest()).map(|(found, ours)| held(&found.manifest, ours));
            match state {
                Some(Held::Foreign) => {
                    let found = found.map_or_else(String::new, |found| found.digest.to_string());
                    return Err(PlaceError {
                        kind: PlaceErrorKind::Conflict,
                        message: format!("{}/{path}:{tag} holds {found}, which is of another kind than our attestations", client.host()),
                        hint: Some("publish them as referrers there: `attestations: referrers`".to_owned()),
                    });
                }
                Some(Held::Others) | None => missing.push(tag.clone()),
                Some(Held::Ours) => {
                    for blob in &closure.blobs {
                        if !client.has_blob(path, &blob.digest, Access::Push, cancel).await? {
                            missing.push(blob.digest.short().to_owned());
                        }
                    }
                }
            }
        }
        Ok(missing)
    }

    async fn placed(&self, cancel: &CancellationToken) -> Result<Placed, RegistryError> {
        let Shared { registries, client, path, .. } = &self.0;
        let (layout, closures) = self.closures().await?;
        let mut placed = Placed::default();
        for (tag, closure) in &closures {
            let report = attest_under_tag(client, registries.work(), path, &layout, (tag.as_str(), closure), cancel).await?;
            placed.sent += report.sent;
            placed.reused += report.reused;
            placed.writes += report.writes;
        }
        Ok(placed)
    }
}
