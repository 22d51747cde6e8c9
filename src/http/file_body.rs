//! A range of a file as a request's body: read ahead by one piece, off the runtime's threads, into buffers that are
//! used again.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::body::Meter;
use super::request::OnProgress;

/// How much of a file is in memory at a time: one piece on its way out, one being read. It does not grow with the file.
/// Small enough to stay in a processor's cache until TLS has read it, and below the size that allocators map anew each
/// time: with 256 KiB about 30 % of the processor time of a push went into filling cold and fresh pages.
const PIECE: usize = 64 * 1024;

/// A read under way: the file comes back with its piece.
type Reading = JoinHandle<io::Result<(std::fs::File, Vec<u8>)>>;

/// A file range with an exact length, so that `Content-Length` is sent and a short file is an error, not a short blob.
pub(super) struct FileBody {
    reading: Option<Reading>,
    // The piece handed out last: its memory is taken back once the connection has let go of it.
    lent: Option<Bytes>,
    // Bytes not yet handed out, and not yet asked of the file.
    left: u64,
    unread: u64,
    meter: Arc<Meter>,
    on_progress: Option<OnProgress>,
}

impl FileBody {
    /// Opens the file, looks that it is long enough, and begins to read.
    pub(super) async fn open(path: &Path, offset: u64, len: u64, meter: Arc<Meter>, on_progress: Option<OnProgress>) -> io::Result<Self> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let (mut file, size) = crate::fs::open_regular(&path).map_err(|error| io::Error::other(error.to_string()))?;
            if size < offset.saturating_add(len) {
                let message = format!("{} is {size} bytes long, {} were to be sent", path.display(), offset.saturating_add(len));
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            if offset > 0 {
                file.seek(SeekFrom::Start(offset))?;
            }
            Ok(file)
        });
        let file = opened.await.map_err(|_| io::Error::other("reading was interrupted"))??;
        let mut body = Self { reading: None, lent: None, left: len, unread: len, meter, on_progress };
        body.read_on(file);
        Ok(body)
    }

    /// Begins to read the next piece, when there is one.
    fn read_on(&mut self, mut file: std::fs::File) {
        let want = self.unread.min(PIECE as u64);
        if want == 0 {
            return;
        }
        self.unread -= want;
        let buffer = self.lent.take().and_then(|lent| lent.try_into_mut().ok()).map(Vec::from).unwrap_or_default();
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut buffer = buffer;
            buffer.clear();
            // `want` is at most PIECE.
            buffer.reserve_exact(usize::try_from(want).unwrap_or(PIECE));
            file.by_ref().take(want).read_to_end(&mut buffer)?;
            Ok((file, buffer))
        }));
    }

    fn failed(&self, error: io::Error) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.meter.fail(&error);
        Poll::Ready(Some(Err(error)))
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let outcome = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let (file, buffer) = match outcome {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return self.failed(error),
            Err(_) => return self.failed(io::Error::other("reading was interrupted")),
        };
        let count = buffer.len() as u64;
        let wanted = self.left.min(PIECE as u64);
        if count < wanted {
            let missing = self.left - count;
            return self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ended {missing} bytes early")));
        }
        self.read_on(file);
        let piece = Bytes::from(buffer);
        self.lent = Some(piece.clone());
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(path: &Path, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let body = FileBody::open(path, offset, len, Arc::default(), None).await?;
        Ok(body.collect().await?.to_bytes().to_vec())
    }

    #[tokio::test]
    async fn sends_exactly_the_range_it_was_asked_for() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("blob");
        let content: Vec<u8> = (0..PIECE * 2 + 17).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect();
        crate::fs::write_atomic(&path, &content, 0o644).expect("blob");
        let size = content.len() as u64;
        assert_eq!(read(&path, 0, size).await.expect("all of it"), content);
        assert_eq!(read(&path, size - 3, 3).await.expect("its end"), content[content.len() - 3..]);
        assert_eq!(read(&path, 1, PIECE as u64).await.expect("one piece"), content[1..=PIECE]);
        assert!(read(&path, 0, 0).await.expect("nothing").is_empty());
        let short = read(&path, 10, size).await.expect_err("it is not that long");
        assert!(short.to_string().contains("were to be sent"), "{short}");
    }
}
