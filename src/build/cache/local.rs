//! Cache directories that a build replaces as a whole.
//!
//! ```text
//! <path>/<16 hex of the repository>/<slot>/generation-0000000007/layout/   what BuildKit wrote
//!                                                               made.json  when, by whom, how large
//!                                                               lock       shared by readers
//!                                          .sf-new-…/                      being written
//! ```
//!
//! BuildKit adds to a directory and never takes away, and deleting single files of one leaves a cache that names what is
//! not there. So every export goes to a new directory, is made durable, and gets its name by one rename: whoever looks
//! sees the generation before or the one after, also when the writer is killed in between. Whole generations are dropped,
//! never parts, and none that somebody reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{ByteSize, Timestamp};
use crate::error::{Error, Result};
use crate::fs::{self, EntryKind, Lock, LockError, Scratch};

/// How generations are called; the number only grows.
const PREFIX: &str = "generation-";

/// How a directory is called that is written, or about to be removed.
const NEW: &str = ".sf-new-";
const GONE: &str = ".sf-gone-";

/// BuildKit's part of a generation.
const LAYOUT: &str = "layout";

const MADE: &str = "made.json";
const LOCK: &str = "lock";

/// A record of ours is short.
const MAX_MADE: u64 = 64 * 1024;

/// One cache directory: that of one build of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    dir: PathBuf,
}

/// Why a local cache cannot be used: one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

/// A whole export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Generation {
    /// Its directory.
    pub path: PathBuf,
    /// Which build's, as its slot is called.
    pub slot: String,
    /// When it was made; `None` when that cannot be told, and then it never ages.
    #[schemars(with = "Option<String>")]
    pub made: Option<Timestamp>,
    /// Bytes of its files.
    pub size: u64,
    #[serde(skip)]
    number: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Made {
    schema_version: String,
    /// When the export ended.
    at: Timestamp,
    /// Bytes of the layout.
    size: u64,
}

/// A generation that is read; it stays while this lives.
#[derive(Debug)]
pub struct Reading {
    layout: PathBuf,
    _shared: Lock,
}

/// A generation that is written; gone with this unless it is installed.
#[derive(Debug)]
pub struct Writing {
    slot: Slot,
    scratch: Scratch,
    _mine: Lock,
}

impl Slot {
    /// Opens a slot for use. `root` is the directory that holds one directory per repository; what it is mounted on must
    /// be there already, or a forgotten mount would silently fill a container's own disk (spec/build.md E.2).
    ///
    /// # Errors
    /// [`Unavailable`] when the mount is missing or the slot cannot be written.
    pub fn open(root: &Path, dir: &Path) -> Result<Self, Unavailable> {
        let mount = if root == Path::new(crate::plan::cache::DEFAULT_DIRECTORY) { Path::new("/stagefreight") } else { parent_of(root) };
        if !mount.is_dir() {
            return Err(Unavailable(format!("{} is not there", mount.display())));
        }
        let slot = Self { dir: dir.to_owned() };
        slot.alone().map_err(|error| Unavailable(error.message().to_owned()))?;
        Ok(slot)
    }

    /// The slot as a path: what people call this cache.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Which build's it is.
    fn name(&self) -> String {
        self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The newest generation, which will not be removed while it is read; `None` when there is none.
    pub fn read(&self) -> Result<Option<Reading>> {
        let _alone = self.alone()?;
        for generation in self.generations()?.into_iter().rev() {
            if let Ok(shared) = Lock::try_share(&generation.path.join(LOCK)) {
                return Ok(Some(Reading { layout: generation.path.join(LAYOUT), _shared: shared }));
            }
        }
        Ok(None)
    }

    /// A new generation to be.
    pub fn write(&self) -> Result<Writing> {
        let _alone = self.alone()?;
        let scratch = Scratch::below(&self.dir, "new")?;
        let mine = Lock::try_take(&scratch.path().join(LOCK)).map_err(lock_error)?;
        Ok(Writing { slot: self.clone(), scratch, _mine: mine })
    }

    /// Generations, oldest first.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        let slot = self.name();
        let mut found = Vec::new();
        for name in fs::names_in(&self.dir)? {
            let Some(number) = name.strip_prefix(PREFIX).and_then(|number| number.parse::<u64>().ok()) else { continue };
            let path = self.dir.join(&name);
            let made = fs::read_regular(&path.join(MADE), MAX_MADE).ok().and_then(|bytes| serde_json::from_slice::<Made>(&bytes).ok());
            let size = match &made {
                Some(made) => made.size,
                None => match size_of(&path) {
                    Ok(size) => size,
                    // Another job took it away meanwhile.
                    Err(_) if !fs::is_dir(&path) => continue,
                    Err(error) => return Err(error),
                },
            };
            found.push(Generation { path, slot: slot.clone(), made: made.map(|made| made.at), size, number });
        }
        found.sort_by_key(|generation| generation.number);
        Ok(found)
    }

    /// Removes what a killed process left behind. Everything that is in use is locked.
    fn sweep(&self) -> Result<()> {
        let mut left = Vec::new();
        {
            let _alone = self.alone()?;
            for name in fs::names_in(&self.dir)? {
                let path = self.dir.join(&name);
                let abandoned = name.starts_with(NEW) && Lock::try_take(&path.join(LOCK)).is_ok();
                if abandoned || name.starts_with(GONE) {
                    left.push(path);
                }
            }
        }
        for path in left {
            fs::remove_tree(&path)?;
        }
        Ok(())
    }

