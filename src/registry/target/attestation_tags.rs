//! The step that brings attestations to tags made of their subjects' digests.

use tokio_util::sync::CancellationToken;

use super::Shared;
use super::evidence::name;
use crate::core::BoxFuture;
use crate::publish::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::transfer::{Held, attest_under_tag, held};
use crate::store::{Closure, Layout};

/// After the bytes and before every name, as referrers are.
pub(super) struct AttestationTagsStep {
    shared: Shared,
    name: StepName,
    needs: [StepName; 1],
}

impl AttestationTagsStep {
    pub(super) fn new(shared: Shared, bytes: StepName) -> Self {
        let digests: Vec<_> = shared.image.attestation_tags.iter().map(|(_, digest)| digest.clone()).collect();
        Self { name: name("attestations", &shared, &digests), shared, needs: [bytes] }
    }

    /// The tags, each with its manifest and the statements, read off the runtime's threads.
    async fn closures(&self) -> Result<(Layout, Vec<(String, Closure)>), RegistryError> {
        let image = std::sync::Arc::clone(&self.shared.image);
        let read = tokio::task::spawn_blocking(move || {
            let layout = Layout::open(&image.layout)?;
            let closure = |(tag, digest): &(String, _)| Ok::<_, RegistryError>((tag.clone(), layout.closure_unhashed(digest)?));
            let closures = image.attestation_tags.iter().map(closure).collect::<Result<_, _>>()?;
            Ok((layout, closures))
        });
        read.await.unwrap_or_else(|_| Err(RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")))
    }

    /// Tags under which not all of ours is.
    async fn missing(&self, cancel: &CancellationToken) -> Result<Vec<String>, PlaceError> {
        let Shared { client, path, .. } = &self.shared;
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
        let Shared { registries, client, path, .. } = &self.shared;
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

impl Step for AttestationTagsStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Evidence
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        None
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move {
            // The bytes step has just found every tag of the image in place, which are set after this step.
            if cx.completed.contains(&self.name.0) && self.shared.looks.is_in_place() {
                return Observation::Complete { digest: None };
            }
            match self.missing(&cx.cancel).await {
                Ok(missing) if missing.is_empty() => Observation::Complete { digest: None },
                Ok(missing) => Observation::Partial { missing: missing.join(", ") },
                Err(error) => Observation::Unknown(error),
            }
        })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(&cx.cancel).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.missing(&cx.cancel).await {
                Ok(missing) if missing.is_empty() => Ok(Verified { digest: None, by: super::tag::READ_BY.to_owned() }),
                Ok(missing) => {
                    let expected = format!("attestations under {} tags", self.shared.image.attestation_tags.len());
                    Err(VerifyError::Mismatch { expected, found: format!("all but {}", missing.join(", ")) })
                }
                Err(error) => Err(VerifyError::Unreadable(error)),
            }
        })
    }
}
