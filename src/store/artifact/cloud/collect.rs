//! Removing objects that no pointer names. Servers have no locks: what keeps a writer's objects is that they are younger
//! than the grace period, by the server's own clock, when the collection begins. Their pointer is then either read by
//! this collection, or not written yet.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::Inner;
use super::failure::{Meaning, error, meaning};
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind};
use crate::store::artifact::pair::Entry;
use crate::store::artifact::port::{Collected, Result};

/// Requests at the same time.
const AT_A_TIME: usize = 16;

impl Inner {
    pub(super) async fn collect(&self, grace: Duration, doing: &str) -> Result<Collected> {
        let failed = |failure: object_store::Error| error(doing, &self.about, &failure);
        let began = self.server_time(doing).await?;
        let references = self.list(None, doing).await?;
        let mut collected = Collected { references: references.len() as u64, ..Collected::default() };
        let mut live = HashSet::new();
        let mut entries = stream::iter(references).map(|at| async move { self.entry(&at, doing).await }).buffer_unordered(AT_A_TIME);
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(Some(Entry { data, manifest })) => live.extend([data.key, manifest.key].into_iter().flatten()),
                Ok(None) => {}
                // Nobody knows what a damaged pointer names, so nothing is removed while there is one.
                Err(error) if error.is_integrity() => {
                    return Err(error.context(doing).hint("put or remove that reference first: what it names must not be removed unseen"));
                }
                Err(error) => return Err(error),
            }
        }
        drop(entries);
        let root = format!("{}/", self.key("blobs"));
        let mut objects = self.bucket.list(Some(&self.key("blobs")));
        let mut dead = Vec::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(failed)?;
            let Some(rest) = object.location.as_ref().strip_prefix(&root) else { continue };
            if live.contains(&format!("blobs/{rest}")) {
                continue;
            }
            if began.saturating_sub(object.last_modified.timestamp_millis()) < i64::try_from(grace.as_millis()).unwrap_or(i64::MAX) {
                collected.spared += 1;
            } else {
                dead.push((object.location, object.size));
            }
        }
        drop(objects);
        let mut removals =
            stream::iter(dead).map(|(key, size)| async move { (self.bucket.delete(&key).await, size) }).buffer_unordered(AT_A_TIME);
        while let Some((removed, size)) = removals.next().await {
            match removed {
                Ok(()) => {
                    collected.removed += 1;
                    collected.bytes += size;
                }
                Err(failure) if matches!(meaning(doing, &self.about, &failure), Meaning::NoObject) => {}
                Err(failure) => return Err(failed(failure)),
            }
        }
        Ok(collected)
    }

    /// Milliseconds since 1970 as the server counts them: the time it gives an object that is written now.
    async fn server_time(&self, doing: &str) -> Result<i64> {
        let mut random = [0; 8];
        let _unavailable = getrandom::fill(&mut random);
        let key = self.key(&format!("gc/clock-{}", base16ct::lower::encode_string(&random)));
        let failed = |failure: object_store::Error| error(doing, &self.about, &failure);
        self.bucket.put(&key, PutPayload::from(Bytes::from_static(b"now"))).await.map_err(failed)?;
        let meta = self.bucket.head(&key).await.map_err(failed);
        let _leftover = self.bucket.delete(&key).await;
        let time = meta?.last_modified.timestamp_millis();
        if time <= 0 {
            let message = format!("{doing}: {} does not tell when it wrote something", self.about.shown);
            return Err(ArtifactError::new(ArtifactErrorKind::Unsupported, message));
        }
        Ok(time)
    }
}
