//! Blobs: is it there, take it from a neighbour, send it, fetch it (distribution specification, end-2, end-4 to end-6,
//! end-11).

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::auth::Scopes;
use super::client::{Access, Client, SHORT_ANSWER};
use super::error::{RegistryError, RegistryErrorKind};
use super::location::Session;
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::http::{Body, Method, Replay, Request, Response, StatusCode, header};

/// `Docker-Content-Digest`: the digest of what was sent or stored, as the registry sees it.
pub(super) const CONTENT_DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");

/// How a blob came to be there, with the requests that changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobPush {
    /// Bytes that were sent.
    pub sent: u64,
    /// Requests other than GET and HEAD.
    pub writes: u64,
}

/// Told how many bytes of a blob have left.
pub type OnProgress = std::sync::Arc<dyn Fn(u64) + Send + Sync>;

impl Client {
    /// Does the repository hold the blob?
    pub async fn has_blob(&self, path: &str, digest: &Digest, access: Access, cancel: &CancellationToken) -> Result<bool, RegistryError> {
        let url = self.url(path, &format!("blobs/{digest}"), cancel).await?;
        let response = self.call(Request::new(Method::HEAD, url).deadline(SHORT_ANSWER), &access.to(path), cancel).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&format!("look for {} in {}/{path}", digest.short(), self.host()), response).await),
        }
    }

    /// Makes the repository hold a blob, the cheapest way there is: it already does; another repository of this host
    /// does and lends it; it is sent in one request. A send that ended without a clear answer is settled by looking,
    /// then begun again within the budget. An upload session that leads nowhere is cancelled.
    pub async fn push_blob(
        &self,
        path: &str,
        blob: &Descriptor,
        file: &Path,
        neighbours: &[String],
        on_progress: OnProgress,
        cancel: &CancellationToken,
    ) -> Result<BlobPush, RegistryError> {
        if self.has_blob(path, &blob.digest, Access::Push, cancel).await? {
            return Ok(BlobPush::default());
        }
        let budget = self.budget();
        let mut done = BlobPush::default();
        let mut neighbour = neighbours.first();
        loop {
            let session = self.open_session(path, &blob.digest, neighbour.take(), &mut done, cancel).await?;
            let Some(session) = session else { return Ok(done) };
            let body = Body::File { path: file.to_owned(), offset: 0, len: blob.size };
            let request = Request::new(Method::PUT, session.closing(&blob.digest))
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .body(body)
                // A closed session cannot be closed again: whoever does not know looks instead.
                .replay(Replay::Once)
                .budget(&budget)
                .on_progress(std::sync::Arc::clone(&on_progress));
            done.writes += 1;
            let outcome = if session.ours {
                self.call(request, &Scopes::push(path), cancel).await
            } else {
                self.call_elsewhere(request, cancel).await
            };
            let doing = || format!("send {} to {}/{path}", blob.digest.short(), self.host());
            let failure = match outcome {
                Ok(response) if response.status().is_success() => {
                    check_echo(&response, &blob.digest).map_err(|error| error.context(&doing()))?;
                    response.discard().await;
                    done.sent += blob.size;
                    return Ok(done);
                }
                Ok(response) => {
                    // The session is gone (404, 416): begin another one.
                    let lost = matches!(response.status().as_u16(), 404 | 410 | 416);
                    let error = self.refused(&doing(), response).await;
                    if !lost {
                        self.cancel_session(path, &session, &mut done).await;
                        return Err(error);
                    }
                    error
                }
                Err(error) if error.kind == RegistryErrorKind::Ambiguous || error.kind == RegistryErrorKind::Unavailable => error,
                Err(error) => {
                    if error.kind != RegistryErrorKind::Cancelled {
                        self.cancel_session(path, &session, &mut done).await;
                    }
                    return Err(error.context(&doing()));
                }
            };
            if self.has_blob(path, &blob.digest, Access::Push, cancel).await? {
                done.sent += blob.size;
                return Ok(done);
            }
            // Not there, so not ambiguous any more.
            self.cancel_session(path, &session, &mut done).await;
            if budget.take().is_none() {
                return Err(RegistryError { kind: RegistryErrorKind::Unavailable, ..failure.context(&doing()) });
            }
        }
    }

    /// Opens an upload session, asking a neighbour for the blob first. `None`: the neighbour lent it.
    async fn open_session(
        &self,
        path: &str,
        digest: &Digest,
        neighbour: Option<&String>,
        done: &mut BlobPush,
        cancel: &CancellationToken,
    ) -> Result<Option<Session>, RegistryError> {
        let mut scopes = Scopes::push(path);
        let mut rest = "blobs/uploads/".to_owned();
        if let Some(from) = neighbour {
            scopes = scopes.and(from, &["pull"]);
            rest =
                format!("blobs/uploads/?mount={digest}&from={}", url::form_urlencoded::byte_serialize(from.as_bytes()).collect::<String>());
        }
        let url = self.url(path, &rest, cancel).await?;
        // A session nobody uses expires by itself: opening two is harmless.
        let request = Request::new(Method::POST, url.clone()).replay(Replay::Safe).deadline(SHORT_ANSWER);
        done.writes += 1;
        let response = self.call(request, &scopes, cancel).await;
        match response {
            Ok(response) if response.status() == StatusCode::CREATED && neighbour.is_some() => {
                check_echo(&response, digest)?;
                response.discard().await;
                Ok(None)
            }
            Ok(response) if response.status().is_success() => {
                let asked = response.url().expose().clone();
                let session = Session::join(&asked, response.header(&header::LOCATION), self.provider);
                response.discard().await;
                let unusable = |error: super::location::LocationError| {
                    RegistryError::new(RegistryErrorKind::Protocol, format!("open an upload session in {}/{path}: {error}", self.host()))
                };
                session.map(Some).map_err(unusable)
            }
            // A neighbour that cannot lend must not stop us: ask for a plain session.
            Ok(response) if neighbour.is_some() && response.status().is_client_error() => {
                response.discard().await;
                Box::pin(self.open_session(path, digest, None, done, cancel)).await
            }
            Err(error) if neighbour.is_some() && matches!(error.kind, RegistryErrorKind::Unauthorized | RegistryErrorKind::Denied) => {
                Box::pin(self.open_session(path, digest, None, done, cancel)).await
            }
            Ok(response) => Err(self.refused(&format!("open an upload session in {}/{path}", self.host()), response).await),
            Err(error) => Err(error.context(&format!("open an upload session in {}/{path}", self.host()))),
        }
    }

    /// Gives a session back. Best effort: an abandoned one expires.
    async fn cancel_session(&self, path: &str, session: &Session, done: &mut BlobPush) {
        if !session.ours {
            return;
        }
        let request = Request::new(Method::DELETE, session.url.clone()).replay(Replay::Once).deadline(SHORT_ANSWER);
        done.writes += 1;
        // Not the run's token: this is also done on the way out.
        if let Ok(response) = self.call(request, &Scopes::push(path), &CancellationToken::new()).await {
            response.discard().await;
        }
    }

    /// Begins fetching a blob. The caller reads, counts and hashes.
    pub async fn get_blob(&self, path: &str, digest: &Digest, cancel: &CancellationToken) -> Result<Response, RegistryError> {
        let url = self.url(path, &format!("blobs/{digest}"), cancel).await?;
        let response = self.call(Request::new(Method::GET, url), &Scopes::pull(path), cancel).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(self.refused(&format!("fetch {} from {}/{path}", digest.short(), self.host()), response).await)
    }

    /// Fetches a small blob into memory and checks it.
    pub async fn get_small_blob(
        &self,
        path: &str,
        blob: &Descriptor,
        limit: u64,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, RegistryError> {
        let doing = || format!("fetch {} from {}/{path}", blob.digest.short(), self.host());
        let limit = usize::try_from(blob.size.min(limit)).unwrap_or(usize::MAX);
        let bytes = self.get_blob(path, &blob.digest, cancel).await?.bytes(limit).await?;
        let mut hash = blob.digest.digester();
        hash.update(&bytes);
        match hash.finish() {
            found if found == blob.digest => Ok(bytes),
            found => Err(RegistryError::new(RegistryErrorKind::Mismatch, format!("{}: the bytes hash to {found}", doing()))),
        }
    }
}

/// A registry that names a digest must name ours.
pub(super) fn check_echo(response: &Response, expected: &Digest) -> Result<(), RegistryError> {
    match response.header(&CONTENT_DIGEST) {
        Some(echoed) if echoed != expected.as_str() => {
            let echoed: String = echoed.chars().take(160).collect();
            let message = format!("the registry says it stored {echoed}, but {expected} was sent");
            Err(RegistryError::new(RegistryErrorKind::Mismatch, message).hint("something between here and the registry changes content"))
        }
        _ => Ok(()),
    }
}
