//! Bodies that can be made again for every attempt, and the meter that watches them leave.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, Take};
use tokio_util::io::ReaderStream;

use super::request::OnProgress;

/// How much of a file is in memory at a time, per transfer. It does not grow with the file.
const CHUNK: usize = 128 * 1024;

/// What a request carries.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes in memory, shared between attempts.
    Bytes(Bytes),
    /// A range of a file, opened and read anew for every attempt.
    File {
        /// The file.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// How many bytes; exactly this many are sent.
        len: u64,
    },
}

impl Body {
    /// Its exact length.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A body for one attempt.
    pub(super) async fn make(&self, meter: &Arc<Meter>, on_progress: Option<OnProgress>) -> std::io::Result<Option<reqwest::Body>> {
        match self {
            Self::Empty | Self::File { len: 0, .. } => {
                meter.finish();
                Ok(None)
            }
            Self::Bytes(bytes) => {
                meter.finish();
                Ok(Some(bytes.clone().into()))
            }
            Self::File { path, offset, len } => {
                let (path, offset, len) = (path.clone(), *offset, *len);
                let (file, _) = crate::fs::open_regular(&path).map_err(|error| std::io::Error::other(error.to_string()))?;
                let mut file = tokio::fs::File::from_std(file);
                file.set_max_buf_size(CHUNK);
                if offset > 0 {
                    file.seek(std::io::SeekFrom::Start(offset)).await?;
                }
                let stream = ReaderStream::with_capacity(file.take(len), CHUNK);
                Ok(Some(reqwest::Body::wrap(FileBody { stream, left: len, meter: Arc::clone(meter), on_progress })))
            }
        }
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

    fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    fn fail(&self, error: &std::io::Error) {
        if let Ok(mut failure) = self.failure.lock() {
            *failure = Some(error.to_string());
        }
    }
}

/// A file range with an exact length, so that `Content-Length` is sent and a short file is an error, not a short blob.
struct FileBody {
    stream: ReaderStream<Take<tokio::fs::File>>,
    left: u64,
    meter: Arc<Meter>,
    on_progress: Option<OnProgress>,
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let next = std::task::ready!(Pin::new(&mut self.stream).poll_next(cx));
        let item = match next {
            Some(Ok(bytes)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                let moved = self.meter.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
                if let Some(report) = &self.on_progress {
                    report(moved);
                }
                if self.left == 0 {
                    self.meter.finish();
                }
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => {
                Some(Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, format!("it ended {} bytes early", self.left))))
            }
            None => None,
        };
        if let Some(Err(error)) = &item {
            self.meter.fail(error);
        }
        Poll::Ready(item)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
