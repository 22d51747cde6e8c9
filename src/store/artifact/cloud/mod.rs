//! A bucket as an artifact store: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! ```text
//! <prefix>/blobs/ab/<random>    the bytes of one half of one put
//! <prefix>/refs/acme/app/@ref   the pointer of `acme/app`
//! ```
//!
//! A small put is three requests: data, manifest, pointer. Each put has objects of its own, also for bytes that are there
//! already: servers have no lock, so a shared object could be removed by a collection between a writer's look and its
//! pointer. An object that belongs to one put can only be removed too early when that put takes longer than the grace
//! period. Ages are told by the server's clock, never by ours.

mod collect;
mod connector;
mod failure;
mod places;
mod read;
mod signed;
mod upload;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

pub use connector::Connector;
use failure::{About, Meaning, error, meaning};
pub use places::Variables;
pub use signed::{CHECKSUM, LARGEST_OBJECT, ListedObject, SignedBucket, checksum_of};

use super::error::{ArtifactError, ArtifactErrorKind};
use super::pair::{self, Entry, MAX_POINTER, Pair};
use super::port::{Abilities, ArtifactStore, Call, Collected, Collects, Mode, Opened, Result, blocking};
use super::stream::hash_of;
use crate::core::artifact_ref::Ref;
use crate::core::{BoxFuture, StorePlace, StoreSpec};
use crate::http;

/// Name of every pointer, which no part of a reference can have.
const POINTER: &str = "@ref";

/// A first put that meets another one in the middle looks again this often.
const LOOKS: u32 = 8;

/// An artifact store in a bucket.
#[derive(Debug, Clone)]
pub struct CloudStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    mode: Mode,
    bucket: Arc<dyn ObjectStore>,
    prefix: Option<String>,
    about: About,
    /// An unmodified server has shown that of several first puts one wins.
    proven: bool,
}

impl CloudStore {
    /// Opens a bucket as `spec` describes it. Sends nothing.
    ///
    /// # Errors
    /// `Credentials` when a variable that must be set is not, with its name; `Usage` when the description is of no bucket,
    /// or not one its cloud could have.
    pub fn open(spec: &StoreSpec, variables: Variables<'_>, client: http::Client) -> Result<Self> {
        let (bucket, about) = places::open(&spec.place, spec.credentials.as_deref(), variables, client)?;
        let prefix = match &spec.place {
            StorePlace::S3 { prefix, .. } | StorePlace::Gcs { prefix, .. } | StorePlace::Azure { prefix, .. } => prefix.clone(),
            StorePlace::File { .. } | StorePlace::Memory | StorePlace::Oci { .. } => None,
        };
        let mode = if spec.write_once { Mode::WriteOnce } else { Mode::Overwrite };
        // Google's emulator cannot show it: it speaks another API than the one that writes.
        let proven = !matches!(spec.place, StorePlace::Gcs { .. });
        Ok(Self { inner: Arc::new(Inner { name: spec.name.clone(), mode, bucket, prefix, about, proven }) })
    }
}

impl Inner {
    /// A key below the prefix.
    fn key(&self, rest: &str) -> Key {
        match &self.prefix {
            Some(prefix) => Key::from(format!("{prefix}/{rest}")),
            None => Key::from(rest),
        }
    }

    fn pointer(&self, at: &Ref) -> Key {
        self.key(&format!("refs/{at}/{POINTER}"))
    }

    /// What the pointer says; `None` when there is none.
    async fn entry(&self, at: &Ref, doing: &str) -> Result<Option<Entry>> {
        let found = match self.bucket.get(&self.pointer(at)).await {
            Ok(found) => found,
            Err(failure) => {
                return match meaning(doing, &self.about, &failure) {
                    Meaning::NoObject => Ok(None),
                    _ => Err(error(doing, &self.about, &failure)),
                };
            }
        };
        if found.meta.size > MAX_POINTER {
            return Err(ArtifactError::integrity(&self.name, at, "its pointer is larger than any pointer"));
        }
        let bytes = found.bytes().await.map_err(|failure| error(doing, &self.about, &failure))?;
        pair::decode(at, &bytes).map(Some).map_err(|problem| ArtifactError::integrity(&self.name, at, &problem))
    }

    async fn save(&self, at: &Ref, pair: &Pair, call: &Call, doing: &str) -> Result<Entry> {
        call.check(doing)?;
        if self.mode == Mode::WriteOnce
            && let Some(held) = self.entry(at, doing).await?
        {
            // Nothing is sent for what is there, or cannot be.
            let (ours, asked) = (pair.clone(), call.clone());
            let ours =
                blocking(doing, move || Ok(Entry { data: hash_of(&ours.data, &asked)?, manifest: hash_of(&ours.manifest, &asked)? }))
                    .await?;
            return self.settle(at, &ours, &held);
        }
        let data = self.upload(&pair.data, 0, call, doing).await?;
        let manifest = self.upload(&pair.manifest, data.size, call, doing).await?;
        call.check(doing)?;
        let entry = Entry { data, manifest };
        match self.mode {
            Mode::Overwrite => self.point(at, &entry, PutMode::Overwrite).await.map_err(|failure| error(doing, &self.about, &failure))?,
            Mode::WriteOnce => return self.point_first(at, entry, doing).await,
        }
        Ok(entry)
    }

