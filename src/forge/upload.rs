//! The one way asset bytes leave: streamed from the file with their length known, made anew for every attempt, watched
//! for stalls, paced, and settled by looking when it is not clear what became of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::api::Answer;
use super::asset::{AssetSource, AssetState, StoredAsset};
use super::error::{ForgeError, ForgeErrorKind};
use super::pace::Pace;
use super::port::Forge;
use super::release::Container;
use crate::event::{Event, Events};
use crate::http::{self, Budget, Replay};

/// Slowest transfer that is not given up, over a whole file. Stalls are cut long before.
const SLOWEST: u64 = 32 * 1024;

/// Time a file of any size may take.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(120);

/// Time an answer may take when all was sent, beside the time a forge needs to take it in. That all was sent is seen up to
/// a window of stalls later.
const ANSWER: Duration = Duration::from_secs(14);

/// Bytes a second that a forge hashes and stores at least.
const TAKEN_IN: u64 = 8 << 20;

/// How often one file is sent before we stop.
const MOST_ATTEMPTS: u32 = 4;

/// Looks for a file whose name is taken, before an upload that has not ended counts as left behind, and a file that no
/// list shows as not there.
const LOOKS_WHEN_TAKEN: u32 = 4;

/// What came of a file.
#[derive(Debug, Clone)]
pub struct Sent {
    /// It, as the forge has it now.
    pub stored: StoredAsset,
    /// Bytes that left, all attempts together as far as they were completed.
    pub bytes: u64,
    /// Requests that changed something.
    pub writes: u64,
}

/// Sends files to one host.
#[derive(Debug, Clone)]
pub struct Uploader {
    http: http::Client,
    pace: Arc<Pace>,
    room: Arc<Semaphore>,
    events: Events,
}

impl Uploader {
    /// Sends at most `at_a_time` files at once. `http` should cut stalls within 30 s: windows of 15 s.
    pub fn new(http: http::Client, pace: Arc<Pace>, at_a_time: usize, events: Events) -> Self {
        Self { http, pace, room: Arc::new(Semaphore::new(at_a_time.max(1))), events }
    }

    /// The client it sends with.
    pub fn http(&self) -> &http::Client {
        &self.http
    }

    /// Makes the container hold this file under its name. `held` is what was found there: an unfinished upload is removed
    /// first; a complete file with other bytes never is, that is a conflict.
    pub async fn put(
        &self,
        forge: &dyn Forge,
        container: &Container,
        asset: &AssetSource,
        held: Option<&StoredAsset>,
        cancel: &CancellationToken,
    ) -> Result<Sent, ForgeError> {
        self.bring(forge, container, asset, held, None, cancel).await
    }

    /// The same over a file of that name, where a newer file covers an older one.
    pub async fn cover(
        &self,
        forge: &dyn Forge,
        container: &Container,
        asset: &AssetSource,
        older: &StoredAsset,
        cancel: &CancellationToken,
    ) -> Result<Sent, ForgeError> {
        self.bring(forge, container, asset, None, Some(older), cancel).await
    }

    async fn bring(
        &self,
        forge: &dyn Forge,
        container: &Container,
        asset: &AssetSource,
        held: Option<&StoredAsset>,
        older: Option<&StoredAsset>,
        cancel: &CancellationToken,
    ) -> Result<Sent, ForgeError> {
        let _permit = tokio::select! {
            permit = self.room.acquire() => permit.map_err(|_| cancelled())?,
            () = cancel.cancelled() => return Err(cancelled()),
        };
        let budget = self.http.budget();
        let mut writes = 0;
        if let Some(held) = held {
            if held.state == AssetState::Complete {
                return Self::complete(asset, held.clone(), 0, 0);
            }
            forge.remove_asset(container, held, cancel).await?;
            writes += 1;
        }
        let mut last = None;
        for attempt in 0..MOST_ATTEMPTS {
            writes += 1;
            let failure = match self.send(forge, container, asset, attempt, &budget, cancel).await {
                Ok(stored) => return Self::complete(asset, stored, asset.size, writes),
                Err(error) if is_unsettled(&error) => error,
                Err(error) => return Err(error),
            };
            // Neither yes nor no: what is there decides.
            let found = self.look(forge, container, asset, failure.kind == ForgeErrorKind::Exists, cancel).await?;
            let is_older = |found: &StoredAsset| older.is_some_and(|older| older.id == found.id);
            if failure.kind == ForgeErrorKind::Exists && found.as_ref().is_some_and(is_older) {
                return Err(ForgeError { kind: ForgeErrorKind::Rejected, ..failure }
                    .hint("allow duplicate generic packages (Settings, Packages and registries), or let only a tag move"));
            }
            match found.filter(|found| !is_older(found)) {
                Some(stored) if stored.state == AssetState::Complete => return Self::complete(asset, stored, asset.size, writes),
                Some(stored) => {
                    forge.remove_asset(container, &stored, cancel).await?;
                    writes += 1;
                }
                None => {}
            }
            last = Some(failure);
            if !budget.spend(cancel).await {
                break;
            }
        }
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let doing = format!("cannot upload {} to {}", asset.name, forge.place());
        let again = "run publish again; what arrived is found and kept".to_owned();
        Err(match last {
            None => {
                ForgeError::new(ForgeErrorKind::Unavailable, format!("{doing}: every attempt ended without a clear answer")).hint(again)
            }
            Some(last) => {
                let last = ForgeError { kind: ForgeErrorKind::Unavailable, hint: last.hint.clone().or(Some(again)), ..last };
                // What the forge says begins with what was being done.
                if last.message.starts_with("cannot upload") { last } else { last.context(&doing) }
            }
        })
    }

