//! Adapters of remotes from registries: the implementation of `remote`'s port. An adapter is an artifact with one layer,
//! which is the file; an index holds one per platform.

use std::io::Write as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::closure::{find, of_platform};
use super::registries::Registries;
use crate::core::{BoxFuture, PathError, Platform, Reference};
use crate::error::{Error, Result};
use crate::fs;
use crate::remote::AdapterSource;

/// The most an adapter may weigh, in bytes.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Brings adapters from the registries of this run.
#[derive(Debug, Clone)]
pub struct RegistryAdapters {
    registries: Registries,
}

impl RegistryAdapters {
    /// From the hosts of this run.
    pub fn new(registries: Registries) -> Self {
        Self { registries }
    }

    async fn bring(&self, reference: &str, platform: &Platform, into: &Path, cancel: &CancellationToken) -> Result<String> {
        let parsed: Reference =
            reference.parse().map_err(|error| Error::usage(format!("`{reference}` is no reference")).because(&error))?;
        let repository = &parsed.repository;
        let failed = |error: super::RegistryError| Error::from(error).context(format!("cannot fetch adapter {reference}"));
        let client = self.registries.client(&repository.host)?;
        let found = find(&client, &repository.path, &parsed.selector(), cancel).await.map_err(failed)?;
        let resolved = found.digest.to_string();
        let found = of_platform(&client, &repository.path, found, platform, cancel).await.map_err(failed)?;
        let layers = &found.manifest.layers;
        let [layer] = layers.as_slice() else {
            return Err(Error::failed(format!(
                "{reference} has {} layers; an adapter is an artifact with one, which is its file",
                layers.len()
            ))
            .hint("push it with `oras push`, as an artifact with one file"));
        };
        if layer.size > MAX_BYTES {
            return Err(Error::failed(format!("adapter {reference} is larger than {}", crate::core::ByteSize(MAX_BYTES))));
        }
        let mut response = client.get_blob(&repository.path, &layer.digest, cancel).await.map_err(failed)?;
        let mut hash = layer.digest.digester();
        let mut file = fs::create_new(into)?;
        let mut size = 0;
        while let Some(piece) =
            response.chunk().await.map_err(|error| Error::failed(format!("cannot fetch adapter {reference}")).because(&error))?
        {
            size += piece.len() as u64;
            if size > layer.size {
                break;
            }
            hash.update(&piece);
            file.write_all(&piece).map_err(PathError::at("write", into))?;
        }
        if size != layer.size || hash.finish() != layer.digest {
            return Err(
                Error::failed(format!("adapter {reference} did not arrive as its manifest says")).hint("nothing was installed; try again")
            );
        }
        file.sync_all().map_err(PathError::at("make durable", into))?;
        Ok(resolved)
    }
}

impl AdapterSource for RegistryAdapters {
    fn kind(&self) -> &'static str {
        "oci"
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a str,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move { self.bring(reference, platform, into, cancel).await.map(Some) })
    }
}
