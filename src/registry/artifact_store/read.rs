//! Reading both halves of a pair. A connection that breaks is taken up again where it broke.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;

use super::{Inner, said};
use crate::http::{Response, StatusCode};
use crate::registry::error::RegistryErrorKind;
use crate::store::artifact::{ArtifactError, ByteStream, Call, Entry, Half, Opened, Ref, Result, verified};

/// An answer is taken up again this often without a byte of progress.
const RESUMES: u32 = 3;

struct Coming {
    inner: Arc<Inner>,
    half: Half,
    call: Call,
    doing: String,
    missing: ArtifactError,
    answer: Option<Response>,
    at: u64,
    skip: u64,
    stuck: u32,
    ended: bool,
}

pub(super) async fn open(inner: &Arc<Inner>, at: &Ref, entry: &Entry, call: &Call, doing: &str) -> Result<Opened> {
    let half = |half: &Half, what: &'static str| {
        let damaged = {
            let (name, at) = (inner.name.clone(), at.clone());
            move |problem: String| ArtifactError::integrity(&name, &at, &format!("{what}: {problem}"))
        };
        let coming = Coming {
            inner: Arc::clone(inner),
            half: half.clone(),
            call: call.clone(),
            doing: doing.to_owned(),
            missing: damaged(format!("{} is not there", half.digest)),
            answer: None,
            at: 0,
            skip: 0,
            stuck: 0,
            ended: false,
        };
        (coming, damaged)
    };
    let (mut data, data_damaged) = half(&entry.data, "data");
    let (manifest, manifest_damaged) = half(&entry.manifest, "manifest");
    // Data that is gone is noticed now, when the tag can still be looked at again.
    data.answer = Some(data.ask().await?);
    Ok(Opened {
        entry: entry.clone(),
        data: verified(data.stream(), &entry.data, data_damaged),
        manifest: verified(manifest.stream(), &entry.manifest, manifest_damaged),
    })
}

impl Coming {
    fn stream(self) -> ByteStream {
        Box::pin(stream::unfold(self, |mut coming| async move {
            if coming.ended {
                return None;
            }
            let item = coming.next().await;
            coming.ended = !matches!(item, Some(Ok(_)));
            item.map(|item| (item, coming))
        }))
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            if self.answer.is_none() {
                if self.at > 0 && self.at >= self.half.size {
                    return None;
                }
                match self.ask().await {
                    Ok(answer) => self.answer = Some(answer),
                    Err(error) => return Some(Err(error)),
                }
            }
            match self.answer.as_mut()?.chunk().await {
                Ok(None) => return None,
                Ok(Some(mut piece)) => {
                    let skipped = self.skip.min(piece.len() as u64);
                    self.skip -= skipped;
                    // At most the piece's length.
                    let piece = piece.split_off(usize::try_from(skipped).unwrap_or(usize::MAX));
                    if piece.is_empty() {
                        continue;
                    }
                    self.stuck = 0;
                    self.at += piece.len() as u64;
                    return Some(Ok(piece));
                }
                Err(error) => {
                    let error = said(&self.doing, error.into());
                    self.stuck += 1;
                    if self.call.cancel.is_cancelled() || self.stuck > RESUMES {
                        return Some(Err(error));
                    }
                    self.answer = None;
                }
            }
        }
    }

    async fn ask(&mut self) -> Result<Response> {
        let Inner { client, path, .. } = &*self.inner;
        match client.get_blob_from(path, &self.half.digest, self.at, &self.call.cancel).await {
            Ok(response) => {
                // A registry that knows no ranges begins anew.
                self.skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { self.at };
                Ok(response)
            }
            Err(error) if error.kind == RegistryErrorKind::NotFound => Err(self.missing.clone()),
            Err(error) => Err(said(&self.doing, error)),
        }
    }
}
