//! Bodies: requests taken in with a bound on size and silence, responses streamed from disk; both can misbehave.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::refusal::{Code, Refusal, Result};

/// Bytes read from disk at a time.
const BUFFER: usize = 64 * 1024;

/// Buffers between the disk and the network.
const AHEAD: usize = 4;

/// A response's body.
pub struct Body {
    source: Source,
    left: u64,
    cut_after: Option<u64>,
    pace: Option<u64>,
    wait: Option<Pin<Box<Sleep>>>,
}

enum Source {
    Bytes(Bytes),
    Stream { chunks: mpsc::Receiver<io::Result<Bytes>>, next: Bytes },
}

impl Body {
    /// Nothing.
    pub fn empty() -> Self {
        Self::bytes(Bytes::new())
    }

    /// Bytes held in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { left: bytes.len() as u64, source: Source::Bytes(bytes), cut_after: None, pace: None, wait: None }
    }

    /// A JSON document.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::bytes(value.to_string())
    }

    /// `length` bytes of a file from `start`, read a few buffers ahead of the client. Memory does not grow with size.
    pub fn file(mut file: std::fs::File, start: u64, length: u64) -> Self {
        let (sender, chunks) = mpsc::channel(AHEAD);
        // Ends by itself when the client goes away: the channel closes.
        let _detached = tokio::task::spawn_blocking(move || {
            if let Err(error) = file.seek(SeekFrom::Start(start)) {
                let _gone = sender.blocking_send(Err(error));
                return;
            }
            let mut file = file.take(length);
            loop {
                let mut buffer = vec![0; BUFFER];
                match file.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        buffer.truncate(count);
                        if sender.blocking_send(Ok(buffer.into())).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let _gone = sender.blocking_send(Err(error));
                        return;
                    }
                }
            }
        });
        Self { source: Source::Stream { chunks, next: Bytes::new() }, left: length, cut_after: None, pace: None, wait: None }
    }

    /// How many bytes it has left.
    pub fn len(&self) -> u64 {
        self.left
    }

    /// Ends after `bytes`, as if that were all.
    pub fn truncate(&mut self, bytes: u64) {
        self.left = self.left.min(bytes);
    }

    /// Fails after `bytes`, which closes the connection.
    pub fn cut_after(&mut self, bytes: u64) {
        self.cut_after = Some(bytes);
    }

    /// Sends at this speed.
    pub fn pace(&mut self, bytes_per_second: u64) {
        self.pace = Some(bytes_per_second.max(1));
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Source::Bytes(bytes) => Poll::Ready((!bytes.is_empty()).then(|| Ok(std::mem::take(bytes)))),
            Source::Stream { next, .. } if !next.is_empty() => Poll::Ready(Some(Ok(std::mem::take(next)))),
            Source::Stream { chunks, .. } => chunks.poll_recv(cx),
        }
    }

    fn put_back(&mut self, rest: Bytes) {
        match &mut self.source {
            Source::Bytes(bytes) => *bytes = rest,
            Source::Stream { next, .. } => *next = rest,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(wait) = &mut self.wait {
            std::task::ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        if self.cut_after == Some(0) {
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the fault plan"))));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = match std::task::ready!(self.poll_chunk(cx)) {
            None => return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the content ended early")))),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(chunk)) => chunk,
        };
        let mut most = self.left.min(chunk.len() as u64);
        if let Some(cut) = self.cut_after {
            most = most.min(cut);
        }
        if let Some(pace) = self.pace {
            most = most.min((pace / 10).max(1));
            self.wait = Some(Box::pin(tokio::time::sleep(time_of(most, pace))));
        }
        // `most` is at most the chunk's length.
        let rest = chunk.split_off(usize::try_from(most).unwrap_or(chunk.len()));
        self.put_back(rest);
        self.left -= most;
        if let Some(cut) = &mut self.cut_after {
            *cut -= most;
            // What was sent before the cut should arrive: the connection's buffer is flushed while we wait.
            if *cut == 0 {
                self.wait = Some(Box::pin(tokio::time::sleep(Duration::from_millis(20))));
            }
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.cut_after != Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn time_of(bytes: u64, pace: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / pace)
}

/// A request's body.
pub struct Inbound {
    incoming: Incoming,
    idle: Duration,
    left: u64,
    limit: u64,
    received: u64,
    cut_after: Option<u64>,
    pace: Option<u64>,
}

impl Inbound {
    /// Takes in at most `limit` bytes, and waits at most `idle` for each next piece.
    pub fn new(incoming: Incoming, limit: u64, idle: Duration) -> Self {
        Self { incoming, idle, left: limit, limit, received: 0, cut_after: None, pace: None }
    }

    /// Cuts the connection after `bytes`.
    pub fn cut_after(&mut self, bytes: u64) {
        self.cut_after = Some(bytes);
    }

    /// Takes in at this speed.
    pub fn pace(&mut self, bytes_per_second: u64) {
        self.pace = Some(bytes_per_second.max(1));
    }

    /// Lowers the bound.
    pub fn at_most(&mut self, limit: u64) {
        self.left = self.left.min(limit);
        self.limit = self.limit.min(limit);
    }

    /// Length the client announced, unless it sends in HTTP chunks.
    pub fn announced(&self) -> Option<u64> {
        hyper::body::Body::size_hint(&self.incoming).exact()
    }

    /// The next piece, `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.announced().is_some_and(|length| length > self.left) {
            return Err(self.too_large());
        }
        if self.cut_after.is_some_and(|cut| self.received >= cut) {
            return Err(Refusal::cut());
        }
        loop {
            let frame = match tokio::time::timeout(self.idle, self.incoming.frame()).await {
                Err(_) => return Err(self.too_slow()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Refusal::cut()),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers mean nothing here.
            let Ok(mut bytes) = frame.into_data() else { continue };
            if bytes.is_empty() {
                continue;
            }
            let length = bytes.len() as u64;
            if length > self.left {
                return Err(self.too_large());
            }
            if let Some(pace) = self.pace {
                tokio::time::sleep(time_of(length, pace)).await;
            }
            if let Some(cut) = self.cut_after {
                bytes.truncate(usize::try_from(cut - self.received).unwrap_or(usize::MAX));
            }
            self.left -= length;
            self.received += bytes.len() as u64;
            return Ok(Some(bytes));
        }
    }

    /// The whole body, for what is small by nature.
    pub async fn collect(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// Reads on for a moment after a refusal, so that a client that is still sending gets to read the answer instead
    /// of a reset connection.
    pub async fn drain(mut self) {
        const MOST: u64 = 4 << 20;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        let mut read = 0;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(deadline, self.incoming.frame()).await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MOST {
                return;
            }
        }
    }

    fn too_large(&self) -> Refusal {
        let limit = crate::core::ByteSize(self.limit);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, format!("the body is larger than the {limit} accepted here"))
    }

    fn too_slow(&self) -> Refusal {
        let message = format!("nothing arrived for {}", crate::core::duration::human(self.idle));
        Refusal::new(StatusCode::REQUEST_TIMEOUT, Code::BlobUploadInvalid, message).header(hyper::header::CONNECTION, "close")
    }
}
