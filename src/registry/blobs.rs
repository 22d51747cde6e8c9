//! Blobs: is it there, fetch it (distribution specification, end-2). How one is sent: `transfer`.

use tokio_util::sync::CancellationToken;

use super::auth::Scopes;
use super::client::{Access, Client, SHORT_ANSWER};
use super::error::{RegistryError, RegistryErrorKind};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::http::{Method, Request, Response, StatusCode, header};

/// `Docker-Content-Digest`: the digest of what was sent or stored, as the registry sees it.
pub(super) const CONTENT_DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");

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

    /// Begins fetching a blob. The caller reads, counts and hashes.
    pub async fn get_blob(&self, path: &str, digest: &Digest, cancel: &CancellationToken) -> Result<Response, RegistryError> {
        let url = self.url(path, &format!("blobs/{digest}"), cancel).await?;
        let response = self.call(Request::new(Method::GET, url), &Scopes::pull(path), cancel).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(self.refused(&format!("fetch {} from {}/{path}", digest.short(), self.host()), response).await)
    }

    /// Begins fetching a blob from a byte on. A registry that knows no ranges answers 200 with all of it.
    pub async fn get_blob_from(
        &self,
        path: &str,
        digest: &Digest,
        offset: u64,
        cancel: &CancellationToken,
    ) -> Result<Response, RegistryError> {
        if offset == 0 {
            return self.get_blob(path, digest, cancel).await;
        }
        let url = self.url(path, &format!("blobs/{digest}"), cancel).await?;
        let request = Request::new(Method::GET, url).header(header::RANGE, &format!("bytes={offset}-"));
        let response = self.call(request, &Scopes::pull(path), cancel).await?;
        let begins =
            response.header(&header::CONTENT_RANGE).is_some_and(|range| range.trim_start().starts_with(&format!("bytes {offset}-")));
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::PARTIAL_CONTENT if begins => Ok(response),
            StatusCode::PARTIAL_CONTENT => {
                let message = format!("{} answers another range of {} than was asked for", self.host(), digest.short());
                Err(RegistryError::new(RegistryErrorKind::Protocol, message))
            }
            _ => Err(self.refused(&format!("fetch {} from {}/{path}", digest.short(), self.host()), response).await),
        }
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
