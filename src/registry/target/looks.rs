//! What the tags of one artifact in one repository were seen to hold, so that two steps need not both ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::Digest;

/// Shared by the steps of one artifact and repository.
#[derive(Debug, Default)]
pub(super) struct Looks {
    // Only filled when every tag holds the artifact, that is when nothing will be written between two looks.
    in_place: Mutex<HashMap<String, Digest>>,
    read_back: AtomicBool,
}

impl Looks {
    /// Every one of these tags was just seen to hold the digest.
    pub(super) fn all_in_place(&self, tags: impl IntoIterator<Item = String>, digest: &Digest) {
        self.lock().extend(tags.into_iter().map(|tag| (tag, digest.clone())));
    }

    /// What a tag was just seen to hold. Told once: whoever looks again wants to know anew.
    pub(super) fn take(&self, tag: &str) -> Option<Digest> {
        self.lock().remove(tag)
    }

    /// Were all tags just seen in place?
    pub(super) fn is_in_place(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Is this the first tag that is read back? It is read with its bytes; the others by their digest.
    pub(super) fn is_first_read(&self) -> bool {
        !self.read_back.swap(true, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.in_place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
