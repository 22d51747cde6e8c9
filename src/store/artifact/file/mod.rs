//! A directory as an artifact store: blobs by digest, and one small pointer for each reference.
//!
//! ```text
//! blobs/sha256/ab/<hex>   bytes, written once, by rename
//! refs/acme/app@          the pointer of `acme/app`; `@` can be in no reference, so `acme` and `acme/app` live together
//! tmp/                    what is being written
//! gc/                     locks, and what a running collection must not remove
//! ```
//!
//! Replacing the pointer by rename is the one moment a put takes effect, for both halves.

mod collect;
mod layout;
mod turnstile;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use layout::Layout;

use super::error::ArtifactError;
use super::pair::{self, Entry, MAX_POINTER, Pair};
use super::port::{Abilities, ArtifactStore, Call, Collected, Collects, Mode, Opened, Result, blocking};
use super::stream::{of_file, verified};
use crate::core::BoxFuture;
use crate::core::artifact_ref::Ref;
use crate::fs;

/// A pointer is read again this often when its bytes went away in between: each time somebody else has overwritten the
/// reference and collected, so that it was not for nothing.
const LOOKS: usize = 64;

/// How a file store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// What happens to a reference that is taken.
    pub mode: Mode,
    /// A put is acknowledged when the system says that it is on disk (fsync of files and directories). Without it, a
    /// power cut may lose what was put shortly before; a killed process loses nothing either way.
    pub durable: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { mode: Mode::Overwrite, durable: true }
    }
}

/// An artifact store in a directory. Safe for several processes at the same time, on one machine or, where the file
/// system has locks between machines (NFS 4), on several.
#[derive(Debug, Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    layout: Layout,
    options: FileOptions,
}

impl FileStore {
    /// A store in a directory, which is made by the first put.
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>, options: FileOptions) -> Self {
        Self { inner: Arc::new(Inner { name: name.into(), layout: Layout::new(root.into()), options }) }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.inner.layout.root()
    }
}

impl Inner {
    fn doing(&self, what: &str, at: &Ref) -> String {
        format!("{what} {at} in store {}", self.name)
    }

    /// What the pointer says; `None` when there is none.
    fn entry(&self, at: &Ref) -> Result<Option<Entry>> {
        let bytes = match fs::read_regular(&self.layout.pointer(at), MAX_POINTER) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) if error.source.kind() == std::io::ErrorKind::FileTooLarge => {
                return Err(ArtifactError::integrity(&self.name, at, "its pointer is larger than any pointer"));
            }
            Err(error) => return Err(error.into()),
        };
        pair::decode(at, &bytes).map(Some).map_err(|problem| ArtifactError::integrity(&self.name, at, &problem))
    }

    fn open(&self, at: &Ref) -> Result<Opened> {
        let mut before: Option<Entry> = None;
        for _ in 0..LOOKS {
            let entry = self.entry(at)?.ok_or_else(|| ArtifactError::not_found(&self.name, at))?;
            let same = before.as_ref() == Some(&entry);
            match self.open_entry(at, &entry) {
                // Once more: between pointer and bytes others may have overwritten and collected.
                Err(error) if error.is_integrity() && !same => before = Some(entry),
                result => return result,
            }
        }
        Err(ArtifactError::integrity(&self.name, at, "its bytes go away faster than they can be opened"))
    }

    fn open_entry(&self, at: &Ref, entry: &Entry) -> Result<Opened> {
        let half = |half: &pair::Half, what: &'static str| {
            let path = self.layout.blob(&half.digest);
            let damaged = {
                let (name, at) = (self.name.clone(), at.clone());
                move |problem: String| ArtifactError::integrity(&name, &at, &format!("{what}: {problem}"))
            };
            match fs::open_regular(&path) {
                Ok((_, size)) if size != half.size => Err(damaged(format!("{size} bytes are there, and {} were stored", half.size))),
                Ok((file, _)) => Ok(verified(of_file(file, &path), half, damaged)),
                Err(error) if error.is_not_found() => Err(damaged(format!("{} is not there", half.digest))),
                Err(error) => Err(error.into()),
            }
        };
        Ok(Opened { entry: entry.clone(), data: half(&entry.data, "data")?, manifest: half(&entry.manifest, "manifest")? })
    }

    fn remove(&self, at: &Ref) -> Result<bool> {
        let pointer = self.layout.pointer(at);
        let removed = fs::remove_file(&pointer)?;
        let mut dir = pointer.parent();
        if removed
            && self.options.durable
            && let Some(dir) = dir
        {
            fs::sync_dir(dir);
        }
        // Empty directories go too. A writer that had just made one makes it again.
        while let Some(empty) = dir.filter(|dir| *dir != self.layout.refs()) {
            if !fs::remove_empty_dir(empty).unwrap_or(false) {
                break;
            }
            dir = empty.parent();
        }
        Ok(removed)
    }
}

impl ArtifactStore for FileStore {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn abilities(&self) -> Abilities {
        Abilities { survives_restart: true, write_once_is_atomic: true, collects: Collects::Always }
    }

    fn save<'a>(&'a self, at: &'a Ref, pair: &'a Pair, call: &'a Call) -> BoxFuture<'a, Result<Entry>> {
        let (inner, at, pair, call) = (Arc::clone(&self.inner), at.clone(), pair.clone(), call.clone());
        Box::pin(async move {
            let doing = inner.doing("put", &at);
            blocking(&doing.clone(), move || inner.save(&at, &pair, &call, &doing)).await
        })
    }

    fn look<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Option<Entry>>> {
        let (inner, at) = (Arc::clone(&self.inner), at.clone());
        Box::pin(async move {
            let doing = inner.doing("look for", &at);
            call.check(&doing)?;
            blocking(&doing, move || inner.entry(&at)).await
        })
    }

    fn open<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Opened>> {
        let (inner, at) = (Arc::clone(&self.inner), at.clone());
        Box::pin(async move {
            let doing = inner.doing("get", &at);
            call.check(&doing)?;
            blocking(&doing, move || inner.open(&at)).await
        })
    }

    fn list<'a>(&'a self, below: Option<&'a Ref>, call: &'a Call) -> BoxFuture<'a, Result<Vec<Ref>>> {
        let (inner, below, call) = (Arc::clone(&self.inner), below.cloned(), call.clone());
        Box::pin(async move {
            let doing = format!("list store {}", inner.name);
            blocking(&doing.clone(), move || inner.layout.list(below.as_ref(), &|| call.check(&doing))).await
        })
    }

    fn remove<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>> {
        let (inner, at) = (Arc::clone(&self.inner), at.clone());
        Box::pin(async move {
            let doing = inner.doing("remove", &at);
            call.check(&doing)?;
            blocking(&doing, move || inner.remove(&at)).await
        })
    }

    fn collect<'a>(&'a self, grace: Duration, call: &'a Call) -> BoxFuture<'a, Result<Collected>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        Box::pin(async move {
            let doing = format!("collect store {}", inner.name);
            blocking(&doing.clone(), move || inner.collect(grace, &call, &doing)).await
        })
    }
}
