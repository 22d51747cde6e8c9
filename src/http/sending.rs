//! A body on its way: how far it is, for itself and for who watches it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::body::Frame;

use super::request::OnProgress;

/// How far one body is: it sends exactly as many bytes as it said, tells the meter of each, and why it cannot go on.
pub(super) struct Sending {
    left: u64,
    meter: Arc<Meter>,
    on_progress: Option<OnProgress>,
}

impl Sending {
    /// A body of `len` bytes of which none has left.
    pub(super) fn new(len: u64, meter: Arc<Meter>, on_progress: Option<OnProgress>) -> Self {
        Self { left: len, meter, on_progress }
    }

    /// Bytes that have not left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Hands out the next bytes. More than were announced are an error, and so are none.
    pub(super) fn hand_out(&mut self, piece: Bytes) -> io::Result<Frame<Bytes>> {
        let count = piece.len() as u64;
        if count == 0 {
            return self.ended_early();
        }
        if count > self.left {
            return self.failed(io::Error::other("it is longer than it was said to be"));
        }
        self.left -= count;
        let moved = self.meter.add(count);
        if let Some(report) = &self.on_progress {
            report(moved);
        }
        if self.left == 0 {
            self.meter.finish();
        }
        Ok(Frame::data(piece))
    }

    /// There is no more, and there should be.
    pub(super) fn ended_early(&self) -> io::Result<Frame<Bytes>> {
        self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ended {} bytes early", self.left)))
    }

    /// The bytes cannot be had.
    pub(super) fn failed(&self, error: io::Error) -> io::Result<Frame<Bytes>> {
        self.meter.fail(&error);
        Err(error)
    }
}

/// Counts what left, for stall detection; remembers why our own side failed.
#[derive(Debug, Default)]
pub(super) struct Meter {
    moved: AtomicU64,
    finished: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Meter {
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub(super) fn finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().ok().and_then(|failure| failure.clone())
    }

    /// Counts bytes that left, and tells how many have.
    pub(super) fn add(&self, bytes: u64) -> u64 {
        self.moved.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, error: &io::Error) {
        if let Ok(mut failure) = self.failure.lock() {
            *failure = Some(error.to_string());
        }
    }
}
