//! Servers that keep what is `PUT` there: Artifactory, Nexus, WebDAV. Checksums go along in headers, so that a server that
//! knows them refuses what arrived damaged, and come back in headers, so that nothing is read twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use super::host::{At, Document, FileHost, Held, HeldVersion, carrying, hash_at};
use super::index::MOST;
use crate::core::{BoxFuture, Digest, SafeUrl, Secret};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::http::header::{self, HeaderName};
use crate::http::{self, Body, Method, Replay, Request, Response, Url};
use crate::publish::{Inquiry, Preflight};

/// What Artifactory calls them.
const CHECKSUM_SHA256: HeaderName = HeaderName::from_static("x-checksum-sha256");

/// RFC 9530.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Each product lists its files in a way of its own, and plain servers in none.
const NO_LIST: &str = "a server that takes PUT has no list of what it holds";

/// Who we are there.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nobody in particular.
    Anonymous,
    /// Basic (RFC 7617).
    Basic {
        /// User.
        user: String,
        /// Password or token.
        secret: Secret,
    },
    /// A bearer token (RFC 6750).
    Bearer(Secret),
}

/// A directory of a server.
pub struct HttpPut {
    place: String,
    base: Url,
    http: http::Client,
    authorization: Option<Secret>,
    variables: String,
    missing: Option<ForgeError>,
}

impl HttpPut {
    /// `variables` names where the credentials come from, for hints.
    pub fn new(base: Url, http: http::Client, login: &Login, variables: impl Into<String>) -> Self {
        let authorization = match login {
            Login::Anonymous => None,
            Login::Basic { user, secret } => Some(Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{}", secret.expose()))))),
            Login::Bearer(secret) => Some(Secret::new(format!("Bearer {}", secret.expose()))),
        };
        let place = SafeUrl::new(base.clone()).to_string();
        Self { place: place.trim_end_matches('/').to_owned(), base, http, authorization, variables: variables.into(), missing: None }
    }

    /// Says of every call that the credentials which the config names are missing.
    #[must_use]
    pub fn missing(mut self, error: Option<ForgeError>) -> Self {
        self.missing = error;
        self
    }

    async fn ask(&self, request: &Request, cancel: &CancellationToken) -> Result<Response, ForgeError> {
        match &self.missing {
            Some(missing) => Err(missing.clone()),
            None => Ok(self.http.send(request, cancel).await?),
        }
    }

    fn request(&self, method: Method, at: &At) -> Request {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(at.directory.split('/').filter(|part| !part.is_empty())).push(&at.file);
        }
        Request::new(method, url).authorization(self.authorization.clone())
    }

    fn refused(&self, doing: &str, status: u16) -> ForgeError {
        let (kind, hint) = match status {
            401 => (ForgeErrorKind::Unauthorized, format!("set {} to credentials that may write there", self.variables)),
            403 => (ForgeErrorKind::Denied, format!("may {} write and, to repair what is broken, replace files there?", self.variables)),
            404 => (ForgeErrorKind::NotFound, "is the `url` right, and the repository there?".to_owned()),
            405 | 501 => (ForgeErrorKind::Rejected, "this server takes no PUT, or tells nothing by HEAD".to_owned()),
            409 | 412 => (ForgeErrorKind::Exists, "somebody wrote it meanwhile; run publish again".to_owned()),
            413 => (ForgeErrorKind::TooLarge, "raise the server's limit, or split the file".to_owned()),
            429 => (ForgeErrorKind::RateLimited, "run publish again later; what arrived is kept".to_owned()),
            500..=599 => (ForgeErrorKind::Unavailable, "run publish again; what arrived is kept".to_owned()),
            // Nexus answers 400 when its policy lets nothing be written twice.
            400 => (ForgeErrorKind::Exists, "does the repository's policy allow this?".to_owned()),
            _ => (ForgeErrorKind::Rejected, "is the `url` right?".to_owned()),
        };
        ForgeError::new(kind, format!("cannot {doing}: {} answered {status}", self.place)).hint(hint).status(status)
    }

