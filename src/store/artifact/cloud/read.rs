//! Reading a pair out of a bucket. An answer that breaks off is taken up where it broke.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::{GetOptions, GetRange};

use super::Inner;
use super::failure::{Meaning, error, meaning};
use super::upload::is_key;
use crate::core::artifact_ref::Ref;
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind};
use crate::store::artifact::pair::{Entry, Half};
use crate::store::artifact::port::{Opened, Result};
use crate::store::artifact::stream::{ByteStream, verified};

/// An answer is taken up again this often without a byte of progress.
const RESUMES: u32 = 3;

/// One object on its way.
struct Coming {
    inner: Arc<Inner>,
    key: String,
    doing: String,
    missing: ArtifactError,
    answer: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    at: u64,
    stuck: u32,
    ended: bool,
}

impl Inner {
    /// Reads the pointer; the halves are asked for when they are read.
    pub(super) async fn open(inner: &Arc<Self>, at: &Ref, doing: &str) -> Result<Opened> {
        let entry: Entry = inner.entry(at, doing).await?.ok_or_else(|| ArtifactError::not_found(&inner.name, at))?;
        let half = |half: &Half, what: &'static str| -> Result<ByteStream> {
            let damaged = {
                let (name, at) = (inner.name.clone(), at.clone());
                move |problem: String| ArtifactError::integrity(&name, &at, &format!("{what}: {problem}"))
            };
            let Some(key) = half.key.clone().filter(|key| is_key(key)) else {
                return Err(damaged("its pointer does not lead into this store".to_owned()));
            };
            let missing = damaged(format!("{} is not there", half.digest));
            let coming =
                Coming { inner: Arc::clone(inner), key, doing: doing.to_owned(), missing, answer: None, at: 0, stuck: 0, ended: false };
            Ok(verified(coming.stream(half.size), half, damaged))
        };
        Ok(Opened { data: half(&entry.data, "data")?, manifest: half(&entry.manifest, "manifest")?, entry })
    }
}

impl Coming {
    fn stream(self, size: u64) -> ByteStream {
        Box::pin(stream::unfold(self, move |mut coming| async move {
            if coming.ended {
                return None;
            }
            let item = coming.next(size).await;
            coming.ended = !matches!(item, Some(Ok(_)));
            item.map(|item| (item, coming))
        }))
    }

    async fn next(&mut self, size: u64) -> Option<Result<Bytes>> {
        loop {
            if self.answer.is_none() {
                if self.at > 0 && self.at >= size {
                    return None;
                }
                match self.ask().await {
                    Ok(answer) => self.answer = Some(answer),
                    Err(error) => return Some(Err(error)),
                }
            }
            match self.answer.as_mut()?.next().await {
                None => return None,
                Some(Ok(piece)) => {
                    self.stuck = 0;
                    self.at += piece.len() as u64;
                    return Some(Ok(piece));
                }
                Some(Err(failure)) => {
                    let error = error(&self.doing, &self.inner.about, &failure);
                    self.stuck += 1;
                    if error.kind != ArtifactErrorKind::Unavailable || self.stuck > RESUMES {
                        return Some(Err(error));
                    }
                    self.answer = None;
                }
            }
        }
    }

    async fn ask(&mut self) -> Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let range = (self.at > 0).then_some(GetRange::Offset(self.at));
        let options = GetOptions { range, ..GetOptions::default() };
        match self.inner.bucket.get_opts(&self.inner.key(&self.key), options).await {
            Ok(found) => Ok(found.into_stream()),
            Err(failure) => Err(match meaning(&self.doing, &self.inner.about, &failure) {
                Meaning::NoObject => self.missing.clone(),
                _ => error(&self.doing, &self.inner.about, &failure),
            }),
        }
    }
}
