//! Bringing everything one reference leads to into an OCI layout, every digest checked on the way.

use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::client::{Access, Client};
use super::error::{RegistryError, RegistryErrorKind};
use super::manifests::Found;
use crate::core::oci::{Descriptor, ManifestKind, media_type};
use crate::core::{Algorithm, BoxFuture, Digest, PathError, Platform};
use crate::store::{Layout, LayoutWriter};

/// Blobs that travel at the same time.
const CONCURRENCY: usize = 4;

/// Manifests below one root, and their depth: the same bounds as the store's.
const MAX_MANIFESTS: usize = 10_000;
const MAX_DEPTH: usize = 8;

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
    let whole = format!("{}/{path} {selector}", client.host());
    let not_found = || {
        RegistryError::new(RegistryErrorKind::NotFound, format!("{whole}: not found"))
            .hint("check the name; a private repository needs credentials to be seen")
    };
    let found = client.get_manifest(path, selector, Access::Pull, cancel).await?.ok_or_else(not_found)?;
    let resolved = found.digest.clone();
    let root = match platform {
        Some(platform) if found.manifest.kind == ManifestKind::Index => {
            let child = choose(&found, platform, &whole)?;
            client.get_manifest(path, child.digest.as_str(), Access::Pull, cancel).await?.ok_or_else(not_found)?
        }
        _ => found,
    };
    if root.digest.algorithm() != Algorithm::Sha256 {
        return Err(RegistryError::new(RegistryErrorKind::Rejected, format!("{whole}: only images by sha256 can be stored")));
    }
    let descriptor = root.manifest.descriptor();
    let writer = LayoutWriter::create(into)?;
    let blobs = pull_manifests(client, path, root, &writer, cancel).await?;
    let mut transfers: Vec<BoxFuture<'_, Result<(), RegistryError>>> = Vec::with_capacity(blobs.len());
    for blob in &blobs {
        transfers.push(Box::pin(pull_blob(client, path, blob, &writer, cancel)));
    }
    let mut transfers = futures_util::stream::iter(transfers).buffer_unordered(CONCURRENCY);
    while let Some(done) = transfers.next().await {
        done?;
    }
    drop(transfers);
    let layout = writer.finish(&descriptor)?;
    Ok(Pulled { layout, resolved, root: descriptor })
}

/// The image of a platform in an index.
fn choose<'a>(index: &'a Found, platform: &Platform, whole: &str) -> Result<&'a Descriptor, RegistryError> {
    let offered: Vec<(Platform, &Descriptor)> =
        index.manifest.manifests.iter().filter_map(|child| Some((child.platform.as_ref()?.platform()?, child))).collect();
    let exact = offered.iter().find(|(offer, _)| offer == platform);
    // An index that offers one variant of the architecture offers the one that is meant.
    let close = offered.iter().find(|(offer, _)| platform.variant.is_none() && offer.os == platform.os && offer.arch == platform.arch);
    if let Some((_, child)) = exact.or(close) {
        return Ok(child);
    }
    let offered: Vec<String> = offered.iter().map(|(offer, _)| offer.to_string()).collect();
    let message = format!("{whole} has no image for {platform}; it has {}", offered.join(", "));
    Err(RegistryError::new(RegistryErrorKind::NotFound, message).hint("build for a platform the base image has"))
}

/// Brings the manifests and tells which blobs they need, each once.
async fn pull_manifests(
    client: &Client,
    path: &str,
    root: Found,
    writer: &LayoutWriter,
    cancel: &CancellationToken,
) -> Result<Vec<Descriptor>, RegistryError> {
    let hostile = |what: &str| RegistryError::new(RegistryErrorKind::Protocol, format!("{}/{path}: {what}", client.host()));
    let mut blobs: Vec<Descriptor> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut pending = vec![(root, 0)];
    while let Some((found, depth)) = pending.pop() {
        writer.put_bytes(&found.manifest.media_type, &found.manifest.raw)?;
        for blob in found.manifest.blobs() {
            if !media_type::is_foreign_layer(&blob.media_type) && seen.insert(blob.digest.clone()) {
                blobs.push(blob.clone());
            }
        }
        for child in &found.manifest.manifests {
            if depth + 1 >= MAX_DEPTH || seen.len() > MAX_MANIFESTS {
                return Err(hostile("indexes are nested too deep or list too much"));
            }
            if !seen.insert(child.digest.clone()) {
                continue;
            }
            let missing = || hostile(&format!("{} is listed but not there", child.digest));
            let found = client.get_manifest(path, child.digest.as_str(), Access::Pull, cancel).await?.ok_or_else(missing)?;
            pending.push((found, depth + 1));
        }
    }
    Ok(blobs)
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
