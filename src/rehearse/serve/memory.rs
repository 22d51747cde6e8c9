//! What was asked of a server, for tests that count and for observers that strike at a moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When an observer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The request's head was read; nothing has been done.
    Arrived,
    /// It took effect (or was refused) with this status; the answer has not left yet.
    Committed(u16),
}

/// A request that is remembered.
pub trait Remembered: Clone {
    /// Was this an attempt to change something?
    fn is_write(&self) -> bool;
}

/// A server's memory of requests; clones share it. The oldest are forgotten first.
#[derive(Debug)]
pub struct Memory<E> {
    entries: Arc<Mutex<VecDeque<E>>>,
    capacity: usize,
}

// Derived, it would ask that entries can be cloned.
impl<E> Clone for Memory<E> {
    fn clone(&self) -> Self {
        Self { entries: Arc::clone(&self.entries), capacity: self.capacity }
    }
}

impl<E: Remembered> Memory<E> {
    pub(in crate::rehearse) fn new(capacity: usize) -> Self {
        Self { entries: Arc::default(), capacity: capacity.max(1) }
    }

    pub(in crate::rehearse) fn add(&self, entry: E) {
        let mut entries = self.lock();
        if entries.len() == self.capacity {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// Everything remembered, in the order of the answers.
    pub fn entries(&self) -> Vec<E> {
        self.lock().iter().cloned().collect()
    }

    /// Attempts to change something.
    pub fn writes(&self) -> Vec<E> {
        self.lock().iter().filter(|entry| entry.is_write()).cloned().collect()
    }

    /// Forgets everything, so that a test counts from here.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<E>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
