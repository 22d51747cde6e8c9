//! The lockfile `stagefreight.lock.yaml`: which adapter, by digest, each remote may run on each platform. It is committed
//! with the sources; only what it names is executed.

mod file;

pub use file::{LockError, LockFile, LockedAsset, LockedRemote, SCHEMA_VERSION};
