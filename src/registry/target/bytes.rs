//! The step that brings an artifact's bytes into one repository, by digest and without a name.

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::core::oci::{Descriptor, media_type};
use crate::core::{BoxFuture, Digest};
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::transfer::push_closure;
use crate::store::{Closure, Layout};

/// Questions asked at the same time.
const CONCURRENCY: usize = 4;

pub(super) struct BytesStep {
    shared: Shared,
    name: StepName,
}

impl BytesStep {
    pub(super) fn new(shared: Shared) -> Self {
        let name = StepName(format!("bytes:{}/{}@{}", shared.client.host(), shared.path, shared.artifact.digest));
        Self { shared, name }
    }

    /// The layout and what its root leads to, read off the runtime's threads.
    async fn closure(&self) -> Result<(Layout, Closure), RegistryError> {
        let (path, digest) = (self.shared.image.layout.clone(), self.shared.artifact.digest.clone());
        let read = tokio::task::spawn_blocking(move || {
            let layout = Layout::open(&path)?;
            let closure = layout.closure_unhashed(&digest)?;
            Ok((layout, closure))
        });
        read.await.unwrap_or_else(|_| Err(RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")))
    }

    /// Every tag of the artifact here names it, and an earlier run brought and read back its bytes: nothing will be
    /// written, so nothing more needs to be known. One request per tag, and the tag steps use the answers. A registry
    /// that has lost bytes since is `verify`'s business, and `--deep`'s. With anything left to write the bytes are asked
    /// for one by one: no tag is set whose closure is not there.
    async fn all_in_place(&self, cx: &Cx) -> Result<bool, RegistryError> {
        let Shared { client, path, artifact, looks, .. } = &self.shared;
        if !cx.completed.contains(&self.name.0) {
            return Ok(false);
        }
        let tags: Vec<String> = artifact
            .destinations
            .iter()
            .filter(|destination| destination.path == *path)
            .map(|destination| destination.tag.clone())
            .collect();
        let questions = tags.iter().map(|tag| client.head_manifest(path, tag, Access::Push, &cx.cancel));
        let answers = futures_util::future::try_join_all(questions).await?;
        let in_place = answers.iter().all(|held| held.as_ref() == Some(&artifact.digest));
        if in_place {
            looks.all_in_place(tags, &artifact.digest);
        }
        Ok(in_place)
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, RegistryError> {
        let Shared { client, path, artifact, .. } = &self.shared;
        let cancel = &cx.cancel;
        if self.all_in_place(cx).await? {
            return Ok(Observation::Complete { digest: Some(artifact.digest.clone()) });
        }
        let root = client.head_manifest(path, artifact.digest.as_str(), Access::Push, cancel).await?;
        let Some(found) = root else { return Ok(Observation::Absent) };
        if found != artifact.digest {
            let message = format!("{}/{path} answers {found} when asked for {}", client.host(), artifact.digest);
            return Err(RegistryError::new(RegistryErrorKind::Mismatch, message));
        }
        // A registry may hold a manifest whose blobs are gone (clean-up that went wrong, a copy that was cut short).
        let (_, closure) = self.closure().await?;
        let mut questions: Vec<BoxFuture<'_, Result<Option<String>, RegistryError>>> = Vec::new();
        for (descriptor, manifest) in &closure.manifests {
            if descriptor.digest != artifact.digest {
                questions.push(Box::pin(self.manifest_missing(descriptor, cancel)));
            }
            if let Some(subject) = &manifest.subject {
                questions.push(Box::pin(self.listing_missing(&subject.digest, &descriptor.digest, cancel)));
            }
        }
        for blob in closure.blobs.iter().filter(|blob| !media_type::is_foreign_layer(&blob.media_type)) {
            questions.push(Box::pin(self.blob_missing(blob, cancel)));
        }
        let mut answers = futures_util::stream::iter(questions).buffer_unordered(CONCURRENCY);
        let mut missing = Vec::new();
        while let Some(answer) = answers.next().await {
            missing.extend(answer?);
        }
        missing.sort();
        if missing.is_empty() {
            return Ok(Observation::Complete { digest: Some(found) });
        }
        Ok(Observation::Partial { missing: missing.join(", ") })
    }

    async fn manifest_missing(&self, descriptor: &Descriptor, cancel: &CancellationToken) -> Result<Option<String>, RegistryError> {
        let Shared { client, path, .. } = &self.shared;
        let held = client.head_manifest(path, descriptor.digest.as_str(), Access::Push, cancel).await?;
        Ok(held.is_none().then(|| descriptor.digest.short().to_owned()))
    }

    /// A manifest with a subject is only found by those who look for it when it is listed among the subject's referrers.
    async fn listing_missing(
        &self,
        subject: &Digest,
        referrer: &Digest,
        cancel: &CancellationToken,
    ) -> Result<Option<String>, RegistryError> {
        let Shared { client, path, .. } = &self.shared;
        let listed = client.referrers(path, subject, cancel).await?.manifests.iter().any(|entry| entry.digest == *referrer);
        Ok((!listed).then(|| format!("{} among what refers to {}", referrer.short(), subject.short())))
    }

    async fn blob_missing(&self, descriptor: &Descriptor, cancel: &CancellationToken) -> Result<Option<String>, RegistryError> {
        let Shared { client, path, .. } = &self.shared;
        let held = client.has_blob(path, &descriptor.digest, Access::Push, cancel).await?;
        Ok((!held).then(|| descriptor.digest.short().to_owned()))
    }

    async fn placed(&self, cancel: &CancellationToken) -> Result<Placed, RegistryError> {
        let Shared { registries, client, path, artifact, .. } = &self.shared;
        let (layout, closure) = self.closure().await?;
        let report = push_closure(client, registries.work(), path, &layout, &closure, cancel).await?;
        Ok(Placed {
            digest: Some(artifact.digest.clone()),
            sent: report.sent,
            reused: report.reused,
            writes: report.writes,
            ..Placed::default()
        })
    }
}

impl Step for BytesStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Bytes
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        None
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(&cx.cancel).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        let Shared { client, path, artifact, .. } = &self.shared;
        Box::pin(async move {
            // The bytes are hashed as they arrive: an answer other than an error is the digest asked for.
            match client.get_manifest(path, artifact.digest.as_str(), Access::Push, &cx.cancel).await {
                Ok(Some(found)) => Ok(Verified { digest: Some(found.digest), by: super::tag::READ_BY.to_owned() }),
                Ok(None) => Err(VerifyError::Mismatch { expected: artifact.digest.to_string(), found: "nothing".to_owned() }),
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}
