//! Removing what nobody names any more, beside writers.
//!
//! 1. Alone for a moment: mark that a collection runs. Writers that began before have made their pointers visible;
//!    those that begin later note the bytes they use, before they use them.
//! 2. Beside everybody: read all pointers. What they name stays.
//! 3. For some blobs at a time, alone for a moment: what is not named, not noted and older than the grace period goes.
//! 4. Alone for a moment: take the mark and the notes away.
//!
//! So nothing depends on how long a put takes, nor on any clock: the grace period is patience, not safety. It is
//! counted by the file system's clock. A collector that is killed leaves its mark, which costs writers a note each until
//! the next collection.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Inner;
use crate::fs;
use crate::store::artifact::port::{Call, Collected, Result};

/// Blobs that are removed while writers wait.
const AT_A_TIME: usize = 64;

/// What lies in `tmp` is never younger than this when it is removed: its writer may just have made it.
const YOUNGEST_LEFTOVER: Duration = Duration::from_secs(60 * 60);

impl Inner {
    /// The whole collection. Blocks.
    pub(super) fn collect(&self, grace: Duration, call: &Call, doing: &str) -> Result<Collected> {
        call.check(doing)?;
        if !fs::is_present(self.layout.root())? {
            return Ok(Collected::default());
        }
        let _collector = self.layout.become_collector()?;
        let now = self.announce()?;
        let outcome = self.sweep(now, grace, call, doing);
        self.withdraw()?;
        outcome
    }

    /// Marks that a collection runs, and tells what the file system takes for now.
    fn announce(&self) -> Result<SystemTime> {
        let _alone = self.layout.pass_alone()?;
        fs::remove_tree(&self.layout.keep())?;
        // Made anew, for its time.
        fs::remove_file(&self.layout.running())?;
        drop(fs::create_new(&self.layout.running())?);
        Ok(fs::modified(&self.layout.running())?)
    }

    fn withdraw(&self) -> Result<()> {
        let _alone = self.layout.pass_alone()?;
        fs::remove_file(&self.layout.running())?;
        Ok(fs::remove_tree(&self.layout.keep())?)
    }

    fn sweep(&self, now: SystemTime, grace: Duration, call: &Call, doing: &str) -> Result<Collected> {
        let references = self.layout.list(None, &|| call.check(doing))?;
        let mut live = HashSet::new();
        let mut collected = Collected { references: references.len() as u64, ..Collected::default() };
        for at in &references {
            call.check(doing)?;
            match self.entry(at) {
                Ok(Some(entry)) => live.extend([entry.data.digest.hex().to_owned(), entry.manifest.digest.hex().to_owned()]),
                Ok(None) => {}
                // Nobody knows what a damaged pointer names, so nothing is removed while there is one.
                Err(error) if error.is_integrity() => {
                    return Err(error.context(doing).hint("put or remove that reference first: what it names must not be removed unseen"));
                }
                Err(error) => return Err(error),
            }
        }
        let dead: Vec<(String, PathBuf)> = self.layout.blobs()?.into_iter().filter(|(hex, _)| !live.contains(hex)).collect();
        for some in dead.chunks(AT_A_TIME) {
            call.check(doing)?;
            let _alone = self.layout.pass_alone()?;
            for (hex, path) in some.iter().filter(|(hex, _)| !self.layout.noted(hex)) {
                debug_assert!(!live.contains(hex));
                if !is_older(path, now, grace)? {
                    collected.spared += 1;
                    continue;
                }
                let size = fs::size_of(path).unwrap_or_default();
                if fs::remove_file(path)? {
                    collected.removed += 1;
                    collected.bytes += size;
                }
            }
        }
        self.remove_leftovers(now, grace.max(YOUNGEST_LEFTOVER))?;
        Ok(collected)
    }

    /// What killed writers left. A living one holds a lock on its file.
    fn remove_leftovers(&self, now: SystemTime, grace: Duration) -> Result<()> {
        for (name, _) in fs::kinds_in(self.layout.tmp())?.into_iter().filter(|(_, is_dir)| !is_dir) {
            let path = self.layout.tmp().join(name);
            if !is_older(&path, now, grace)? {
                continue;
            }
            let Ok((file, _)) = fs::open_regular(&path) else { continue };
            if file.try_lock().is_ok() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Was it written longer ago than that? What is gone is not.
fn is_older(path: &Path, now: SystemTime, grace: Duration) -> Result<bool> {
    match fs::modified(path) {
        Ok(written) => Ok(now.duration_since(written).is_ok_and(|age| age >= grace)),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