    /// One attempt.
    async fn send(
        &self,
        forge: &dyn Forge,
        container: &Container,
        asset: &AssetSource,
        attempt: u32,
        budget: &Arc<Budget>,
        cancel: &CancellationToken,
    ) -> Result<StoredAsset, ForgeError> {
        let described = forge.upload(container, asset)?;
        let deadline = SHORTEST_DEADLINE.max(Duration::from_secs(asset.size / SLOWEST));
        let (id, label, total) = (format!("{}/{}", forge.place(), asset.name), asset.name.clone(), asset.size);
        let events = self.events.clone();
        let step = (total / 20).max(1);
        let told = std::sync::atomic::AtomicU64::new(0);
        let progress = move |done: u64| {
            use std::sync::atomic::Ordering::Relaxed;
            if done == total || done >= told.load(Relaxed) + step {
                told.store(done, Relaxed);
                events.emit(Event::Transfer { id: id.clone(), label: label.clone(), done, total: Some(total) });
            }
        };
        // What is small leaves at once, and stalls only then. Something on the way may take it in and pass it on slowly: who
        // did not answer in time has twice as long the next time.
        let answer = (ANSWER + Duration::from_secs(asset.size / TAKEN_IN)) * (1 << attempt);
        let request = described.replay(Replay::Once).budget(budget).deadline(deadline).answer_within(answer);
        let request = request.bulk(true).on_progress(Arc::new(progress));
        tokio::select! {
            () = self.pace.turn() => {}
            () = cancel.cancelled() => return Err(cancelled()),
        }
        let answer = Answer::of_upload(self.http.send(&request, cancel).await?).await?;
        forge.uploaded(asset, &answer)
    }

    /// The file of this name there. Where the name is said to be taken, it is given some time: an upload of somebody else
    /// may be under way, and a list may lag behind what arrived.
    async fn look(
        &self,
        forge: &dyn Forge,
        container: &Container,
        asset: &AssetSource,
        is_taken: bool,
        cancel: &CancellationToken,
    ) -> Result<Option<StoredAsset>, ForgeError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let named = forge.assets(container, cancel).await?.into_iter().filter(|stored| stored.name == asset.name);
            // Where several have one name, a whole one counts.
            let found = named.min_by_key(|stored| stored.state != AssetState::Complete);
            let whole = found.as_ref().is_some_and(|stored| stored.state == AssetState::Complete);
            if whole || !is_taken || looks == LOOKS_WHEN_TAKEN {
                return Ok(found);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = cancel.cancelled() => return Err(cancelled()),
            }
        }
    }

    fn complete(asset: &AssetSource, stored: StoredAsset, bytes: u64, writes: u64) -> Result<Sent, ForgeError> {
        if stored.holds(asset.size, &asset.sha256) == Some(false) {
            let text = format!("{} holds {}, and {} was to be there", asset.name, stored.describe(), asset.sha256);
            return Err(ForgeError::new(ForgeErrorKind::Conflict, text)
                .hint("a released file is not replaced: release a new version, or remove the file at the forge if it is wrong"));
        }
        Ok(Sent { stored, bytes, writes })
    }
}

/// Looking tells what became of it: an unclear end, or a name that is taken by what may be ours.
fn is_unsettled(error: &ForgeError) -> bool {
    matches!(error.kind, ForgeErrorKind::Ambiguous | ForgeErrorKind::Exists | ForgeErrorKind::Unavailable)
}

fn cancelled() -> ForgeError {
    ForgeError::new(ForgeErrorKind::Cancelled, "interrupted")
}
