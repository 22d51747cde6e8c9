//! What a destination holds, read without having the bytes.

use std::collections::{BTreeSet, HashSet};

use tokio_util::sync::CancellationToken;

use crate::core::Digest;
use crate::core::oci::{Manifest, media_type};
use crate::manifest::{Derived, Destination};
use crate::publish::{Depth, Reading};
use crate::registry::about::About;
use crate::registry::client::{Access, Client};
use crate::registry::error::{RegistryError, RegistryErrorKind};

/// Reads a destination as deep as is asked.
pub(super) async fn read(
    client: &Client,
    destination: &Destination,
    depth: Depth,
    cancel: &CancellationToken,
) -> Result<Reading, RegistryError> {
    let Destination { path, tag, .. } = destination;
    if depth == Depth::Name {
        let digest = client.head_manifest(path, tag, Access::Pull, cancel).await?;
        return Ok(Reading { digest, ..Reading::default() });
    }
    let Some(found) = client.get_manifest(path, tag, Access::Pull, cancel).await? else { return Ok(Reading::default()) };
    let mut reading = Reading { digest: Some(found.digest.clone()), ..Reading::default() };
    if depth == Depth::Closure {
        reading.missing = first_missing(client, path, &found.manifest, cancel).await?;
        // What belongs to ours is asked for where ours is.
        let derived = destination.derived.as_ref().filter(|_| found.digest.as_str() == destination.digest);
        if let (None, Some(derived)) = (&reading.missing, derived) {
            reading.missing = first_missing_attestation(client, path, derived, cancel).await?;
        }
    }
    // An incomplete image cannot always tell about itself; that it is incomplete is the news.
    match About::fetch(client, path, &found, cancel).await {
        Ok(About { revision, version, created }) => Ok(Reading { revision, version, created, ..reading }),
        Err(error) if error.kind == RegistryErrorKind::NotFound && depth == Depth::Closure => Ok(reading),
        Err(error) => Err(error),
    }
}

/// The first thing that should be reachable from a manifest and is not there, with one HEAD per blob.
async fn first_missing(client: &Client, path: &str, root: &Manifest, cancel: &CancellationToken) -> Result<Option<String>, RegistryError> {
    let mut pending = vec![root.clone()];
    let mut seen = HashSet::new();
    while let Some(manifest) = pending.pop() {
        for blob in manifest.blobs().filter(|blob| !media_type::is_foreign_layer(&blob.media_type)) {
            if seen.insert(blob.digest.clone()) && !client.has_blob(path, &blob.digest, Access::Pull, cancel).await? {
                return Ok(Some(format!("blob {}", blob.digest)));
            }
        }
        for child in &manifest.manifests {
            if !seen.insert(child.digest.clone()) {
                continue;
            }
            match client.get_manifest(path, child.digest.as_str(), Access::Pull, cancel).await? {
                Some(found) => pending.push(found.manifest),
                None => return Ok(Some(format!("manifest {}", child.digest))),
            }
        }
    }
    Ok(None)
}

/// The first attestation that was published with an image and is not found from it any more.
async fn first_missing_attestation(
    client: &Client,
    path: &str,
    derived: &Derived,
    cancel: &CancellationToken,
) -> Result<Option<String>, RegistryError> {
    for referrer in &derived.referrers {
        let Some(found) = client.get_manifest(path, referrer, Access::Pull, cancel).await? else {
            return Ok(Some(format!("attestation {referrer}")));
        };
        if let Some(missing) = first_missing(client, path, &found.manifest, cancel).await? {
            return Ok(Some(format!("{missing} of attestation {referrer}")));
        }
        let Some(subject) = &found.manifest.subject else { continue };
        let listed = client.referrers(path, &subject.digest, cancel).await?;
        if !listed.manifests.iter().any(|entry| entry.digest == found.digest) {
            return Ok(Some(format!("attestation {referrer} among what refers to {}", subject.digest)));
        }
    }
    for (tag, statements) in &derived.attestation_tags {
        let Some(found) = client.get_manifest(path, tag, Access::Pull, cancel).await? else {
            return Ok(Some(format!("attestations under the tag {tag}")));
        };
        let there: BTreeSet<&str> = found.manifest.layers.iter().map(|layer| layer.digest.as_str()).collect();
        for statement in statements {
            let lost = match statement.parse::<Digest>() {
                Ok(digest) if there.contains(statement.as_str()) => !client.has_blob(path, &digest, Access::Pull, cancel).await?,
                _ => true,
            };
            if lost {
                return Ok(Some(format!("statement {statement} under the tag {tag}")));
            }
        }
    }
    Ok(None)
}
