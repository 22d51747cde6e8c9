//! Making one repository hold everything one digest leads to, without naming it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::blobs::OnProgress;
use super::client::Client;
use super::error::RegistryError;
use super::work::Work;
use crate::core::BoxFuture;
use crate::core::oci::{Descriptor, media_type};
use crate::event::Event;
use crate::store::{Closure, Layout};

/// Blobs that travel to one repository at the same time.
const CONCURRENCY: usize = 4;

/// Progress of one blob is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What a push did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushReport {
    /// Bytes of blobs and manifests that were sent.
    pub sent: u64,
    /// Bytes that were there already, or lent by another repository.
    pub reused: u64,
    /// Requests that changed something.
    pub writes: u64,
}

/// Makes `path` hold the whole closure: blobs first, largest first, then manifests, children before parents. No tag is
/// touched. Foreign layers stay where they are. Every blob is sent at most once per repository in a run.
pub async fn push_closure(
    client: &Client,
    work: &Work,
    path: &str,
    layout: &Layout,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    let mut blobs: Vec<&Descriptor> = closure.blobs.iter().filter(|blob| !media_type::is_foreign_layer(&blob.media_type)).collect();
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let mut transfers: Vec<BoxFuture<'_, Result<PushReport, RegistryError>>> = Vec::with_capacity(blobs.len());
    for blob in blobs {
        transfers.push(Box::pin(push_blob(client, work, path, layout, blob, cancel)));
    }
    let mut transfers = futures_util::stream::iter(transfers).buffer_unordered(CONCURRENCY);
    let mut report = PushReport::default();
    while let Some(one) = transfers.next().await {
        report = report.plus(one?);
    }
    for (descriptor, manifest) in &closure.manifests {
        let put = async || client.put_manifest(path, descriptor.digest.as_str(), manifest, &descriptor.digest, cancel).await;
        let size = manifest.raw.len() as u64;
        report = report.plus(match work.once(client.host(), path, &descriptor.digest, put).await? {
            Some(_) => PushReport { sent: size, reused: 0, writes: 1 },
            None => PushReport { sent: 0, reused: size, writes: 0 },
        });
    }
    Ok(report)
}

async fn push_blob(
    client: &Client,
    work: &Work,
    path: &str,
    layout: &Layout,
    blob: &Descriptor,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    let file = layout.blob_path(&blob.digest);
    let send = async || {
        let neighbours = work.neighbours(client.host(), path, &blob.digest);
        client.push_blob(path, blob, &file, &neighbours, progress(client, path, blob), cancel).await
    };
    let done = work.once(client.host(), path, &blob.digest, send).await?.unwrap_or_default();
    Ok(PushReport { sent: done.sent, reused: blob.size - done.sent.min(blob.size), writes: done.writes })
}

impl PushReport {
    fn plus(self, other: Self) -> Self {
        Self { sent: self.sent + other.sent, reused: self.reused + other.reused, writes: self.writes + other.writes }
    }
}

/// Turns bytes of a body into transfer events, not more often than people can read.
fn progress(client: &Client, path: &str, blob: &Descriptor) -> OnProgress {
    let events = client.events().clone();
    let id = format!("{}/{path}@{}", client.host(), blob.digest);
    let label = format!("{} to {}/{path}", blob.digest.short(), client.host());
    let total = blob.size;
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    Arc::new(move |done| {
        let Ok(mut last) = last.lock() else { return };
        let due = last.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY);
        if due || done == total {
            *last = Some(Instant::now());
            events.emit(Event::Transfer { id: id.clone(), label: label.clone(), done, total: Some(total) });
        }
    })
}
