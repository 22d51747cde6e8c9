//! Keeps two jobs of one machine apart: one makes a builder, and nobody takes a builder away that another job uses.
//! The system releases the locks of a process that dies.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};
use crate::event::Events;
use crate::fs::{Lock, LockError};

/// Making a builder may pull an image; a job that waits longer than this waits for something that hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The locks of one builder.
#[derive(Debug, Clone)]
pub(super) struct Locks {
    name: String,
    dir: PathBuf,
}

impl Locks {
    /// Of the builder of that name, below our own directory.
    pub(super) fn of(own_dir: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), dir: own_dir.join("locks") }
    }

    /// Alone with the builder's making. Waits, and says so.
    pub(super) async fn making(&self, events: &Events, cancel: &CancellationToken) -> Result<Lock> {
        let path = self.dir.join(format!("{}.lock", self.name));
        let begun = Instant::now();
        let mut said = false;
        loop {
            match Lock::try_take(&path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(_)) => {}
                Err(LockError::Path(error)) => return Err(error.into()),
            }
            if !said {
                events.info(format!("waiting for builder {}: another job is making it", self.name));
                said = true;
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::failed(format!("builder {} is still being made by another job", self.name))
                    .hint(format!("find the process that holds {}", path.display())));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = cancel.cancelled() => {
                    return Err(Error::new(Kind::Terminated, format!("interrupted while waiting for builder {}", self.name)));
                }
            }
        }
    }

    /// Using it, beside others.
    pub(super) fn using(&self) -> Result<Lock> {
        Lock::try_share(&self.use_path()).map_err(|error| match error {
            LockError::Held(_) => Error::failed(format!("builder {} is being removed by another job", self.name)).hint("run this again"),
            LockError::Path(error) => error.into(),
        })
    }

    /// Alone with it, to take it away.
    pub(super) fn removing(&self) -> Result<Lock> {
        Lock::try_take(&self.use_path()).map_err(|error| match error {
            LockError::Held(_) => Error::failed(format!("builder {} is in use by another job", self.name)).hint("wait for it to end"),
            LockError::Path(error) => error.into(),
        })
    }

    fn use_path(&self) -> PathBuf {
        self.dir.join(format!("{}.use", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_makes_many_use_and_nobody_takes_it_away_meanwhile() {
        let dir = tempfile::tempdir().expect("dir");
        let (locks, other) = (Locks::of(dir.path(), "sf-1"), Locks::of(dir.path(), "sf-2"));
        let cancel = CancellationToken::new();
        let made = locks.making(&Events::none(), &cancel).await.expect("first");
        let _other = other.making(&Events::none(), &cancel).await.expect("another builder");
        let waiting = tokio::time::timeout(Duration::from_millis(200), locks.making(&Events::none(), &cancel)).await;
        assert!(waiting.is_err(), "the second waits");
        drop(made);
        drop(locks.making(&Events::none(), &cancel).await.expect("second"));
        let used = (locks.using().expect("used"), locks.using().expect("used twice"));
        assert!(locks.removing().is_err_and(|error| error.message() == "builder sf-1 is in use by another job"));
        drop(used);
        let _removing = locks.removing().expect("free");
        assert!(locks.using().is_err());
        cancel.cancel();
    }
}
