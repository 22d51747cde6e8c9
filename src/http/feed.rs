//! Bytes that pass through: a request's body that is another answer's, asked for anew for every attempt.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use super::body::Meter;
use super::request::OnProgress;
use crate::core::BoxFuture;

/// Somewhere bytes come from. Few pieces are on their way at a time, so that memory does not grow with their number.
pub trait Feed: Debug + Send + Sync {
    /// Begins to deliver `len` bytes from `offset` on, exactly so many, or an error.
    fn open(&self, offset: u64, len: u64) -> BoxFuture<'static, io::Result<Receiver<io::Result<Bytes>>>>;
}

/// Such bytes with an exact length: a feed that ends early is an error, not a short blob.
pub(super) struct FeedBody {
    pieces: Receiver<io::Result<Bytes>>,
    left: u64,
    meter: Arc<Meter>,
    on_progress: Option<OnProgress>,
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
        Ok(Self { pieces: from.open(offset, len).await?, left: len, meter, on_progress })
    }

    fn failed(&self, error: io::Error) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.meter.fail(&error);
        Poll::Ready(Some(Err(error)))
    }
}

impl hyper::body::Body for FeedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match ready!(self.pieces.poll_recv(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return self.failed(error),
            None => return self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ended {} bytes early", self.left))),
        };
        let count = piece.len() as u64;
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
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
