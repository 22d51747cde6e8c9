//! Advisory locks between processes. The system releases them when a process dies, so none is ever stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::core::PathError;

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another process holds {0}")]
    Held(std::path::PathBuf),
    /// The lock file could not be made.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Lock {
    /// Takes the lock at once, or says who cannot.
    pub fn try_take(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(PathError::at("lock", path)(error).into()),
        }
    }

    /// Takes a lock that others may share, at once, or says who holds it alone.
    pub fn try_share(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(PathError::at("lock", path)(error).into()),
        }
    }

    /// Waits for a lock that others may share. Blocks the thread.
    pub fn share(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        file.lock_shared().map_err(PathError::at("lock", path))?;
        Ok(Self { _file: file })
    }

    /// Waits for the lock. Blocks the thread.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        file.lock().map_err(PathError::at("lock", path))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, PathError> {
    if let Some(parent) = path.parent() {
        super::create_dir(parent)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(PathError::at("open", path))
}
