//! Buckets of Amazon S3 and what speaks like it. A file is one object, sent in one request that is refused when something
//! is there already; what was sent is compared with its SHA-256 by the server, which keeps that and tells it.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::host::{At, Document, FileHost, Held, HeldVersion, carrying, hash_of};
use super::index::MOST;
use crate::core::{BoxFuture, Digest, is_index_file};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::http::header;
use crate::http::{self, Body, Method, Replay, Request, Response};
use crate::publish::{Inquiry, Preflight};
use crate::store::artifact::{ArtifactError, ArtifactErrorKind, CHECKSUM, LARGEST_OBJECT, SignedBucket, checksum_of};

/// The most that is read of an answer which says why not.
const LARGEST_REFUSAL: usize = 64 << 10;

/// What a server says when the object is not there, and nothing else is wrong.
const NO_OBJECT: &str = "<Code>NoSuchKey</Code>";

/// A prefix of a bucket.
pub struct BucketFiles {
    place: String,
    // Without its credentials it can be named and not asked.
    bucket: Result<SignedBucket, ForgeError>,
    http: http::Client,
}

impl BucketFiles {
    /// `place` is for people: `s3://bucket/prefix`. A bucket that could not be opened is said when it is needed.
    pub fn new(place: impl Into<String>, bucket: Result<SignedBucket, ArtifactError>, http: http::Client) -> Self {
        Self { place: place.into(), bucket: bucket.map_err(of_bucket), http }
    }

    fn bucket(&self) -> Result<&SignedBucket, ForgeError> {
        self.bucket.as_ref().map_err(Clone::clone)
    }

    async fn ask(&self, method: Method, at: &At, cancel: &CancellationToken) -> Result<Response, ForgeError> {
        let request = self.bucket()?.ask(method, &at.path()).await.map_err(of_bucket)?;
        Ok(self.http.send(&request, cancel).await?)
    }

    /// Reads an object; `None` when it is not there. Also a bucket that is not there answers 404.
    async fn get(&self, at: &At, doing: &str, cancel: &CancellationToken) -> Result<Option<Response>, ForgeError> {
        let response = self.ask(Method::GET, at, cancel).await?;
        match response.status().as_u16() {
            200 => Ok(Some(response)),
            status => match self.refusal(doing, response).await? {
                (_, body) if status == 404 && body.contains(NO_OBJECT) => Ok(None),
                (error, _) => Err(error),
            },
        }
    }

    /// What an answer says that is not the one hoped for.
    async fn refusal(&self, doing: &str, response: Response) -> Result<(ForgeError, String), ForgeError> {
        let status = response.status().as_u16();
        let body = response.bytes(LARGEST_REFUSAL).await.unwrap_or_default();
        let error = of_bucket(self.bucket()?.refused(doing, status, &body));
        let text = String::from_utf8_lossy(&body).into_owned();
        let error = match status {
            // 409: another conditional request is under way.
            409 | 412 => ForgeError::new(ForgeErrorKind::Exists, format!("{doing}: something is there by now")),
            404 if text.contains(NO_OBJECT) => ForgeError::new(ForgeErrorKind::Exists, format!("{doing}: it was removed meanwhile")),
            _ => error,
        };
        Ok((error.status(status), text))
    }

    async fn written(&self, doing: &str, request: &Request, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let response = self.http.send(request, cancel).await?;
        if response.status().is_success() {
            response.discard().await;
            return Ok(());
        }
        Err(self.refusal(doing, response).await?.0)
    }

    async fn put(&self, at: &At, file: &AssetSource, over: bool, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let doing = format!("send {}", at.path());
        if file.size > LARGEST_OBJECT {
            let text = format!("{doing}: {} bytes are more than a bucket takes in one request", file.size);
            return Err(ForgeError::new(ForgeErrorKind::TooLarge, text).hint("split the file"));
        }
        let conditions: &[_] = if over { &[] } else { &[(header::IF_NONE_MATCH, "*")] };
        let request = self.bucket()?.put(&at.path(), &file.sha256, &file.media_type, conditions).await.map_err(of_bucket)?;
        self.written(&doing, &carrying(request, file), cancel).await
    }
}

/// A bucket's failures as those of a place for files.
fn of_bucket(error: ArtifactError) -> ForgeError {
    use ArtifactErrorKind as A;
    use ForgeErrorKind as F;
    let kind = match error.kind {
        A::NotFound => F::NotFound,
        A::Conflict => F::Conflict,
        A::Credentials => F::Unauthorized,
        A::Unavailable | A::Busy => F::Unavailable,
        A::Local => F::Source,
        A::Cancelled => F::Cancelled,
        A::Integrity => F::Protocol,
        A::Usage | A::Rejected | A::Unsupported => F::Rejected,
    };
    ForgeError { kind, message: error.message, hint: error.hint, status: None }
}

