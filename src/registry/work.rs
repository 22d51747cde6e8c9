//! What this run has already moved, so that nothing is moved twice: shared by all targets, artifacts and tags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::transfer::HostFacts;
use crate::core::Digest;

/// A blob or manifest in a repository of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    host: String,
    path: String,
    digest: Digest,
}

/// The work of one run, by host, repository and digest.
#[derive(Debug, Default)]
pub struct Work {
    places: Mutex<HashMap<Place, Arc<OnceCell<()>>>>,
    holders: Mutex<HashMap<(String, Digest), Vec<String>>>,
    hosts: Mutex<HashMap<String, Arc<HostFacts>>>,
}

impl Work {
    /// Does something once per place: whoever comes second waits for the first and gets `None`. When the first fails,
    /// the next one tries.
    pub async fn once<T, E>(
        &self,
        host: &str,
        path: &str,
        digest: &Digest,
        work: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let place = Place { host: host.to_owned(), path: path.to_owned(), digest: digest.clone() };
        let cell = lock(&self.places).entry(place).or_default().clone();
        let mut outcome = None;
        cell.get_or_try_init(async || {
            outcome = Some(work().await?);
            self.note_holder(host, path, digest);
            Ok(())
        })
        .await?;
        Ok(outcome)
    }

    /// What a host has taught us, and the gate that decides how much is asked of it at a time.
    pub(super) fn host(&self, host: &str) -> Arc<HostFacts> {
        Arc::clone(lock(&self.hosts).entry(host.to_owned()).or_default())
    }

    /// A repository is known to hold a digest.
    pub fn note_holder(&self, host: &str, path: &str, digest: &Digest) {
        let mut holders = lock(&self.holders);
        let paths = holders.entry((host.to_owned(), digest.clone())).or_default();
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }

    /// Other repositories of the host that hold a digest and could lend it.
    pub fn neighbours(&self, host: &str, path: &str, digest: &Digest) -> Vec<String> {
        let holders = lock(&self.holders);
        let paths = holders.get(&(host.to_owned(), digest.clone()));
        paths.map(|paths| paths.iter().filter(|known| *known != path).cloned().collect()).unwrap_or_default()
    }
}

// A panic elsewhere leaves the map as it is: it only ever grows by whole entries.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn does_it_once_and_again_after_a_failure() {
        let work = Work::default();
        let digest = Digest::of(b"x");
        let failed: Result<Option<u8>, &str> = work.once("h", "a", &digest, async || Err("no")).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(work.once("h", "a", &digest, async || Ok::<_, &str>(1)).await, Ok(Some(1)));
        assert_eq!(work.once("h", "a", &digest, async || Ok::<_, &str>(2)).await, Ok(None));
        assert_eq!(work.neighbours("h", "b", &digest), ["a"]);
        assert!(work.neighbours("h", "a", &digest).is_empty());
        assert!(work.neighbours("other", "b", &digest).is_empty());
    }
}
