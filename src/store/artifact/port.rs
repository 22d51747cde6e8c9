//! The port: what an artifact store can do. Implemented by the backends here and by `registry` (`oci`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::error::{ArtifactError, ArtifactErrorKind};
use super::pair::{Entry, Pair, Source};
use super::stream::{ByteStream, gather, write_file};
use crate::core::BoxFuture;
use crate::core::artifact_ref::Ref;

/// The outcome of every operation.
pub type Result<T> = std::result::Result<T, ArtifactError>;

/// Told how many bytes of both halves have moved so far.
pub type OnProgress = Arc<dyn Fn(u64) + Send + Sync>;

/// What every operation gets from its caller.
#[derive(Clone, Default)]
pub struct Call {
    /// Ends it early. What was not acknowledged is then either not there or there as a whole.
    pub cancel: CancellationToken,
    /// Told how far a transfer is.
    pub progress: Option<OnProgress>,
}

impl Call {
    /// A call that can be cancelled.
    pub fn new(cancel: &CancellationToken) -> Self {
        Self { cancel: cancel.clone(), progress: None }
    }

    /// Fails when the caller has given up.
    pub fn check(&self, doing: &str) -> Result<()> {
        if self.cancel.is_cancelled() { Err(ArtifactError::cancelled(doing)) } else { Ok(()) }
    }

    /// Tells progress.
    pub fn moved(&self, bytes: u64) {
        if let Some(progress) = &self.progress {
            progress(bytes);
        }
    }
}

/// How a put treats a reference that holds something else already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is replaced, both halves at once.
    #[default]
    Overwrite,
    /// The same pair again is fine; another one is a conflict, and nothing changes.
    WriteOnce,
}

/// What a backend guarantees beyond the contract. A backend claims only what was seen to hold on the real thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Abilities {
    /// What was put is there when the store is opened anew.
    pub survives_restart: bool,
    /// Of several first puts of one write-once reference at the same time, exactly one wins.
    pub write_once_is_atomic: bool,
    /// How bytes that no reference names any more are removed.
    pub collects: Collects,
}

/// How a backend removes bytes that no reference names any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collects {
    /// At any time, whatever writers do.
    Always,
    /// Safe beside writers as long as no put takes longer than the grace period.
    AfterGrace,
    /// The server does it by itself, or nothing is ever left over.
    ByItself,
}

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Collected {
    /// References that are there.
    pub references: u64,
    /// Stored blobs that were removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that no reference names and that are too young to be removed.
    pub spared: u64,
}

/// A pair that was found: what it is, and its bytes as they come. A stream ends with an `Integrity` error when the
/// bytes are not those of the entry: nothing that was read counts before the end.
pub struct Opened {
    /// What the pointer says.
    pub entry: Entry,
    /// The bytes.
    pub data: ByteStream,
    /// What is said about them.
    pub manifest: ByteStream,
}

/// Bytes and their manifest under a reference, always both or neither (spec/remote.md E.1, E.4).
///
/// A put is visible as a whole at one moment, also when it overwrites; whoever reads sees the old pair or the new one,
/// never one half of each. An acknowledged put is durable as far as the backend is. Several may use one store at the
/// same time, from several processes.
pub trait ArtifactStore: Send + Sync {
    /// The name it was opened under, for people and logs.
    fn name(&self) -> &str;

    /// What it guarantees beyond the contract.
    fn abilities(&self) -> Abilities;

    /// Stores a pair, streaming, and tells what was stored. `Conflict` only in a write-once store.
    fn save<'a>(&'a self, at: &'a Ref, pair: &'a Pair, call: &'a Call) -> BoxFuture<'a, Result<Entry>>;

    /// What is stored under a reference, without its bytes; `None` when nothing is.
    fn look<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Option<Entry>>>;

    /// Begins reading a pair. `NotFound` when there is none.
    fn open<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Opened>>;

    /// All references at or below one, or all; sorted by their bytes.
    fn list<'a>(&'a self, below: Option<&'a Ref>, call: &'a Call) -> BoxFuture<'a, Result<Vec<Ref>>>;

    /// Removes a reference; `false` when there was none. Its bytes go with the next collection.
    fn remove<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>>;

    /// Removes bytes that no reference names and that are older than `grace`, and what killed writers left.
    fn collect<'a>(&'a self, grace: Duration, call: &'a Call) -> BoxFuture<'a, Result<Collected>>;

    /// The contract's put: both halves in memory.
    fn put<'a>(&'a self, at: &'a Ref, data: &'a [u8], manifest: &'a [u8], call: &'a Call) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let pair = Pair { data: Source::from(data), manifest: Source::from(manifest) };
            self.save(at, &pair, call).await.map(|_| ())
        })
    }

    /// The contract's get: both halves in memory, verified. `NotFound` when there is none.
    fn get<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<(Vec<u8>, Vec<u8>)>> {
        Box::pin(async move {
            match gather_pair(self.open(at, call).await?, call).await {
                // Between pointer and bytes somebody else may have overwritten and collected: then the pointer is another.
                Err(error) if error.is_integrity() => gather_pair(self.open(at, call).await?, call).await,
                result => result,
            }
        })
    }

    /// Brings both halves into files, which appear complete and verified or not at all. Memory does not grow with them.
    fn fetch<'a>(&'a self, at: &'a Ref, data: &'a Path, manifest: &'a Path, call: &'a Call) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            match fetch_pair(self.open(at, call).await?, data, manifest, call).await {
                Err(error) if error.is_integrity() => fetch_pair(self.open(at, call).await?, data, manifest, call).await,
                result => result,
            }
        })
    }

    /// Is a pair stored there? An error when that cannot be told.
    fn exists<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(self.look(at, call).await?.is_some()) })
    }
}

async fn gather_pair(opened: Opened, call: &Call) -> Result<(Vec<u8>, Vec<u8>)> {
    let data = gather(opened.data, 0, call).await?;
    let manifest = gather(opened.manifest, data.len() as u64, call).await?;
    Ok((data, manifest))
}

async fn fetch_pair(opened: Opened, data: &Path, manifest: &Path, call: &Call) -> Result<Entry> {
    let data = write_file(opened.data, data, 0, call).await?;
    let manifest = write_file(opened.manifest, manifest, opened.entry.data.size, call).await?;
    // Both are whole by now.
    data.keep()?;
    manifest.keep()?;
    Ok(opened.entry)
}

/// Runs blocking work off the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(doing: &str, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let interrupted = |_| ArtifactError::new(ArtifactErrorKind::Local, format!("{doing}: the work was interrupted"));
    tokio::task::spawn_blocking(work).await.map_err(interrupted)?
}
