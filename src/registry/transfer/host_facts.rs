//! What a host has taught us in this run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::gate::Gate;

/// Bodies from this size on are bulk: they travel on connections of their own, few at a time.
pub const BULK: u64 = 1024 * 1024;

/// Bulk bodies under way to one host at a time. More share the same bandwidth and each holds buffers.
const BULK_AT_A_TIME: usize = 4;

/// After this many blobs in a row that were not there, a repository is taken for new.
const MISSES: u32 = 4;

/// What one host has taught us. Shared by everything that is sent there.
#[derive(Debug)]
pub struct HostFacts {
    /// Admits operations.
    pub gate: Gate,
    /// Admits bulk bodies among them.
    pub bulk: Semaphore,
    /// One update of a tag that others write too at a time: our own workers need not race each other.
    pub shared_tag: tokio::sync::Mutex<()>,
    // The most bytes a single request may carry; larger ones were refused with 413.
    most: AtomicU64,
    repositories: Mutex<HashMap<String, Asked>>,
}

/// How asking for blobs in a repository went.
#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    missing: u32,
    found: bool,
}

impl Default for HostFacts {
    fn default() -> Self {
        Self {
            gate: Gate::default(),
            bulk: Semaphore::new(BULK_AT_A_TIME),
            shared_tag: tokio::sync::Mutex::default(),
            most: AtomicU64::new(u64::MAX),
            repositories: Mutex::default(),
        }
    }
}

impl HostFacts {
    /// Is it worth asking whether a blob is there before opening a session for it? Always for a bulk blob, and as long
    /// as the repository may hold something. In a repository where nothing was found so far, a small blob is asked for
    /// by the same request that opens its session (a mount from the repository itself).
    pub fn asks_first(&self, path: &str, size: u64) -> bool {
        let asked = self.lock().get(path).copied().unwrap_or_default();
        size >= BULK || asked.found || asked.missing < MISSES
    }

    /// A blob was asked for, and was there or not.
    pub fn asked(&self, path: &str, found: bool) {
        let mut repositories = self.lock();
        let asked = repositories.entry(path.to_owned()).or_default();
        asked.found |= found;
        asked.missing += u32::from(!found);
    }

    /// The most bytes one request may carry here.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// A request of more than this was refused as too large.
    pub fn carry_at_most(&self, bytes: u64) {
        self.most.fetch_min(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Asked>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_without_finds_is_taken_for_new() {
        let facts = HostFacts::default();
        for _ in 0..MISSES {
            assert!(facts.asks_first("acme/app", 10));
            facts.asked("acme/app", false);
        }
        assert!(!facts.asks_first("acme/app", 10));
        assert!(facts.asks_first("acme/app", BULK), "sending much for nothing costs more than asking");
        assert!(facts.asks_first("acme/other", 10));
        facts.asked("acme/app", true);
        assert!(facts.asks_first("acme/app", 10));
    }
}
