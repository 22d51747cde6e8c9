//! Bringing everything one reference leads to into an OCI layout, every digest checked on the way. What is there
//! already stays, so that a pull that was cut goes on where it ended.

use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::closure::{fetch_closure, find, of_platform};
use super::error::{RegistryError, RegistryErrorKind};
use crate::core::oci::Descriptor;
use crate::core::{Algorithm, BoxFuture, Digest, PathError, Platform};
use crate::store::{Closure, Layout, LayoutWriter};

/// Blobs that travel at the same time.
const CONCURRENCY: usize = 4;

/// What was brought.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The layout.
    pub layout: Layout,
    /// Digest the reference resolved to.
    pub resolved: Digest,
    /// Root of the layout: the same, or the one platform's image that was asked for.
    pub root: Descriptor,
}

/// Brings what `selector` (a tag or digest) names in `path` into a new layout at `into`; with a platform, only that
/// platform's image of an index.
pub async fn pull(
    client: &Client,
    path: &str,
    selector: &str,
    platform: Option<&Platform>,
    into: &Path,
    cancel: &CancellationToken,
) -> Result<Pulled, RegistryError> {
    let found = find(client, path, selector, cancel).await?;
    let resolved = found.digest.clone();
    let root = match platform {
        Some(platform) => of_platform(client, path, found, platform, cancel).await?,
        None => found,
    };
    let closure = fetch_closure(client, path, root, cancel).await?;
    let layout = pull_closures(client, path, std::slice::from_ref(&closure), into, cancel).await?;
    Ok(Pulled { layout, resolved, root: closure.root })
}

/// Brings closures into one layout that lists their roots in this order.
pub async fn pull_closures(
    client: &Client,
    path: &str,
    closures: &[Closure],
    into: &Path,
    cancel: &CancellationToken,
) -> Result<Layout, RegistryError> {
    let manifests = || closures.iter().flat_map(|closure| &closure.manifests);
    if let Some((odd, _)) = manifests().find(|(descriptor, _)| descriptor.digest.algorithm() != Algorithm::Sha256) {
        let message = format!("{}/{path} {}: only images by sha256 can be stored", client.host(), odd.digest);
        return Err(RegistryError::new(RegistryErrorKind::Rejected, message));
    }
    let writer = LayoutWriter::create(into)?;
    for (_, manifest) in manifests() {
        writer.put_bytes(&manifest.media_type, &manifest.raw)?;
    }
    let mut transfers: Vec<BoxFuture<'_, Result<(), RegistryError>>> = Vec::new();
    for blob in closures.iter().flat_map(|closure| &closure.blobs) {
        transfers.push(Box::pin(pull_blob(client, path, blob, &writer, cancel)));
    }
    let mut transfers = futures_util::stream::iter(transfers).buffer_unordered(CONCURRENCY);
    while let Some(done) = transfers.next().await {
        done?;
    }
    drop(transfers);
    let roots: Vec<Descriptor> = closures.iter().map(|closure| closure.root.clone()).collect();
    Ok(writer.finish_with(&roots)?)
}

/// Streams one blob to disk, hashing; its size is what the manifest says, not a byte more.
async fn pull_blob(
    client: &Client,
    path: &str,
    blob: &Descriptor,
    writer: &LayoutWriter,
    cancel: &CancellationToken,
) -> Result<(), RegistryError> {
    let doing = || format!("fetch {} from {}/{path}", blob.digest.short(), client.host());
    if writer.has(&blob.digest) {
        return Ok(());
    }
    let budget = client.budget();
    loop {
        match stream_blob(client, path, blob, writer, cancel).await {
            // The answer had begun, so the ladder of requests was over: the budget decides about another beginning.
            Err(error) if error.kind == RegistryErrorKind::Unavailable && budget.take().is_some() => {}
            result => return result.map_err(|error| error.context(&doing())),
        }
    }
}

async fn stream_blob(
    client: &Client,
    path: &str,
    blob: &Descriptor,
    writer: &LayoutWriter,
    cancel: &CancellationToken,
) -> Result<(), RegistryError> {
    let local = |error: PathError| RegistryError::new(RegistryErrorKind::Source, error.to_string());
    let temporary = writer.path().join(format!(".fetching-{}", blob.digest.hex()));
    let mut response = client.get_blob(path, &blob.digest, cancel).await?;
    let mut file = crate::fs::create_private(&temporary).map_err(local)?;
    let mut hash = blob.digest.digester();
    let mut received = 0;
    while let Some(chunk) = response.chunk().await? {
        received += chunk.len() as u64;
        if received > blob.size {
            break;
        }
        hash.update(&chunk);
        // Pieces are small and go to the page cache.
        file.write_all(&chunk).map_err(PathError::at("write", &temporary)).map_err(local)?;
    }
    drop(file);
    let found = hash.finish();
    if received != blob.size || found != blob.digest {
        let message = format!("expected {} bytes of {}, but received {received} bytes of {found}", blob.size, blob.digest);
        return Err(
            RegistryError::new(RegistryErrorKind::Mismatch, message).hint("something between here and the registry changes content")
        );
    }
    writer.adopt(&temporary, &blob.digest)?;
    Ok(())
}