    /// Takes a generation away, unless somebody reads it. `false` when it stays.
    fn remove(&self, generation: &Generation) -> Result<bool> {
        let gone = {
            let _alone = self.alone()?;
            if !fs::is_dir(&generation.path) {
                return Ok(false);
            }
            let Ok(_unread) = Lock::try_take(&generation.path.join(LOCK)) else { return Ok(false) };
            let gone = self.dir.join(format!("{GONE}{}", generation.number));
            fs::remove_tree(&gone)?;
            fs::rename(&generation.path, &gone)?;
            gone
        };
        fs::remove_tree(&gone)?;
        Ok(true)
    }

    // Held for moments: names are looked at and changed, nothing is written or removed meanwhile.
    fn alone(&self) -> Result<Lock> {
        Lock::take(&self.dir.join(LOCK)).map_err(lock_error)
    }
}

impl Reading {
    /// For `src=`.
    pub fn path(&self) -> &Path {
        &self.layout
    }
}

impl Writing {
    /// For `dest=`; BuildKit makes it.
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join(LAYOUT)
    }

    /// Makes what was written the newest generation, and removes those before it.
    ///
    /// # Errors
    /// When BuildKit wrote nothing, or the disk does not take it; the generations that were there stay.
    pub fn install(self, now: Timestamp) -> Result<Generation> {
        let layout = self.path();
        if !fs::is_present(&layout.join("index.json"))? {
            return Err(Error::failed(format!("BuildKit wrote no cache to {}", self.slot.dir.display())));
        }
        let size = size_of(&layout)?;
        let made = Made { schema_version: "1".to_owned(), at: now, size };
        let json = serde_json::to_vec(&made).map_err(|error| Error::failed("cannot write JSON").because(&error))?;
        fs::write_atomic(&self.scratch.path().join(MADE), &json, 0o644)?;
        fs::sync_tree(self.scratch.path())?;
        let (before, number, path) = {
            let _alone = self.slot.alone()?;
            let before = self.slot.generations()?;
            let number = before.last().map_or(1, |last| last.number + 1);
            let path = self.slot.dir.join(format!("{PREFIX}{number:010}"));
            fs::rename(self.scratch.path(), &path)?;
            (before, number, path)
        };
        for old in &before {
            self.slot.remove(old)?;
        }
        self.slot.sweep()?;
        // Another job may have installed a newer one by now; this one was whole all the same.
        Ok(Generation { path, slot: self.slot.name(), made: Some(now), size, number })
    }
}

/// What is kept of a repository's local caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalKeep {
    /// Older generations go.
    pub max_age: Duration,
    /// While all generations together are larger than this, the oldest goes.
    pub max_size: ByteSize,
}

/// What retention of local caches did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LocalRetention {
    /// The repository's directory.
    pub directory: PathBuf,
    /// Generations that were there.
    pub before: usize,
    /// Those that went, or would go.
    pub removed: Vec<Generation>,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Those that should go and are read by somebody.
    pub in_use: Vec<Generation>,
}

/// Every generation of a repository's directory, oldest first; those of unknown age last.
pub fn list_local(directory: &Path) -> Result<Vec<Generation>> {
    let mut found = Vec::new();
    for slot in slots(directory)? {
        found.extend(slot.generations()?);
    }
    found.sort_by_key(|generation| (generation.made.is_none(), generation.made, generation.number));
    Ok(found)
}

/// Drops whole generations: those that are too old, then the oldest while all together are too large. What cannot be
/// dated is never too old, and the last to go for space. A dry run decides the same and removes nothing.
pub fn prune_local(directory: &Path, keep: LocalKeep, now: Timestamp, dry_run: bool) -> Result<LocalRetention> {
    if !dry_run {
        for slot in slots(directory)? {
            slot.sweep()?;
        }
    }
    let all = list_local(directory)?;
    let mut report = LocalRetention { directory: directory.to_owned(), before: all.len(), ..LocalRetention::default() };
    let is_old = |generation: &Generation| generation.made.is_some_and(|made| now.since(made) > keep.max_age);
    let (mut going, staying): (Vec<_>, Vec<_>) = all.into_iter().partition(is_old);
    let mut total: u64 = staying.iter().map(|generation| generation.size).sum();
    for generation in staying {
        if total <= keep.max_size.0 {
            break;
        }
        total -= generation.size;
        going.push(generation);
    }
    for generation in going {
        let slot = Slot { dir: parent_of(&generation.path).to_owned() };
        if dry_run || slot.remove(&generation)? {
            report.removed_bytes += generation.size;
            report.removed.push(generation);
        } else {
            report.in_use.push(generation);
        }
    }
    Ok(report)
}

fn slots(directory: &Path) -> Result<Vec<Slot>> {
    let names = fs::names_in(directory)?.into_iter().filter(|name| !name.starts_with('.'));
    Ok(names.map(|name| Slot { dir: directory.join(name) }).filter(|slot| fs::is_dir(&slot.dir)).collect())
}

fn size_of(dir: &Path) -> Result<u64> {
    let files = fs::walk(dir, &|_| true)?;
    Ok(files.iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| entry.metadata.len()).sum())
}

fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn lock_error(error: LockError) -> Error {
    match error {
        LockError::Held(path) => Error::failed(format!("another process holds {}", path.display())),
        LockError::Path(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;
