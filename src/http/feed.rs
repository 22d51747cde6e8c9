//! Bytes that pass through: a request's body that is another answer's, asked for anew for every attempt.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use super::request::OnProgress;
use super::sending::{Meter, Sending};
use crate::core::BoxFuture;

/// Somewhere bytes come from. Few pieces are on their way at a time, so that memory does not grow with their number.
pub trait Feed: Debug + Send + Sync {
    /// Begins to deliver `len` bytes from `offset` on, exactly so many, or an error.
    fn open(&self, offset: u64, len: u64) -> BoxFuture<'static, io::Result<Receiver<io::Result<Bytes>>>>;
}

/// Such bytes with an exact length: a feed that ends early is an error, not a short blob.
pub(super) struct FeedBody {
    pieces: Receiver<io::Result<Bytes>>,
    sending: Sending,
}

impl FeedBody {
    /// Begins.
    pub(super) async fn open(
        from: &dyn Feed,
        offset: u64,
        len: u64,
        meter: Arc<Meter>,
        on_progress: Option<OnProgress>,
    ) -> io::Result<Self> {
        Ok(Self { pieces: from.open(offset, len).await?, sending: Sending::new(len, meter, on_progress) })
    }
}

impl hyper::body::Body for FeedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.sending.left() == 0 {
            return Poll::Ready(None);
        }
        loop {
            return Poll::Ready(Some(match ready!(self.pieces.poll_recv(cx)) {
                // Nothing is no end here.
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => self.sending.hand_out(piece),
                Some(Err(error)) => self.sending.failed(error),
                None => self.sending.ended_early(),
            }));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.sending.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.sending.left())
    }
}