    async fn put(&self, at: &At, file: &AssetSource, over: bool, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let request = checksummed(self.request(Method::PUT, at), &file.sha256).header(header::CONTENT_TYPE, &file.media_type);
        // Servers that know conditions refuse to overwrite; the others were looked at before.
        let request = if over { request } else { request.header(header::IF_NONE_MATCH, "*") };
        let response = self.ask(&carrying(request, file), cancel).await?;
        let status = response.status();
        response.discard().await;
        if status.is_success() { Ok(()) } else { Err(self.refused(&format!("send {}", at.path()), status.as_u16())) }
    }
}

/// The checksum as Artifactory and as RFC 9530 name it.
fn checksummed(request: Request, digest: &Digest) -> Request {
    let request = request.header(CHECKSUM_SHA256, digest.hex());
    match base16ct::lower::decode_vec(digest.hex()) {
        Ok(raw) => request.header(CONTENT_DIGEST, &format!("sha-256=:{}:", STANDARD.encode(raw))),
        Err(_) => request,
    }
}

/// The SHA-256 an answer tells of what is there.
fn told(response: &Response) -> Option<Digest> {
    if let Some(hex) = response.header(&CHECKSUM_SHA256) {
        return format!("sha256:{}", hex.trim().to_ascii_lowercase()).parse().ok();
    }
    let fields = response.header(&REPR_DIGEST).or_else(|| response.header(&CONTENT_DIGEST))?;
    let value = fields.split(',').find_map(|field| field.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))?;
    let raw = STANDARD.decode(value).ok()?;
    format!("sha256:{}", base16ct::lower::encode_string(&raw)).parse().ok()
}

impl FileHost for HttpPut {
    fn place(&self) -> &str {
        &self.place
    }

    /// A question about a file that nobody has tells whether the server lets us in.
    fn preflight<'a>(&'a self, _: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let at = At { directory: String::new(), file: "stagefreight-preflight".to_owned() };
            let asked = match self.ask(&self.request(Method::HEAD, &at), cancel).await {
                Ok(response) => match response.status().as_u16() {
                    200..=299 | 404 => Ok(format!("{} answers", self.place)),
                    status => Err(self.refused("look at it", status)),
                },
                Err(error) => Err(error),
            };
            asked.map(|checked| vec![checked]).into()
        })
    }

    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>> {
        Box::pin(async move {
            let response = self.ask(&self.request(Method::HEAD, at), cancel).await?;
            match response.status().as_u16() {
                200..=299 => Ok(Some(Held { size: response.content_length(), sha256: told(&response) })),
                404 => Ok(None),
                status => Err(self.refused(&format!("look at {}", at.path()), status)),
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
        Box::pin(async move { hash_at(&self.http, &self.request(Method::GET, at), most, cancel).await })
    }

    fn document<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Document>, ForgeError>> {
        Box::pin(async move {
            let response = self.ask(&self.request(Method::GET, at), cancel).await?;
            match response.status().as_u16() {
                200 => {
                    let state = response.header(&header::ETAG).map(str::to_owned);
                    Ok(Some(Document { bytes: response.bytes(MOST).await?, state }))
                }
                404 => Ok(None),
                status => Err(self.refused(&format!("read {}", at.path()), status)),
            }
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
            let request = checksummed(self.request(Method::PUT, at), &Digest::of(&bytes));
            let request = match over.map(|held| held.state.as_deref()) {
                None => request.header(header::IF_NONE_MATCH, "*"),
                // A weak tag says too little for a condition (RFC 9110 §13.1.1).
                Some(Some(tag)) if !tag.starts_with("W/") => request.header(header::IF_MATCH, tag),
                Some(_) => request,
            };
            let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::Bytes(bytes.into())).replay(Replay::Once);
            let response = self.ask(&request, cancel).await?;
            let status = response.status();
            response.discard().await;
            if status.is_success() { Ok(()) } else { Err(self.refused(&format!("write {}", at.path()), status.as_u16())) }
        })
    }

    fn refuses_removal(&self) -> Option<&'static str> {
        Some(NO_LIST)
    }

    fn versions<'a>(&'a self, _: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<HeldVersion>, ForgeError>> {
        Box::pin(async move { Err(ForgeError::new(ForgeErrorKind::Rejected, format!("cannot list {}: {NO_LIST}", self.place))) })
    }

    fn remove<'a>(&'a self, version: &'a HeldVersion, _: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            Err(ForgeError::new(ForgeErrorKind::Rejected, format!("cannot remove {} from {}: {NO_LIST}", version.directory, self.place)))
        })
    }
}