impl FileHost for BucketFiles {
    fn place(&self) -> &str {
        &self.place
    }

    /// Reading an object that nobody has tells whether the bucket is there, and lets us read.
    fn preflight<'a>(&'a self, _: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let at = At { directory: String::new(), file: "stagefreight-preflight".to_owned() };
            let asked = match self.get(&at, &format!("look at {}", self.place), cancel).await {
                Ok(Some(response)) => {
                    response.discard().await;
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            asked.map(|()| vec![format!("may read {}", self.place)]).into()
        })
    }

    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>> {
        Box::pin(async move {
            let response = self.ask(Method::HEAD, at, cancel).await?;
            match response.status().as_u16() {
                200 => {
                    let sha256 = checksum_of(response.header(&CHECKSUM));
                    Ok(Some(Held { size: response.content_length(), sha256 }))
                }
                404 => Ok(None),
                _ => Err(self.refusal(&format!("look at {}", at.path()), response).await?.0),
            }
        })
    }

    fn send<'a>(
        &'a self,
        at: &'a At,
        file: &'a AssetSource,
        over: bool,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(self.put(at, file, over, cancel))
    }

    fn hash<'a>(&'a self, at: &'a At, most: u64, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Digest>, ForgeError>> {
        Box::pin(async move {
            match self.get(at, &format!("read {}", at.path()), cancel).await? {
                Some(response) => hash_of(response, most).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn document<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Document>, ForgeError>> {
        Box::pin(async move {
            let Some(response) = self.get(at, &format!("read {}", at.path()), cancel).await? else { return Ok(None) };
            let state = response.header(&header::ETAG).map(str::to_owned);
            Ok(Some(Document { bytes: response.bytes(MOST).await?, state }))
        })
    }

    fn write<'a>(
        &'a self,
        at: &'a At,
        bytes: Vec<u8>,
        over: Option<&'a Document>,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let condition = match over.map(|held| held.state.as_deref()) {
                None => vec![(header::IF_NONE_MATCH, "*")],
                Some(Some(tag)) => vec![(header::IF_MATCH, tag)],
                Some(None) => Vec::new(),
            };
            let digest = Digest::of(&bytes);
            let request = self.bucket()?.put(&at.path(), &digest, "application/json", &condition).await.map_err(of_bucket)?;
            let request = request.body(Body::Bytes(bytes.into())).replay(Replay::Once);
            self.written(&format!("write {}", at.path()), &request, cancel).await
        })
    }

    fn versions<'a>(&'a self, package: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<HeldVersion>, ForgeError>> {
        Box::pin(async move {
            let mut found: BTreeMap<String, HeldVersion> = BTreeMap::new();
            for object in self.bucket()?.list(package).await.map_err(of_bucket)? {
                // What lies beside the versions is none of them.
                let below = if package.is_empty() {
                    Some(object.key.as_str())
                } else {
                    object.key.strip_prefix(package).and_then(|rest| rest.strip_prefix('/'))
                };
                let Some((version, file)) = below.and_then(|below| below.split_once('/')) else { continue };
                let directory = if package.is_empty() { version.to_owned() } else { format!("{package}/{version}") };
                let known = found.entry(version.to_owned()).or_insert_with(|| HeldVersion {
                    id: directory.clone(),
                    directory,
                    created: None,
                    files: Vec::new(),
                });
                let modified = object.modified.to_string();
                // As old as its oldest file; all are in UTC, and compare as text.
                if known.created.as_ref().is_none_or(|created| modified < *created) {
                    known.created = Some(modified);
                }
                known.files.push((file.to_owned(), Held { size: Some(object.size), sha256: None }));
            }
            Ok(found.into_values().collect())
        })
    }

    /// File by file; what says that it was ours goes last, so that a removal that broke off is finished by the next.
    fn remove<'a>(&'a self, version: &'a HeldVersion, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let mut files: Vec<&str> = version.files.iter().map(|(name, _)| name.as_str()).collect();
            files.sort_by_key(|name| is_index_file(name));
            for name in files {
                if cancel.is_cancelled() {
                    return Err(ForgeError::new(ForgeErrorKind::Cancelled, "interrupted"));
                }
                let key = format!("{}/{name}", version.directory);
                self.bucket()?.remove(&key).await.map_err(of_bucket)?;
            }
            Ok(())
        })
    }
}
