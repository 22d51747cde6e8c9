//! Making one repository hold everything one digest leads to, without naming it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::host_facts::{BULK, HostFacts};
use super::ladder::Ladder;
use super::order::Order;
use super::origin::Origin;
use super::referrers::list_referrer;
use super::source::{Bytes, Source};
use crate::core::oci::{Descriptor, Manifest, media_type};
use crate::core::{BoxFuture, Digest};
use crate::event::Event;
use crate::http::{Body, OnProgress};
use crate::registry::client::Client;
use crate::registry::error::RegistryError;
use crate::registry::work::Work;
use crate::store::{Closure, Layout};

/// Transfers of one closure that stand in line at the host's gate. The gate, shared by everything that goes to the
/// host, decides how many of them are under way.
const SMALL_IN_LINE: usize = 32;
const BULK_IN_LINE: usize = 4;

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

/// One closure on its way into one repository.
struct Push<'a> {
    client: &'a Client,
    work: &'a Work,
    facts: Arc<HostFacts>,
    path: &'a str,
    bytes: Bytes<'a>,
    closure: &'a Closure,
    cancel: &'a CancellationToken,
}

/// What arrived.
enum Arrived {
    Small(usize),
    Bulk(usize),
    Manifest(usize),
}

/// Makes `path` hold the whole closure: every manifest as soon as its blobs, children and subject are there. No tag is
/// touched but the fallback tag of manifests with a subject, where the registry has no referrers API. Foreign layers
/// stay where they are. Every blob is sent at most once per repository in a run.
pub async fn push_closure(
    client: &Client,
    work: &Work,
    path: &str,
    layout: &Layout,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    push_from(client, work, path, &Origin::Layout(layout.clone()), closure, cancel).await
}

/// The same of a closure whose bytes are anywhere. From a registry blobs pass through, a piece at a time.
pub async fn push_from(
    client: &Client,
    work: &Work,
    path: &str,
    origin: &Origin,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    push(client, work, path, Bytes::Of(origin), closure, cancel).await
}

/// Makes `path` hold blobs that are no image's: files by themselves, each with its digest and body. Nothing refers to them
/// yet; a registry may remove them again before a manifest does.
pub async fn push_blobs(
    client: &Client,
    work: &Work,
    path: &str,
    blobs: &BTreeMap<Digest, Body>,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    let blob = |(digest, body): (&Digest, &Body)| Descriptor::new(media_type::OCTETS, digest.clone(), body.len());
    let described: Vec<Descriptor> = blobs.iter().map(blob).collect();
    let Some(root) = described.first().cloned() else { return Ok(PushReport::default()) };
    let size = described.iter().map(|blob| blob.size).sum();
    let closure = Closure { root, manifests: Vec::new(), blobs: described, size };
    push(client, work, path, Bytes::Loose(blobs), &closure, cancel).await
}

async fn push(
    client: &Client,
    work: &Work,
    path: &str,
    bytes: Bytes<'_>,
    closure: &Closure,
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    let facts = work.host(client.host());
    if let Some(most) = client.spec().options.concurrency {
        facts.gate.at_most(most);
    }
    let push = &Push { client, work, facts, path, bytes, closure, cancel };
    let mut order = Order::of(closure);
    let mut running: FuturesUnordered<BoxFuture<'_, Result<(Arrived, PushReport), RegistryError>>> = FuturesUnordered::new();
    let (mut small, mut bulk) = (0, 0);
    let mut report = PushReport::default();
    loop {
        while let Some(at) = order.next_manifest() {
            running.push(Box::pin(async move { Ok((Arrived::Manifest(at), push.manifest(at).await?)) }));
        }
        while bulk < BULK_IN_LINE
            && let Some(at) = order.next_bulk()
        {
            bulk += 1;
            running.push(Box::pin(async move { Ok((Arrived::Bulk(at), push.blob(at).await?)) }));
        }
        while small < SMALL_IN_LINE
            && let Some(at) = order.next_small()
        {
            small += 1;
            running.push(Box::pin(async move { Ok((Arrived::Small(at), push.blob(at).await?)) }));
        }
        let Some(next) = running.next().await else { return Ok(report) };
        let (arrived, one) = next?;
        report = report.plus(one);
        match arrived {
            Arrived::Small(at) => {
                small -= 1;
                order.blob_arrived(at);
            }
            Arrived::Bulk(at) => {
                bulk -= 1;
                order.blob_arrived(at);
            }
            Arrived::Manifest(at) => order.manifest_arrived(at),
        }
    }
}

impl Push<'_> {
    async fn blob(&self, at: usize) -> Result<PushReport, RegistryError> {
        let blob = &self.closure.blobs[at];
        let Self { client, work, facts, path, .. } = self;
        let send = async || {
            // The few places for bulk first, so that those who wait for one do not hold a place others could use.
            let _bulk = if blob.size >= BULK { facts.bulk.acquire().await.ok() } else { None };
            let permit = facts.gate.enter().await;
            let neighbours = work.neighbours(client.host(), path, &blob.digest);
            let source = Source::new(self.bytes, blob);
            let ladder = Ladder::new(client, facts, path, blob, source, progress(client, path, blob), self.cancel);
            let done = ladder.climb(&neighbours).await?;
            permit.succeeded();
            Ok::<_, RegistryError>(done)
        };
        let done = work.once(client.host(), path, &blob.digest, send).await?.unwrap_or_default();
        Ok(PushReport { sent: done.sent, reused: blob.size - done.sent.min(blob.size), writes: done.writes })
    }

    async fn manifest(&self, at: usize) -> Result<PushReport, RegistryError> {
        let (descriptor, manifest) = &self.closure.manifests[at];
        let Self { client, work, facts, path, .. } = self;
        let mut writes = 0;
        let put = async || {
            let permit = facts.gate.enter().await;
            let put = client.put_manifest(path, descriptor.digest.as_str(), manifest, &descriptor.digest, self.cancel).await?;
            permit.succeeded();
            writes += 1;
            if let Some(subject) = manifest.subject.as_ref().filter(|_| !put.subject_noted) {
                writes += list_referrer(client, facts, path, &subject.digest, &listed(descriptor, manifest), self.cancel).await?;
            }
            Ok::<_, RegistryError>(())
        };
        let size = manifest.raw.len() as u64;
        Ok(match work.once(client.host(), path, &descriptor.digest, put).await? {
            Some(()) => PushReport { sent: size, reused: 0, writes },
            None => PushReport { sent: 0, reused: size, writes: 0 },
        })
    }
}

/// A referrer as the list of its subject's referrers describes it (distribution specification, "Listing referrers").
fn listed(descriptor: &Descriptor, manifest: &Manifest) -> Descriptor {
    let config_type = manifest.config.as_ref().map(|config| config.media_type.clone());
    Descriptor {
        artifact_type: manifest.artifact_type.clone().or(config_type),
        annotations: manifest.annotations.clone(),
        ..Descriptor::new(&manifest.media_type, descriptor.digest.clone(), manifest.raw.len() as u64)
    }
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
