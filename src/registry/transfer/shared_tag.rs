//! Tags that several publishers write: the list of what refers to a digest, where the registry keeps none, and the
//! attestations of a digest. Each publisher adds its own and leaves what others put there.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::host_facts::HostFacts;
use crate::core::oci::Manifest;
use crate::registry::client::{Access, Client};
use crate::registry::error::{RegistryError, RegistryErrorKind};

/// Other publishers may write the same tag at the same time, and OCI has no compare-and-swap: each of us reads back and
/// adds itself again. So often, then somebody else is to blame.
const ATTEMPTS: usize = 6;

/// One such tag, and what is being done to it, for errors.
pub(super) struct SharedTag<'a> {
    pub client: &'a Client,
    pub facts: &'a Arc<HostFacts>,
    pub path: &'a str,
    pub tag: &'a str,
    pub doing: String,
    pub cancel: &'a CancellationToken,
}

impl SharedTag<'_> {
    /// Reads, adds, writes and reads back, until what is under the tag holds ours. Tells how many requests wrote something.
    pub async fn add(
        &self,
        holds: impl Fn(&Manifest) -> bool,
        with: impl Fn(Option<&Manifest>) -> Result<Manifest, String>,
    ) -> Result<u64, RegistryError> {
        let Self { client, facts, path, tag, doing, cancel } = self;
        let _ours = facts.shared_tag.lock().await;
        let budget = client.budget();
        let mut writes = 0;
        for attempt in 0..ATTEMPTS {
            // Whoever lost a race lets the other finish.
            if attempt > 0 && !budget.spend(cancel).await {
                break;
            }
            let found = client.get_manifest(path, tag, Access::Push, cancel).await.map_err(|error| error.context(doing))?;
            let held = found.as_ref().map(|found| &found.manifest);
            if held.is_some_and(&holds) {
                return Ok(writes);
            }
            let wanted = with(held).map_err(|detail| RegistryError::new(RegistryErrorKind::Rejected, format!("{doing}: {detail}")))?;
            writes += 1;
            match client.put_manifest(path, tag, &wanted, &wanted.digest(), cancel).await {
                // Reading back is the next turn's look.
                Ok(_) => {}
                Err(error) if error.kind == RegistryErrorKind::Ambiguous => {}
                Err(error) => return Err(error.context(doing)),
            }
            let back = client.get_manifest(path, tag, Access::Push, cancel).await.map_err(|error| error.context(doing))?;
            if back.is_some_and(|found| holds(&found.manifest)) {
                return Ok(writes);
            }
        }
        let message = format!("{doing}: others keep writing the tag {tag}");
        Err(RegistryError::new(RegistryErrorKind::Unavailable, message).hint("run it again when the other publishers are done"))
    }
}

/// A document with more entries in one of its lists; everything else stays as it is.
pub(super) fn with_entries(mut document: Value, list: &str, entries: Vec<Value>) -> Result<Manifest, String> {
    match document.get_mut(list) {
        Some(Value::Array(there)) => there.extend(entries),
        Some(Value::Null) | None => document[list] = json!(entries),
        Some(_) => return Err(format!("what is there has no list of {list}")),
    }
    Manifest::parse(document.to_string().into_bytes()).map_err(|error| error.to_string())
}
