//! The file that is pushed: opened once, hashed and sent by the same handle, so that nothing can be exchanged in between.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, channel};

use crate::core::{Algorithm, BoxFuture, Digest, Digester, PathError};
use crate::fs::{self, Beneath};
use crate::http::Feed;
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::verified::Stamp;

const PIECE: usize = 256 * 1024;

/// Pieces on their way at the same time: memory does not grow with the file.
const PIECES: usize = 4;

/// What the system copies at a time, before the disk is told to begin with it.
const PORTION: usize = 16 * 1024 * 1024;

/// An open file, what it must hold, and what it was like when that was found out.
#[derive(Debug, Clone)]
pub struct Pack {
    file: Arc<File>,
    path: PathBuf,
    name: String,
    size: u64,
    digest: Digest,
    stamp: Stamp,
    // We hashed it ourselves, by this handle.
    hashed: bool,
}

impl Pack {
    /// Opens a file. With `known`, somebody hashed it before, and it is hashed again on its way; otherwise now.
    pub async fn open(path: &Path, name: &str, known: Option<&Digest>) -> Result<Self, Failure> {
        let (file, size) = fs::open_regular(path)?;
        let stamp = Stamp::of(&file).map_err(PathError::at("inspect", path))?;
        let file = Arc::new(file);
        let (digest, hashed) = match known {
            Some(known) => (known.clone(), false),
            None => (hash(Arc::clone(&file), size).await.map_err(PathError::at("read", path))?, true),
        };
        Ok(Self { file, path: path.to_owned(), name: name.to_owned(), size, digest, stamp, hashed })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name at the remote.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hash of its bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Copies it to a path below a directory, in place of what is there, durably.
    pub(super) async fn copy_below(&self, root: PathBuf, relative: String) -> Result<(), Failure> {
        let pack = self.clone();
        let done = tokio::task::spawn_blocking(move || pack.copy(&root, &relative)).await;
        done.unwrap_or_else(|_| Err(Failure::new(FailureKind::Interrupted, "copying was interrupted")))
    }

    fn copy(&self, root: &Path, relative: &str) -> Result<(), Failure> {
        let mut pending = Beneath::open(root)?.begin(relative)?;
        let target = pending.path();
        // The handle it was hashed by says whether it changed since; otherwise its bytes do.
        if self.hashed {
            copy_range(&self.file, pending.file(), self.size).map_err(PathError::at("write", &target))?;
        } else {
            let mut hash = Digester::new(Algorithm::Sha256);
            let mut buffer = vec![0; PIECE];
            let mut at = 0;
            while at < self.size {
                let count = self.read_piece(&mut buffer, at).map_err(PathError::at("read", &self.path))?;
                hash.update(&buffer[..count]);
                pending.fill(&buffer[..count])?;
                at += count as u64;
            }
            if hash.finish() != self.digest {
                return Err(self.changed());
            }
        }
        self.check_unchanged()?;
        Ok(pending.replace(0o644)?)
    }

    /// Fails when the file is no longer what it was when it was opened.
    pub fn check_unchanged(&self) -> Result<(), Failure> {
        let now = Stamp::of(&self.file).map_err(PathError::at("inspect", &self.path))?;
        if now == self.stamp { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Failure {
        Failure::new(FailureKind::Source, format!("{} changed while it was pushed", self.path.display()))
            .hint("push a file that nothing writes to any more")
    }

    // As much as there is, up to the buffer; a file that ends early is an error.
    fn read_piece(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let want = usize::try_from(self.size - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..want], at)?;
        if count == 0 && want > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter"));
        }
        Ok(count)
    }
}

/// As the body of a request: hashed again on its way. What is not what was announced never arrives whole.
impl Feed for Pack {
    fn open(&self, offset: u64, len: u64) -> BoxFuture<'static, io::Result<Receiver<io::Result<Bytes>>>> {
        let pack = self.clone();
        Box::pin(async move {
            if offset != 0 || len != pack.size {
                return Err(io::Error::other("a pack is only sent whole"));
            }
            let (sender, receiver) = channel(PIECES);
            tokio::task::spawn_blocking(move || {
                let mut hash = Digester::new(Algorithm::Sha256);
                let mut at = 0;
                while at < pack.size {
                    let mut buffer = vec![0; PIECE];
                    let piece = pack.read_piece(&mut buffer, at).map(|count| {
                        buffer.truncate(count);
                        hash.update(&buffer);
                        at += count as u64;
                        Bytes::from(buffer)
                    });
                    let last = at == pack.size;
                    let piece = piece.and_then(|piece| {
                        let wrong = last && std::mem::replace(&mut hash, Digester::new(Algorithm::Sha256)).finish() != pack.digest;
                        if wrong { Err(io::Error::other("it changed while it was sent")) } else { Ok(piece) }
                    });
                    let over = piece.is_err();
                    if sender.blocking_send(piece).is_err() || over {
                        return;
                    }
                }
            });
            Ok(receiver)
        })
    }
}

async fn hash(file: Arc<File>, size: u64) -> io::Result<Digest> {
    let work = tokio::task::spawn_blocking(move || {
        fs::will_read_in_order(&file);
        let mut hash = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; PIECE];
        let mut at = 0;
        while at < size {
            let count = file.read_at(&mut buffer, at)?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter"));
            }
            hash.update(&buffer[..count]);
            at += count as u64;
        }
        Ok(hash.finish())
    });
    work.await.map_err(|_| io::Error::other("reading was interrupted"))?
}

// By the system, where it can: it need not bring the bytes here at all.
fn copy_range(from: &File, to: &mut File, size: u64) -> io::Result<()> {
    use std::io::Write as _;
    let mut at = 0;
    while at < size {
        let (began, want) = (at, usize::try_from(size - at).unwrap_or(usize::MAX).min(PORTION));
        match rustix::fs::copy_file_range(from, Some(&mut at), &*to, None, want) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")),
            Ok(count) => fs::begin_writing_out(to, began, count as u64),
            Err(_) if at == 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    let mut buffer = vec![0; PIECE];
    while at < size {
        let count = from.read_at(&mut buffer, at)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter"));
        }
        to.write_all(&buffer[..count])?;
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_between_hash_and_copy_is_noticed() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("pack");
        fs::write_atomic(&path, b"content", 0o644).expect("pack");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("root");
        let pack = Pack::open(&path, "pack", None).await.expect("opened");
        pack.copy_below(root.clone(), "a/b".to_owned()).await.expect("copied");
        assert_eq!(fs::read_bounded(&root.join("a/b"), 100).expect("copy"), b"content");
        let known = Pack::open(&path, "pack", Some(&Digest::of(b"other"))).await.expect("opened");
        assert!(known.copy_below(root.clone(), "c".to_owned()).await.is_err_and(|failure| failure.message.contains("changed")));
        assert!(!fs::exists(&root.join("c")));
        let mut pieces = known.open(0, 7).await.expect("begun");
        assert!(pieces.recv().await.expect("piece").is_err(), "the last piece is held back");
        std::io::Write::write_all(&mut fs::open_writable(&path).expect("file"), b"CONTENT").expect("written");
        assert!(pack.copy_below(root, "d".to_owned()).await.is_err());
    }
}
