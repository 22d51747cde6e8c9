//! How writers and the collector keep out of each other's way. A writer passes while it makes its bytes and its pointer
//! visible, with any number of others; the collector passes alone, for moments. Locks of the system: a killed process
//! holds none.

use std::path::PathBuf;

use super::layout::Layout;
use crate::core::Digest;
use crate::fs::{self, Lock, LockError};
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind};

/// Marks that a collection runs; then writers note what they use.
const RUNNING: &str = "running";
const KEEP: &str = "keep";

/// Somebody passes. Dropped, the way is free again.
pub struct Passing {
    _lock: Lock,
}

impl Layout {
    /// Passes beside other writers, and tells whether a collection runs.
    pub fn pass(&self) -> Result<(Passing, bool), ArtifactError> {
        // The gate is held for a moment only, so that the collector finds it free however many writers there are.
        let gate = Lock::share(&self.gc().join("gate")).map_err(local)?;
        let lock = Lock::share(&self.gc().join("lock")).map_err(local)?;
        drop(gate);
        let running = fs::exists(&self.running());
        Ok((Passing { _lock: lock }, running))
    }

    /// Passes alone: every writer that began has finished, and none begins.
    pub fn pass_alone(&self) -> Result<Passing, ArtifactError> {
        let gate = Lock::take(&self.gc().join("gate")).map_err(local)?;
        let lock = Lock::take(&self.gc().join("lock")).map_err(local)?;
        drop(gate);
        Ok(Passing { _lock: lock })
    }

    /// Takes the right to collect; only one may at a time.
    pub fn become_collector(&self) -> Result<Lock, ArtifactError> {
        Lock::try_take(&self.gc().join("collector")).map_err(|error| match error {
            LockError::Held(_) => ArtifactError::new(ArtifactErrorKind::Busy, format!("somebody else collects {}", self.root().display()))
                .hint("wait until that collection has ended"),
            error @ LockError::Path(_) => local(error),
        })
    }

    /// The file that is there while a collection runs.
    pub fn running(&self) -> PathBuf {
        self.gc().join(RUNNING)
    }

    /// Where writers note what they use while a collection runs.
    pub fn keep(&self) -> PathBuf {
        self.gc().join(KEEP)
    }

    /// Notes that a blob is in use. Only while passing.
    pub fn note(&self, digest: &Digest) -> Result<(), ArtifactError> {
        fs::create_dir(&self.keep())?;
        match fs::create_new(&self.keep().join(digest.hex())) {
            Ok(_) => Ok(()),
            Err(error) if error.source.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Did a writer note it?
    pub fn noted(&self, hex: &str) -> bool {
        fs::exists(&self.keep().join(hex))
    }
}

pub fn local(error: LockError) -> ArtifactError {
    match error {
        LockError::Path(path) => path.into(),
        held @ LockError::Held(_) => ArtifactError::new(ArtifactErrorKind::Busy, held.to_string()),
    }
}
