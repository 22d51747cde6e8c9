//! The list of what refers to a digest, where the registry does not keep it by itself: an index under the fallback tag
//! `<algorithm>-<hex>` (distribution specification, "Pushing manifests with subject").

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::host_facts::HostFacts;
use crate::core::Digest;
use crate::core::oci::{Descriptor, Manifest, media_type};
use crate::registry::client::{Access, Client};
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::{Closure, Layout, StoreError};

/// Other publishers may write the same tag at the same time, and OCI has no compare-and-swap: each of us reads back and
/// adds itself again. So often, then somebody else is to blame.
const ATTEMPTS: usize = 6;

/// The fallback tag of a subject.
pub fn fallback_tag(subject: &Digest) -> String {
    format!("{}-{}", subject.algorithm().name(), subject.hex())
}

/// Adds a referrer to its subject's fallback tag: read, add, write, read back, until it is there. What others have
/// listed stays as it is, byte for byte. Tells how many requests wrote something.
pub async fn list_referrer(
    client: &Client,
    facts: &Arc<HostFacts>,
    path: &str,
    subject: &Digest,
    referrer: &Descriptor,
    cancel: &CancellationToken,
) -> Result<u64, RegistryError> {
    let tag = fallback_tag(subject);
    let doing = || format!("list {} among what refers to {} in {}/{path}", referrer.digest.short(), subject.short(), client.host());
    let _ours = facts.fallback_tag.lock().await;
    let budget = client.budget();
    let mut writes = 0;
    for attempt in 0..ATTEMPTS {
        // Whoever lost a race lets the other finish.
        if attempt > 0 && !budget.spend(cancel).await {
            break;
        }
        let found = client.get_manifest(path, &tag, Access::Push, cancel).await.map_err(|error| error.context(&doing()))?;
        let held = found.as_ref().map(|found| &found.manifest);
        if held.is_some_and(|index| index.manifests.iter().any(|entry| entry.digest == referrer.digest)) {
            return Ok(writes);
        }
        let index =
            with(held, referrer).map_err(|detail| RegistryError::new(RegistryErrorKind::Rejected, format!("{}: {detail}", doing())))?;
        writes += 1;
        match client.put_manifest(path, &tag, &index, &index.digest(), cancel).await {
            // Reading back is the next turn's look.
            Ok(_) => {}
            Err(error) if error.kind == RegistryErrorKind::Ambiguous => {}
            Err(error) => return Err(error.context(&doing())),
        }
        let back = client.get_manifest(path, &tag, Access::Push, cancel).await.map_err(|error| error.context(&doing()))?;
        if back.is_some_and(|found| found.manifest.manifests.iter().any(|entry| entry.digest == referrer.digest)) {
            return Ok(writes);
        }
    }
    let message = format!("{}: others keep writing the tag {tag}", doing());
    Err(RegistryError::new(RegistryErrorKind::Unavailable, message).hint("run it again when the other publishers are done"))
}

/// The index with one entry more.
fn with(held: Option<&Manifest>, referrer: &Descriptor) -> Result<Manifest, String> {
    let mut index = match held {
        Some(held) => serde_json::from_slice::<Value>(&held.raw).map_err(|error| error.to_string())?,
        None => json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] }),
    };
    let entry = serde_json::to_value(referrer).map_err(|error| error.to_string())?;
    match index.get_mut("manifests") {
        Some(Value::Array(entries)) => entries.push(entry),
        Some(Value::Null) | None => index["manifests"] = json!([entry]),
        Some(_) => return Err("what is under the fallback tag is not an index".to_owned()),
    }
    Manifest::parse(index.to_string().into_bytes()).map_err(|error| error.to_string())
}

/// What a layout lists that refers to something in the closure, directly or through another referrer: signatures,
/// attestations, SBOMs. Subjects come before what refers to them.
pub fn referrers_in(layout: &Layout, closure: &Closure) -> Result<Vec<Closure>, StoreError> {
    let mut known: HashSet<Digest> = closure.manifests.iter().map(|(descriptor, _)| descriptor.digest.clone()).collect();
    let mut waiting = Vec::new();
    for entry in layout.entries()?.into_iter().filter(|entry| !known.contains(&entry.digest)) {
        if let Some(subject) = layout.read_manifest(&entry.digest)?.subject {
            waiting.push((entry.digest, subject.digest));
        }
    }
    let mut found = Vec::new();
    loop {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, subject)| known.contains(subject));
        if ready.is_empty() {
            return Ok(found);
        }
        for (digest, _) in ready {
            found.push(layout.closure_unhashed(&digest)?);
            known.insert(digest);
        }
        waiting = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_listed_stays_as_it_is() {
        let theirs = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","size":1,"x-unknown":{"deep":[1]}}],"annotations":{"a":"b"}}"#;
        let held = Manifest::parse(theirs.as_bytes().to_vec()).expect("index");
        let ours = Descriptor::of(media_type::OCI_MANIFEST, b"ours");
        let index = with(Some(&held), &ours).expect("one more");
        assert_eq!(index.manifests.len(), 2);
        assert_eq!(index.manifests[1].digest, ours.digest);
        let text = String::from_utf8(index.raw).expect("text");
        assert!(text.contains(r#""x-unknown":{"deep":[1]}"#) && text.contains(r#""annotations":{"a":"b"}"#), "{text}");
        assert_eq!(with(None, &ours).expect("the first").manifests, [ours]);
    }
}
