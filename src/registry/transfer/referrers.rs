//! The list of what refers to a digest, where the registry does not keep it by itself: an index under the fallback tag
//! `<algorithm>-<hex>` (distribution specification, "Pushing manifests with subject").

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::host_facts::HostFacts;
use super::shared_tag::{SharedTag, with_entries};
use crate::core::Digest;
use crate::core::oci::{Descriptor, Manifest, media_type};
use crate::registry::client::Client;
use crate::registry::error::RegistryError;
use crate::store::{Closure, Layout, StoreError};

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
    let shared = SharedTag {
        client,
        facts,
        path,
        tag: &fallback_tag(subject),
        doing: format!("list {} among what refers to {} in {}/{path}", referrer.digest.short(), subject.short(), client.host()),
        cancel,
    };
    let lists = |index: &Manifest| index.manifests.iter().any(|entry| entry.digest == referrer.digest);
    shared.add(lists, |held| with(held, referrer)).await
}

/// The index with one entry more.
fn with(held: Option<&Manifest>, referrer: &Descriptor) -> Result<Manifest, String> {
    let index = match held {
        Some(held) => serde_json::from_slice::<Value>(&held.raw).map_err(|error| error.to_string())?,
        None => json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX }),
    };
    let entry = serde_json::to_value(referrer).map_err(|error| error.to_string())?;
    with_entries(index, "manifests", vec![entry])
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
