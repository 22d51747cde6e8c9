//! Everything a reference leads to at a registry, by its manifests alone: no blob is fetched.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use super::client::{Access, Client};
use super::error::{RegistryError, RegistryErrorKind};
use super::manifests::Found;
use crate::core::oci::{Descriptor, Manifest, ManifestKind, media_type};
use crate::core::{BoxFuture, Digest, Platform};
use crate::store::Closure;

/// Manifests below one root, and their depth: the same bounds as the store's.
const MAX_MANIFESTS: usize = 10_000;
const MAX_DEPTH: usize = 8;

/// Referrers of one image that are followed, those of referrers included.
const MAX_REFERRERS: usize = 1000;

/// Tags under which tools put what belongs to a digest, where registries list no referrers (cosign 2).
const COMPANIONS: [&str; 3] = ["sig", "att", "sbom"];

/// What a tag or digest names, or an error that says what it is not found as.
pub async fn find(client: &Client, path: &str, selector: &str, cancel: &CancellationToken) -> Result<Found, RegistryError> {
    let whole = format!("{}/{path} {selector}", client.host());
    let not_found = || {
        RegistryError::new(RegistryErrorKind::NotFound, format!("{whole}: not found"))
            .hint("check the name; a private repository needs credentials to be seen")
    };
    client.get_manifest(path, selector, Access::Pull, cancel).await?.ok_or_else(not_found)
}

/// The image of a platform in an index; an image that is no index is what it is.
pub async fn of_platform(
    client: &Client,
    path: &str,
    found: Found,
    platform: &Platform,
    cancel: &CancellationToken,
) -> Result<Found, RegistryError> {
    if found.manifest.kind != ManifestKind::Index {
        return Ok(found);
    }
    let child = choose(&found, platform, &format!("{}/{path} {}", client.host(), found.digest.short()))?;
    find(client, path, child.digest.as_str(), cancel).await
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
    Err(RegistryError::new(RegistryErrorKind::NotFound, message).hint("name a platform it has"))
}

/// Reads the manifests below a root: children before the index that lists them, each once, and the blobs they need.
pub async fn fetch_closure(client: &Client, path: &str, root: Found, cancel: &CancellationToken) -> Result<Closure, RegistryError> {
    let described = Descriptor::new(&root.manifest.media_type, root.digest.clone(), root.manifest.raw.len() as u64);
    let mut walk = Walk { client, path, cancel, manifests: Vec::new(), blobs: Vec::new(), seen: HashSet::from([root.digest]) };
    walk.take(described.clone(), root.manifest, 0).await?;
    let size = walk.manifests.iter().map(|(_, manifest)| manifest.raw.len() as u64).chain(walk.blobs.iter().map(|blob| blob.size)).sum();
    Ok(Closure { root: described, manifests: walk.manifests, blobs: walk.blobs, size })
}

struct Walk<'a> {
    client: &'a Client,
    path: &'a str,
    cancel: &'a CancellationToken,
    manifests: Vec<(Descriptor, Manifest)>,
    blobs: Vec<Descriptor>,
    seen: HashSet<Digest>,
}

impl Walk<'_> {
    fn take(&mut self, descriptor: Descriptor, manifest: Manifest, depth: usize) -> BoxFuture<'_, Result<(), RegistryError>> {
        Box::pin(async move {
            let hostile =
                |what: &str| RegistryError::new(RegistryErrorKind::Protocol, format!("{}/{}: {what}", self.client.host(), self.path));
            if depth >= MAX_DEPTH || self.seen.len() > MAX_MANIFESTS {
                return Err(hostile("indexes are nested too deep or list too much"));
            }
            for blob in manifest.blobs() {
                if !media_type::is_foreign_layer(&blob.media_type) && self.seen.insert(blob.digest.clone()) {
                    self.blobs.push(blob.clone());
                }
            }
            for child in manifest.manifests.clone() {
                if !self.seen.insert(child.digest.clone()) {
                    continue;
                }
                let found = self.client.get_manifest(self.path, child.digest.as_str(), Access::Pull, self.cancel).await?;
                let Some(found) = found else {
                    let message = format!("{}/{}: {} is listed but not there", self.client.host(), self.path, child.digest);
                    return Err(RegistryError::new(RegistryErrorKind::Protocol, message));
                };
                self.take(child, found.manifest, depth + 1).await?;
            }
            self.manifests.push((descriptor, manifest));
            Ok(())
        })
    }
}

/// What refers to a closure's manifests at its registry, and to those in turn: subjects come before what refers to them.
pub async fn fetch_referrers(
    client: &Client,
    path: &str,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<Vec<Closure>, RegistryError> {
    let mut subjects: Vec<Digest> = closure.manifests.iter().map(|(descriptor, _)| descriptor.digest.clone()).collect();
    let mut known: HashSet<Digest> = subjects.iter().cloned().collect();
    let mut found = Vec::new();
    while let Some(subject) = subjects.pop() {
        for referrer in client.referrers(path, &subject, cancel).await?.manifests {
            if !known.insert(referrer.digest.clone()) {
                continue;
            }
            if found.len() >= MAX_REFERRERS {
                let message = format!("{}/{path}: more than {MAX_REFERRERS} referrers belong to {}", client.host(), closure.root.digest);
                return Err(RegistryError::new(RegistryErrorKind::Protocol, message));
            }
            let root = find(client, path, referrer.digest.as_str(), cancel).await?;
            found.push(fetch_closure(client, path, root, cancel).await?);
            subjects.push(referrer.digest);
        }
    }
    Ok(found)
}

/// What stands under tags that are made of a closure's digests, as signatures of older tools do: each with its tag.
pub async fn fetch_companions(
    client: &Client,
    path: &str,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<Vec<(String, Closure)>, RegistryError> {
    let mut found = Vec::new();
    for (descriptor, _) in &closure.manifests {
        for kind in COMPANIONS {
            let tag = format!("{}-{}.{kind}", descriptor.digest.algorithm().name(), descriptor.digest.hex());
            if let Some(root) = client.get_manifest(path, &tag, Access::Pull, cancel).await? {
                found.push((tag, fetch_closure(client, path, root, cancel).await?));
            }
        }
    }
    Ok(found)
}