    async fn point(&self, at: &Ref, entry: &Entry, mode: PutMode) -> object_store::Result<()> {
        let payload = PutPayload::from(Bytes::from(pair::encode(at, entry)));
        self.bucket.put_opts(&self.pointer(at), payload, PutOptions { mode, ..PutOptions::default() }).await.map(|_| ())
    }

    /// Writes a pointer where there is none. An answer that was lost is settled by looking.
    async fn point_first(&self, at: &Ref, entry: Entry, doing: &str) -> Result<Entry> {
        let mut failure = ArtifactError::new(ArtifactErrorKind::Busy, format!("{doing}: others put and remove it all the time"));
        for look in 0..LOOKS {
            match self.point(at, &entry, PutMode::Create).await {
                Ok(()) => return Ok(entry),
                Err(failed) => {
                    if let Meaning::Error(error) = meaning(doing, &self.about, &failed) {
                        if error.kind != ArtifactErrorKind::Unavailable {
                            return Err(error);
                        }
                        failure = error;
                    }
                }
            }
            if let Some(held) = self.entry(at, doing).await? {
                let settled = self.settle(at, &entry, &held);
                // What we brought and is not named goes at once; a collection would find it too.
                if held != entry {
                    self.forget(&entry).await;
                }
                return settled;
            }
            tokio::time::sleep(Duration::from_millis(20 << look)).await;
        }
        Err(failure)
    }

    async fn forget(&self, entry: &Entry) {
        for half in [&entry.data, &entry.manifest] {
            if let Some(key) = &half.key {
                let _left_for_a_collection = self.bucket.delete(&self.key(key)).await;
            }
        }
    }

    /// The same again is fine; anything else is a conflict.
    fn settle(&self, at: &Ref, ours: &Entry, held: &Entry) -> Result<Entry> {
        if held.same_bytes(ours) { Ok(held.clone()) } else { Err(ArtifactError::conflict(&self.name, at, &held.shown(), &ours.shown())) }
    }

    async fn list(&self, below: Option<&Ref>, doing: &str) -> Result<Vec<Ref>> {
        let prefix = self.key(&below.map_or_else(|| "refs".to_owned(), |below| format!("refs/{below}")));
        let root = format!("{}/", self.key("refs"));
        let mut keys = self.bucket.list(Some(&prefix));
        let mut found = Vec::new();
        while let Some(object) = keys.next().await {
            let object = object.map_err(|failure| error(doing, &self.about, &failure))?;
            let name = object.location.as_ref().strip_prefix(&root).and_then(|rest| rest.strip_suffix(POINTER)?.strip_suffix('/'));
            found.extend(name.and_then(|name| Ref::parse(name).ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn remove(&self, at: &Ref, doing: &str) -> Result<bool> {
        // Servers differ in whether removing nothing is a success.
        match self.bucket.get(&self.pointer(at)).await {
            Ok(_) => {}
            Err(failure) => {
                return match meaning(doing, &self.about, &failure) {
                    Meaning::NoObject => Ok(false),
                    _ => Err(error(doing, &self.about, &failure)),
                };
            }
        }
        match self.bucket.delete(&self.pointer(at)).await {
            Ok(()) => Ok(true),
            Err(failure) => match meaning(doing, &self.about, &failure) {
                Meaning::NoObject => Ok(false),
                _ => Err(error(doing, &self.about, &failure)),
            },
        }
    }
}

/// Does it unless the caller gives up first; what is under way then is dropped with its connection.
async fn unless_cancelled<T>(call: &Call, doing: &str, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    tokio::select! {
        biased;
        () = call.cancel.cancelled() => Err(ArtifactError::cancelled(doing)),
        done = work => done,
    }
}

impl ArtifactStore for CloudStore {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn abilities(&self) -> Abilities {
        Abilities { survives_restart: true, write_once_is_atomic: self.inner.proven, collects: Collects::AfterGrace }
    }

    fn save<'a>(&'a self, at: &'a Ref, pair: &'a Pair, call: &'a Call) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let doing = format!("put {at} in store {}", self.inner.name);
            unless_cancelled(call, &doing, self.inner.save(at, pair, call, &doing)).await
        })
    }

    fn look<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Option<Entry>>> {
        Box::pin(async move {
            let doing = format!("look for {at} in store {}", self.inner.name);
            unless_cancelled(call, &doing, self.inner.entry(at, &doing)).await
        })
    }

    fn open<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move {
            let doing = format!("get {at} from store {}", self.inner.name);
            unless_cancelled(call, &doing, Inner::open(&self.inner, at, &doing)).await
        })
    }

    fn list<'a>(&'a self, below: Option<&'a Ref>, call: &'a Call) -> BoxFuture<'a, Result<Vec<Ref>>> {
        Box::pin(async move {
            let doing = format!("list store {}", self.inner.name);
            unless_cancelled(call, &doing, self.inner.list(below, &doing)).await
        })
    }

    fn remove<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let doing = format!("remove {at} from store {}", self.inner.name);
            unless_cancelled(call, &doing, self.inner.remove(at, &doing)).await
        })
    }

    fn collect<'a>(&'a self, grace: Duration, call: &'a Call) -> BoxFuture<'a, Result<Collected>> {
        Box::pin(async move {
            let doing = format!("collect store {}", self.inner.name);
            unless_cancelled(call, &doing, self.inner.collect(grace, &doing)).await
        })
    }
}
