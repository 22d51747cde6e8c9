//! Base images from the content store: what an earlier build of this pipeline made, named by digest.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::port::{BaseImage, BaseImages};
use crate::core::oci::{Descriptor, DescriptorPlatform, ManifestKind};
use crate::core::{BoxFuture, Platform, Reference};
use crate::error::{Error, Result};
use crate::store::ContentStore;

/// Looks references with a digest up in the content store. Knows nothing of tags: those are a registry's.
#[derive(Debug, Clone)]
pub struct StoredBaseImages {
    store: ContentStore,
}

impl StoredBaseImages {
    /// From this store.
    pub fn new(store: ContentStore) -> Self {
        Self { store }
    }

    fn find(&self, reference: &Reference, platform: &Platform) -> Result<BaseImage> {
        let absent = || {
            Error::missing(format!("the content store does not hold {reference}")).hint("build it first, or name it by a registry's tag")
        };
        let digest = reference.digest.clone().ok_or_else(absent)?;
        let (layout, _) =
            self.store.resolve_complete(&digest).map_err(|error| if error.is_not_found() { absent() } else { error.into() })?;
        let root = layout.read_manifest(&digest)?;
        let manifest = match root.kind {
            ManifestKind::Image => digest.clone(),
            ManifestKind::Index => {
                let fits = |entry: &&Descriptor| entry.platform.as_ref().and_then(DescriptorPlatform::platform).as_ref() == Some(platform);
                let entry = root.manifests.iter().find(fits);
                entry.map(|entry| entry.digest.clone()).ok_or_else(|| Error::missing(format!("{reference} has no image for {platform}")))?
            }
        };
        Ok(BaseImage { layout: layout.path().to_owned(), manifest, resolved: digest })
    }
}

impl BaseImages for StoredBaseImages {
    fn fetch<'a>(
        &'a self,
        reference: &'a Reference,
        platform: &'a Platform,
        _into: &'a Path,
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<BaseImage>> {
        let (this, reference, platform) = (self.clone(), reference.clone(), platform.clone());
        Box::pin(async move {
            // Hashing the whole image blocks.
            let found = tokio::task::spawn_blocking(move || this.find(&reference, &platform)).await;
            found.map_err(|error| Error::failed("cannot read the content store").because(&error))?
        })
    }
}
