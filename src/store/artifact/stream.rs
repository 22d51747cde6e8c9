//! Bytes as they come, checked against what the pointer says of them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt as _};

use super::error::ArtifactError;
use super::pair::{Half, Source};
use super::port::{Call, Result, blocking};
use crate::core::PathError;
use crate::core::digest::{Algorithm, Digester};
use crate::fs::{self, Scratch};

/// How much of a file is in memory at a time.
pub const PIECE: usize = 256 * 1024;

/// Bytes as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The same bytes; at the end, or as soon as there are too many, an `Integrity` error when they are not `half`'s.
/// `damaged` makes that error out of what is wrong.
pub fn verified(bytes: ByteStream, half: &Half, damaged: impl Fn(String) -> ArtifactError + Send + 'static) -> ByteStream {
    struct Check<F> {
        bytes: ByteStream,
        hash: Option<Digester>,
        seen: u64,
        half: Half,
        damaged: F,
    }
    let check = Check { bytes, hash: Some(half.digest.digester()), seen: 0, half: half.clone(), damaged };
    Box::pin(stream::unfold(check, |mut check| async move {
        let mut hash = check.hash.take()?;
        let item = match check.bytes.next().await {
            Some(Ok(piece)) => {
                check.seen += piece.len() as u64;
                if check.seen > check.half.size {
                    Err((check.damaged)(format!("there are more than the {} bytes the pointer names", check.half.size)))
                } else {
                    hash.update(&piece);
                    check.hash = Some(hash);
                    Ok(piece)
                }
            }
            Some(Err(error)) => Err(error),
            None if check.seen != check.half.size => {
                Err((check.damaged)(format!("there are {} of the {} bytes the pointer names", check.seen, check.half.size)))
            }
            None => {
                let found = hash.finish();
                if found == check.half.digest {
                    return None;
                }
                Err((check.damaged)(format!("the bytes are {}, and {} were stored", found.short(), check.half.digest.short())))
            }
        };
        Some((item, check))
    }))
}

/// A stream that fails at once.
pub fn failed(error: ArtifactError) -> ByteStream {
    Box::pin(stream::once(async move { Err(error) }))
}

/// Bytes held in memory.
pub fn of_bytes(bytes: Bytes) -> ByteStream {
    Box::pin(stream::once(async move { Ok(bytes) }))
}

/// A file from where it stands to its end, piece by piece, read off the runtime's threads.
pub fn of_file(file: File, path: &Path) -> ByteStream {
    let path = path.to_owned();
    Box::pin(stream::unfold(Some((file, path)), |state| async move {
        let (mut file, path) = state?;
        let read = blocking("read the store", move || {
            let mut piece = BytesMut::zeroed(PIECE);
            let count = file.read(&mut piece).map_err(PathError::at("read", &path))?;
            piece.truncate(count);
            Ok((piece.freeze(), file, path))
        });
        match read.await {
            Ok((piece, _, _)) if piece.is_empty() => None,
            Ok((piece, file, path)) => Some((Ok(piece), Some((file, path)))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// The next piece, unless the caller gave up.
pub async fn next(bytes: &mut ByteStream, call: &Call) -> Result<Option<Bytes>> {
    tokio::select! {
        biased;
        () = call.cancel.cancelled() => Err(ArtifactError::cancelled("read a pair")),
        piece = bytes.next() => piece.transpose(),
    }
}

/// All of it in memory. `before` is how many bytes of the pair moved earlier.
pub async fn gather(mut bytes: ByteStream, before: u64, call: &Call) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = next(&mut bytes, call).await? {
        all.extend_from_slice(&piece);
        call.moved(before + all.len() as u64);
    }
    Ok(all)
}

/// A file that is complete and not yet where it belongs. Dropped, it is gone.
pub struct Landed {
    scratch: Scratch,
    into: PathBuf,
}

impl Landed {
    /// Puts it where it belongs, replacing what is there.
    pub fn keep(self) -> Result<()> {
        Ok(fs::rename(&self.scratch.path().join("bytes"), &self.into)?)
    }
}

/// Writes a stream to a temporary sibling of `into`, durable.
pub async fn write_file(mut bytes: ByteStream, into: &Path, before: u64, call: &Call) -> Result<Landed> {
    let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = Scratch::below(parent, "store")?;
    let temporary = scratch.path().join("bytes");
    let at = |source| PathError { doing: "write", path: into.to_owned(), source };
    let mut file = fs::create_new(&temporary)?;
    let mut moved = before;
    while let Some(piece) = next(&mut bytes, call).await? {
        // Pieces are small and go to the page cache.
        file.write_all(&piece).map_err(at)?;
        moved += piece.len() as u64;
        call.moved(moved);
    }
    let into = into.to_owned();
    blocking("write a file", move || {
        file.sync_all().map_err(PathError::at("write", &into))?;
        Ok(Landed { scratch, into })
    })
    .await
}

/// Digest and size of a source, read once. Blocks.
pub fn hash_of(source: &Source, call: &Call) -> Result<Half> {
    let path = match source {
        Source::Bytes(bytes) => return Ok(Half::of(bytes)),
        Source::File(path) => path,
    };
    let mut file = fs::open(path)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        call.check("hash a file")?;
        let count = file.read(&mut buffer).map_err(PathError::at("read", path))?;
        if count == 0 {
            return Ok(Half { digest: hash.finish(), size, key: None });
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}
