//! An artifact store in memory: for tests, and for what one process hands to itself.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::error::ArtifactError;
use super::pair::{Entry, Half, Pair, Source};
use super::port::{Abilities, ArtifactStore, Call, Collected, Collects, Mode, Opened, Result, blocking};
use super::stream::{of_bytes, verified};
use crate::core::artifact_ref::Ref;
use crate::core::{BoxFuture, PathError};
use crate::fs;

/// An artifact store in memory. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    name: String,
    mode: Mode,
    pairs: Arc<Mutex<BTreeMap<Ref, Held>>>,
}

#[derive(Debug, Clone)]
struct Held {
    entry: Entry,
    data: Bytes,
    manifest: Bytes,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(name: impl Into<String>, mode: Mode) -> Self {
        Self { name: name.into(), mode, pairs: Arc::default() }
    }

    /// The same content under another mode.
    #[must_use]
    pub fn with_mode(&self, mode: Mode) -> Self {
        Self { mode, ..self.clone() }
    }

    fn pairs(&self) -> MutexGuard<'_, BTreeMap<Ref, Held>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, at: &Ref) -> Option<Held> {
        self.pairs().get(at).cloned()
    }
}

/// The bytes of a source.
fn read(source: &Source, call: &Call) -> Result<Bytes> {
    match source {
        Source::Bytes(bytes) => Ok(bytes.clone()),
        Source::File(path) => {
            call.check("read a file")?;
            let mut bytes = Vec::new();
            fs::open(path)?.read_to_end(&mut bytes).map_err(PathError::at("read", path))?;
            Ok(bytes.into())
        }
    }
}

impl ArtifactStore for MemoryStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn abilities(&self) -> Abilities {
        Abilities { survives_restart: false, write_once_is_atomic: true, collects: Collects::ByItself }
    }

    fn save<'a>(&'a self, at: &'a Ref, pair: &'a Pair, call: &'a Call) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let doing = format!("put {at} in store {}", self.name);
            call.check(&doing)?;
            let (pair, told) = (pair.clone(), call.clone());
            let (data, manifest) = blocking(&doing, move || {
                let data = read(&pair.data, &told)?;
                told.moved(data.len() as u64);
                let manifest = read(&pair.manifest, &told)?;
                Ok((data, manifest))
            })
            .await?;
            call.check(&doing)?;
            let entry = Entry { data: Half::of(&data), manifest: Half::of(&manifest) };
            let mut pairs = self.pairs();
            if self.mode == Mode::WriteOnce
                && let Some(held) = pairs.get(at)
                && !held.entry.same_bytes(&entry)
            {
                return Err(ArtifactError::conflict(&self.name, at, &held.entry.shown(), &entry.shown()));
            }
            pairs.insert(at.clone(), Held { entry: entry.clone(), data, manifest });
            Ok(entry)
        })
    }

    fn look<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Option<Entry>>> {
        Box::pin(async move {
            call.check(&format!("look for {at} in store {}", self.name))?;
            Ok(self.held(at).map(|held| held.entry))
        })
    }

    fn open<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move {
            call.check(&format!("get {at} from store {}", self.name))?;
            let held = self.held(at).ok_or_else(|| ArtifactError::not_found(&self.name, at))?;
            let damaged = |name: String, at: Ref| move |problem: String| ArtifactError::integrity(&name, &at, &problem);
            Ok(Opened {
                data: verified(of_bytes(held.data), &held.entry.data, damaged(self.name.clone(), at.clone())),
                manifest: verified(of_bytes(held.manifest), &held.entry.manifest, damaged(self.name.clone(), at.clone())),
                entry: held.entry,
            })
        })
    }

    fn list<'a>(&'a self, below: Option<&'a Ref>, call: &'a Call) -> BoxFuture<'a, Result<Vec<Ref>>> {
        Box::pin(async move {
            call.check(&format!("list store {}", self.name))?;
            Ok(self.pairs().keys().filter(|at| below.is_none_or(|below| at.is_at_or_below(below))).cloned().collect())
        })
    }

    fn remove<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            call.check(&format!("remove {at} from store {}", self.name))?;
            Ok(self.pairs().remove(at).is_some())
        })
    }

    fn collect<'a>(&'a self, _: Duration, call: &'a Call) -> BoxFuture<'a, Result<Collected>> {
        Box::pin(async move {
            call.check(&format!("collect store {}", self.name))?;
            Ok(Collected { references: self.pairs().len() as u64, ..Collected::default() })
        })
    }
}
