//! A range of a file as a request's body. What the system has in memory is read on the spot; what a disk has to deliver is
//! waited for on a thread of its own, while the system reads ahead. The buffers are used again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::pieces::Pieces;
use super::request::OnProgress;
use super::sending::{Meter, Sending};
use crate::core::{Digest, Digester};
use crate::fs;

/// How many pieces of a file are in memory: one on its way out, one being read. Memory does not grow with the file.
const PIECES: usize = 2;

/// Bytes of a piece. Small enough to stay in a processor's cache until TLS has read it: with 256 KiB about 30 % of the
/// processor time of a push went into filling cold and fresh pages.
const PIECE: usize = 64 * 1024;

/// A read under way: the piece, and how much of it was filled.
type Reading = JoinHandle<io::Result<(Vec<u8>, usize)>>;

/// A file range with an exact length, so that `Content-Length` is sent and a short file is an error, not a short blob. For
/// connections, which let go of each piece when it is written: who keeps them gets no more than [`PIECES`].
pub(super) struct FileBody {
    file: Arc<File>,
    reading: Option<Reading>,
    pieces: Arc<Pieces>,
    at: u64,
    check: Option<Check>,
    sending: Sending,
}

/// What the bytes must hash to, and what they have so far.
struct Check {
    path: PathBuf,
    wanted: Digest,
    digester: Digester,
}

/// The bytes of a file are not those that were to be sent.
pub(super) fn another(path: &Path, found: &Digest, wanted: &Digest) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} hashes to {found}, and {wanted} was to be sent", path.display()))
}

impl FileBody {
    /// Opens the file and looks that it is long enough.
    pub(super) async fn open(
        path: &Path,
        offset: u64,
        len: u64,
        digest: Option<Digest>,
        meter: Arc<Meter>,
        on_progress: Option<OnProgress>,
    ) -> io::Result<Self> {
        let check = digest.map(|wanted| Check { path: path.to_owned(), digester: wanted.digester(), wanted });
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let (file, size) = fs::open_regular(&path).map_err(|error| io::Error::other(error.to_string()))?;
            if size < offset.saturating_add(len) {
                let message = format!("{} is {size} bytes long, {} were to be sent", path.display(), offset.saturating_add(len));
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            fs::will_read_in_order(&file);
            Ok(file)
        });
        let file = opened.await.map_err(|_| io::Error::other("reading was interrupted"))??;
        // Most blobs are manifests' configs and small layers: they take no more memory than they have bytes.
        let size = usize::try_from(len).map_or(PIECE, |len| len.min(PIECE));
        let sending = Sending::new(len, meter, on_progress);
        Ok(Self { file: Arc::new(file), reading: None, pieces: Pieces::new(PIECES, size), at: offset, check, sending })
    }

    /// How much the next read may bring.
    fn want(&self) -> usize {
        usize::try_from(self.sending.left()).map_or(PIECE, |left| left.min(PIECE))
    }

    /// Leaves a read to a thread that may wait for the disk.
    fn read_elsewhere(&self, mut buffer: Vec<u8>) -> Reading {
        let (file, at, want) = (Arc::clone(&self.file), self.at, self.want());
        tokio::task::spawn_blocking(move || {
            let count = std::os::unix::fs::FileExt::read_at(&*file, &mut buffer[..want], at)?;
            Ok((buffer, count))
        })
    }

    /// Hands out what was read; the last of it only when all of it is what it should be.
    fn lend(&mut self, buffer: Vec<u8>, count: usize) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.at += count as u64;
        if let Some(check) = &mut self.check {
            check.digester.update(&buffer[..count]);
            if self.sending.left() == count as u64
                && let Some(Check { path, wanted, digester }) = self.check.take()
            {
                let found = digester.finish();
                if found != wanted {
                    return Poll::Ready(Some(self.sending.failed(another(&path, &found, &wanted))));
                }
            }
        }
        Poll::Ready(Some(self.sending.hand_out(self.pieces.lend(buffer, count))))
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.sending.left() == 0 {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            let mut buffer = ready!(self.pieces.poll_take(cx));
            let want = self.want();
            match fs::read_without_waiting(&self.file, &mut buffer[..want], self.at) {
                Ok(Some(count)) => return self.lend(buffer, count),
                Ok(None) => self.reading = Some(self.read_elsewhere(buffer)),
                Err(error) => return Poll::Ready(Some(self.sending.failed(error))),
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let outcome = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        match outcome {
            Ok(Ok((buffer, count))) => self.lend(buffer, count),
            Ok(Err(error)) => Poll::Ready(Some(self.sending.failed(error))),
            Err(_) => Poll::Ready(Some(self.sending.failed(io::Error::other("reading was interrupted")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.sending.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.sending.left())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(path: &Path, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut body = FileBody::open(path, offset, len, None, Arc::default(), None).await?;
        let mut all = Vec::new();
        // As a connection does it: a piece is let go of once it is written. Who keeps them all gets no third one.
        while let Some(frame) = body.frame().await {
            all.extend_from_slice(frame?.data_ref().expect("data"));
        }
        Ok(all)
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

    #[tokio::test]
    async fn what_hashes_to_something_else_is_never_sent_to_its_end() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("file");
        for size in [1, PIECE - 1, PIECE, PIECE + 1, PIECE * 2] {
            let content = vec![7; size];
            crate::fs::write_atomic(&path, &content, 0o644).expect("file");
            for (digest, is_right) in [(Digest::of(&content), true), (Digest::of(b"something else"), false)] {
                let opened = FileBody::open(&path, 0, size as u64, Some(digest), Arc::default(), None).await;
                let mut body = opened.expect("opened");
                let (mut sent, mut failure) = (0, None);
                while let Some(frame) = body.frame().await {
                    match frame {
                        Ok(frame) => sent += frame.data_ref().expect("data").len(),
                        Err(error) => {
                            failure = Some(error.to_string());
                            break;
                        }
                    }
                }
                assert_eq!((sent == size, failure.is_none()), (is_right, is_right), "{size}: {sent} sent, {failure:?}");
            }
        }
    }
}
