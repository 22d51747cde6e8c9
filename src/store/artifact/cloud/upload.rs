//! Sending one half: in one request when it is small, in parts when it is not, hashed on the way.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::Inner;
use super::failure::error;
use crate::core::PathError;
use crate::core::digest::{Algorithm, Digester};
use crate::fs;
use crate::store::artifact::pair::{Half, Source};
use crate::store::artifact::port::{Call, Result, blocking};

/// What one part carries, and one request where there is only one: the least that S3 takes for a part.
const PART: usize = 5 * 1024 * 1024;

/// Parts of one upload, of which S3 has 10 000 at most.
const MOST_PARTS: u64 = 9_000;

/// A file being read and hashed.
struct Reading {
    file: File,
    hash: Digester,
    size: u64,
}

impl Reading {
    /// The next part; shorter than `length` only at the end.
    fn part(mut self, length: usize, path: &Path) -> Result<(Self, Bytes)> {
        let mut part = Vec::with_capacity(length);
        (&mut self.file).take(length as u64).read_to_end(&mut part).map_err(PathError::at("read", path))?;
        self.hash.update(&part);
        self.size += part.len() as u64;
        Ok((self, part.into()))
    }
}

impl Inner {
    /// Sends one half under a key of its own.
    pub(super) async fn upload(&self, source: &Source, before: u64, call: &Call, doing: &str) -> Result<Half> {
        let key = new_key();
        let path = match source {
            Source::Bytes(bytes) => {
                self.send(&key, bytes.clone(), doing).await?;
                call.moved(before + bytes.len() as u64);
                return Ok(Half { key: Some(key), ..Half::of(bytes) });
            }
            Source::File(path) => path.clone(),
        };
        let file = path.clone();
        let (reading, length) = blocking(doing, move || {
            let length = fs::size_of(&file)?;
            let file = fs::open(&file)?;
            fs::will_read_in_order(&file);
            let part = usize::try_from(length / MOST_PARTS).unwrap_or(usize::MAX).max(PART);
            Ok((Reading { file, hash: Digester::new(Algorithm::Sha256), size: 0 }, part))
        })
        .await?;
        let next = async |reading: Reading| {
            let path = path.clone();
            blocking(doing, move || reading.part(length, &path)).await
        };
        let (mut reading, first) = next(reading).await?;
        if first.len() < length {
            self.send(&key, first, doing).await?;
        } else {
            let failed = |failure: object_store::Error| error(doing, &self.about, &failure);
            let mut upload = self.bucket.put_multipart(&self.key(&key)).await.map_err(failed)?;
            let mut part = first;
            while !part.is_empty() {
                // The next part is read while this one travels.
                let (sent, read) = tokio::join!(upload.put_part(PutPayload::from(part)), next(reading));
                if let Err(failure) = sent {
                    let _left_for_the_server = upload.abort().await;
                    return Err(failed(failure));
                }
                let before_part = before;
                (reading, part) = read?;
                call.moved(before_part + reading.size - part.len() as u64);
                if call.cancel.is_cancelled() {
                    let _left_for_the_server = upload.abort().await;
                    call.check(doing)?;
                }
            }
            if let Err(failure) = upload.complete().await {
                let _left_for_the_server = upload.abort().await;
                return Err(failed(failure));
            }
        }
        call.moved(before + reading.size);
        Ok(Half { digest: reading.hash.finish(), size: reading.size, key: Some(key) })
    }

    async fn send(&self, key: &str, bytes: Bytes, doing: &str) -> Result<()> {
        let sent = self.bucket.put(&self.key(key), PutPayload::from(bytes)).await;
        sent.map(|_| ()).map_err(|failure| error(doing, &self.about, &failure))
    }
}

/// A key nobody has used.
fn new_key() -> String {
    let mut random = [0; 16];
    let _unavailable = getrandom::fill(&mut random);
    let name = base16ct::lower::encode_string(&random);
    format!("blobs/{}/{name}", &name[..2])
}

/// Is it such a key? Pointers come from elsewhere, and must not lead out of the store.
pub(super) fn is_key(key: &str) -> bool {
    let Some((shard, name)) = key.strip_prefix("blobs/").and_then(|rest| rest.split_once('/')) else { return false };
    name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && shard == &name[..2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_random_and_lead_nowhere_else() {
        assert!(is_key(&new_key()));
        assert_ne!(new_key(), new_key());
        for bad in ["", "blobs/", "blobs/aa/../x", "refs/a/@ref", "/blobs/aa/aa", "blobs/bb/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
