//! Buffers that go round: lent to a connection as bytes, and back when it has let go of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

/// A fixed number of buffers of one size. There are never more, so that a connection is never further ahead of its socket
/// than this: whatever it could queue beyond would only leave the processor's cache before it is encrypted.
#[derive(Debug)]
pub(super) struct Pieces {
    free: Mutex<Vec<Vec<u8>>>,
    returned: AtomicWaker,
}

impl Pieces {
    /// `count` buffers of `size` bytes.
    pub(super) fn new(count: usize, size: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new((0..count).map(|_| vec![0; size]).collect()), returned: AtomicWaker::new() })
    }

    /// A buffer, as soon as one is free.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        if let Some(buffer) = self.take() {
            return Poll::Ready(buffer);
        }
        self.returned.register(cx.waker());
        // It may have come back between the two.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// The first bytes of a buffer, which comes back when the last user of them is done.
    pub(super) fn lend(self: &Arc<Self>, buffer: Vec<u8>, len: usize) -> Bytes {
        Bytes::from_owner(Lent { buffer, len, home: Arc::clone(self) })
    }

    fn take(&self) -> Option<Vec<u8>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

struct Lent {
    buffer: Vec<u8>,
    len: usize,
    home: Arc<Pieces>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.home.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        self.home.returned.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_buffer_comes_back_when_nobody_needs_its_bytes_and_wakes_who_waits() {
        let pieces = Pieces::new(1, 8);
        let mut buffer = poll_fn(|cx| pieces.poll_take(cx)).await;
        buffer[..3].copy_from_slice(b"abc");
        let lent = pieces.lend(buffer, 3);
        assert_eq!(lent, "abc");
        let part = lent.slice(1..);
        let waiting = tokio::spawn({
            let pieces = Arc::clone(&pieces);
            async move { poll_fn(|cx| pieces.poll_take(cx)).await.len() }
        });
        tokio::task::yield_now().await;
        drop(lent);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "a part of it is still in use");
        drop(part);
        assert_eq!(waiting.await.expect("woken"), 8);
    }
}
