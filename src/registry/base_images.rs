//! Base images from registries: the implementation of `build`'s port.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::error::RegistryErrorKind;
use super::pull::pull;
use super::registries::Registries;
use crate::build::{BaseImage, BaseImages};
use crate::core::{BoxFuture, Platform, Reference};
use crate::error::{Error, Result};

/// Pulls base images, one platform each.
#[derive(Debug, Clone)]
pub struct RegistryBaseImages {
    registries: Registries,
}

impl RegistryBaseImages {
    /// From the hosts of this run.
    pub fn new(registries: Registries) -> Self {
        Self { registries }
    }
}

impl BaseImages for RegistryBaseImages {
    fn fetch<'a>(
        &'a self,
        reference: &'a Reference,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<BaseImage>> {
        Box::pin(async move {
            let repository = &reference.repository;
            let selector = reference.selector();
            let mut pulled = None;
            // Whatever a mirror does not have, or cannot do, the host itself is asked for.
            for (at, mirror) in self.registries.spec(&repository.host).mirrors.into_iter().enumerate() {
                let begun = into.join(format!("mirror-{at}"));
                let Ok(client) = self.registries.client(&mirror) else { continue };
                match pull(&client, &repository.path, &selector, Some(platform), &begun, cancel).await {
                    Ok(found) => {
                        pulled = Some(found);
                        break;
                    }
                    Err(error) if error.kind == RegistryErrorKind::Cancelled => return Err(error.into()),
                    Err(error) => client.events().detail(format!("mirror {mirror} does not serve {reference}: {error}")),
                }
            }
            let pulled = if let Some(pulled) = pulled {
                pulled
            } else {
                let client = self.registries.client(&repository.host)?;
                let pulled = pull(&client, &repository.path, &selector, Some(platform), into, cancel).await;
                pulled.map_err(|error| Error::from(error).context(format!("cannot pull base image {reference}")))?
            };
            Ok(BaseImage { layout: pulled.layout.path().to_owned(), manifest: pulled.root.digest, resolved: pulled.resolved })
        })
    }
}
