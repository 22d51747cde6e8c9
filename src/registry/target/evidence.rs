//! The step that brings what refers to an artifact: signatures, attestations, SBOMs as manifests with a `subject`.

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::core::{BoxFuture, Digest};
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::transfer::push_closure;
use crate::store::{Closure, Layout};

/// Name of a step that brings evidence of these digests. What was completed for one image need not be complete for the
/// same image with other evidence, so both are in it.
pub(super) fn name(kind: &str, shared: &Shared, evidence: &[Digest]) -> StepName {
    let all: Vec<&str> = evidence.iter().map(Digest::as_str).collect();
    let mark = Digest::of(all.join("\n").as_bytes()).hex()[..12].to_owned();
    StepName(format!("{kind}:{}/{}@{}+{mark}", shared.client.host(), shared.path, shared.artifact.digest))
}

/// After the bytes, because some registries want a subject before what refers to it; before every name, so that whoever
/// sees the tag finds the evidence.
pub(super) struct EvidenceStep {
    shared: Shared,
    name: StepName,
    needs: [StepName; 1],
}

impl EvidenceStep {
    pub(super) fn new(shared: Shared, bytes: StepName) -> Self {
        let name = name("referrers", &shared, &shared.image.referrers);
        Self { shared, name, needs: [bytes] }
    }

    /// What refers, each with everything it leads to, read off the runtime's threads.
    async fn closures(&self) -> Result<(Layout, Vec<Closure>), RegistryError> {
        let image = std::sync::Arc::clone(&self.shared.image);
        let read = tokio::task::spawn_blocking(move || {
            let layout = Layout::open(&image.layout)?;
            let closures = image.referrers.iter().map(|digest| layout.closure_unhashed(digest)).collect::<Result<_, _>>()?;
            Ok((layout, closures))
        });
        read.await.unwrap_or_else(|_| Err(RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")))
    }

    /// Referrers that are not there, or not listed among what refers to their subject.
    async fn missing(&self, cancel: &CancellationToken) -> Result<Vec<String>, RegistryError> {
        let Shared { client, path, .. } = &self.shared;
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
        let listed = self.shared.client.referrers(&self.shared.path, subject, cancel).await?;
        Ok(listed.manifests.iter().any(|entry| entry.digest == *referrer))
    }

    async fn placed(&self, cancel: &CancellationToken) -> Result<Placed, RegistryError> {
        let Shared { registries, client, path, .. } = &self.shared;
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

impl Step for EvidenceStep {
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
            // The bytes step has just found every tag in place, which are set after this step.
            if cx.completed.contains(&self.name.0) && self.shared.looks.is_in_place() {
                return Observation::Complete { digest: None };
            }
            match self.missing(&cx.cancel).await {
                Ok(missing) if missing.is_empty() => Observation::Complete { digest: None },
                Ok(missing) => Observation::Partial { missing: missing.join(", ") },
                Err(error) => Observation::Unknown(error.into()),
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
                    let expected = format!("{} referrers", self.shared.image.referrers.len());
                    Err(VerifyError::Mismatch { expected, found: format!("all but {}", missing.join(", ")) })
                }
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}
