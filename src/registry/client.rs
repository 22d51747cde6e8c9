//! One registry host: its address, its authentication, and the one way requests leave for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::auth::{Auth, Scopes};
use super::error::{RegistryError, RegistryErrorKind};
use super::pace::Pace;
use super::provider::{self, Provider};
use crate::core::HostOptions;
use crate::event::Events;
use crate::http::{self, Budget, HttpErrorKind, Method, Request, Response, Url};
use crate::world::World;

/// The most of an error answer that is looked at.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Large enough for any answer about one thing that is not its bytes.
pub(super) const SHORT_ANSWER: Duration = Duration::from_secs(120);

/// How to reach one registry host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostSpec {
    /// Host as references name it, with a port when there is one.
    pub host: String,
    /// http instead of https. Without it loopback hosts are tried with https first, then http.
    pub plain_http: bool,
    /// Prefix of the credential variables; `None`: files, the CI's own token, or nothing.
    pub credentials: Option<String>,
    /// Additional certificate authorities, an absolute path.
    pub ca_file: Option<PathBuf>,
    /// Where the host really listens, for registries that run inside this process: plain http on loopback.
    pub endpoint: Option<SocketAddr>,
    /// Client certificate, concurrency, rate, retries.
    pub options: HostOptions,
    /// Hosts that images of this one are asked of first, in this order.
    pub mirrors: Vec<String>,
    /// Credential variables that are not set mean: nobody in particular. For hosts that are only read.
    pub may_be_anonymous: bool,
}

/// What a request needs to be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

impl Access {
    pub(super) fn to(self, path: &str) -> Scopes {
        match self {
            Self::Pull => Scopes::pull(path),
            Self::Push => Scopes::push(path),
        }
    }
}

/// One registry host. Shared by all workers of a run.
pub struct Client {
    host: String,
    pub(super) provider: &'static Provider,
    auth: Auth,
    http: http::Client,
    events: Events,
    spec: HostSpec,
    base: OnceCell<Url>,
    pace: Option<Pace>,
}

impl Client {
    /// A client for a host. Nothing is sent and no credential is looked up until the first request.
    pub fn new(world: &World, events: Events, http: http::Client, spec: HostSpec) -> Self {
        let provider = provider::of_host(&spec.host);
        let auth = Auth::new(world.clone(), &spec, provider, http.clone());
        let pace = spec.options.rate.map(Pace::new);
        Self { host: spec.host.clone(), provider, auth, http, events, spec, base: OnceCell::new(), pace }
    }

    /// How the host is reached and treated.
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// Host as references name it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where progress goes.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// A budget of retries for one operation.
    pub fn budget(&self) -> Arc<Budget> {
        self.http.budget()
    }

    /// `https://ghcr.io/`, found out once.
    pub(super) async fn base(&self, cancel: &CancellationToken) -> Result<&Url, RegistryError> {
        self.base.get_or_try_init(|| self.find_base(cancel)).await
    }

    async fn find_base(&self, cancel: &CancellationToken) -> Result<Url, RegistryError> {
        let parse = |text: String| {
            Url::parse(&text)
                .map_err(|_| RegistryError::new(RegistryErrorKind::Rejected, format!("`{}` is not a registry host", self.host)))
        };
        if let Some(endpoint) = self.spec.endpoint {
            return parse(format!("http://{endpoint}/"));
        }
        if self.spec.plain_http {
            return parse(format!("http://{}/", self.host));
        }
        let secure = parse(format!("https://{}/", self.provider.api_host.unwrap_or(&self.host)))?;
        if !http::is_loopback(&secure) || self.spec.ca_file.is_some() {
            return Ok(secure);
        }
        // A registry on this machine rarely has a certificate: look whether there is TLS at all.
        let probe = secure.join("v2/").unwrap_or_else(|_| secure.clone());
        match self.http.send(&Request::new(Method::GET, probe).deadline(SHORT_ANSWER), cancel).await {
            Ok(response) => {
                response.discard().await;
                Ok(secure)
            }
            Err(error) if matches!(error.kind, HttpErrorKind::Tls | HttpErrorKind::Cut) => parse(format!("http://{}/", self.host)),
            Err(error) => Err(error.into()),
        }
    }

    /// `…/v2/<path>/<rest>`.
    pub(super) async fn url(&self, path: &str, rest: &str, cancel: &CancellationToken) -> Result<Url, RegistryError> {
        let base = self.base(cancel).await?;
        base.join(&format!("v2/{path}/{rest}"))
            .map_err(|_| RegistryError::new(RegistryErrorKind::Rejected, format!("`{path}` is not a repository path")))
    }

    /// Sends a request with the authorization its scopes need; answers one challenge, and one more when a token that
    /// was sent is no longer accepted. A second refusal is the caller's 401.
    pub(super) async fn call(&self, request: Request, scopes: &Scopes, cancel: &CancellationToken) -> Result<Response, RegistryError> {
        let budget = request_budget(&request, self);
        let request = request.budget(&budget);
        let registry = self.base(cancel).await?;
        let mut refreshed = false;
        loop {
            let authorization = self.auth.authorization(registry, scopes, &budget, cancel).await?;
            if let Some(pace) = &self.pace {
                pace.turn().await;
            }
            let response = self.http.send(&request.clone().authorization(authorization.clone()), cancel).await?;
            if response.status() != http::StatusCode::UNAUTHORIZED || refreshed {
                return Ok(response);
            }
            self.auth.challenged(&response, scopes, authorization.as_ref()).await?;
            refreshed = authorization.is_some();
            let answerable = self.auth.authorization(registry, scopes, &budget, cancel).await?.is_some();
            if !answerable {
                return Ok(response);
            }
            response.discard().await;
        }
    }

    /// Where somebody else can read a blob, and the `Authorization` that takes. `None`: the repository does not hold it.
    pub async fn blob_address(
        &self,
        path: &str,
        digest: &crate::core::Digest,
        cancel: &CancellationToken,
    ) -> Result<Option<(Url, Option<crate::core::Secret>)>, RegistryError> {
        // Asking for it answers the challenge, if there is one.
        if !self.has_blob(path, digest, Access::Pull, cancel).await? {
            return Ok(None);
        }
        let url = self.url(path, &format!("blobs/{digest}"), cancel).await?;
        let registry = self.base(cancel).await?;
        let authorization = self.auth.authorization(registry, &Scopes::pull(path), &self.budget(), cancel).await?;
        Ok(Some((url, authorization)))
    }

    /// Sends a request to another party's address the registry handed out: no credentials go there.
    pub(super) async fn call_elsewhere(&self, request: Request, cancel: &CancellationToken) -> Result<Response, RegistryError> {
        Ok(self.http.send(&request, cancel).await?)
    }

    /// Turns an answer that is no success into an error, naming what was being done.
    pub(super) async fn refused(&self, doing: &str, response: Response) -> RegistryError {
        use RegistryErrorKind as K;
        let status = response.status().as_u16();
        let codes = error_codes(response).await;
        let said = if codes.is_empty() { String::new() } else { format!(", {}", codes.join(", ")) };
        let host = &self.host;
        let error = |kind, text: &str| RegistryError::new(kind, format!("{doing}: {text} ({status}{said})"));
        match status {
            401 => {
                let found = match self.base(&CancellationToken::new()).await {
                    Ok(base) => self.auth.credentials(base, &CancellationToken::new()).await,
                    Err(error) => Err(error),
                };
                let (text, found) = match found {
                    Ok(found) => ("the registry does not accept", found.from),
                    Err(missing) => return missing,
                };
                error(K::Unauthorized, &format!("{text} {found}")).hint(self.auth.hint())
            }
            403 => error(K::Denied, "the registry forbids it to these credentials").hint(self.auth.hint()),
            404 => error(K::NotFound, "not found")
                .hint(format!("check the path; on {host} a repository may have to be created first, or these credentials may not see it")),
            413 => error(K::Rejected, "the registry says it is too large"),
            429 => {
                error(K::RateLimited, "the registry limits the rate of requests").hint("run it again later; what arrived is found and kept")
            }
            500.. => error(K::Unavailable, "the registry failed").hint("run it again; what arrived is found and kept"),
            _ => error(K::Rejected, "the registry refused"),
        }
    }

    /// Is somebody there who speaks the distribution protocol, and do they accept us? Sends `GET /v2/` and, where the
    /// registry uses tokens, obtains one for these scopes. Proves that name, network, TLS and credentials are right
    /// and, where the token service checks permissions (Docker Hub, GHCR, GitLab, Harbor do), that we may push. Writes
    /// nothing; whether a repository may be created is only known when it is.
    pub async fn check(&self, path: &str, access: Access, cancel: &CancellationToken) -> Result<String, RegistryError> {
        let base = self.base(cancel).await?;
        let url = base.join("v2/").unwrap_or_else(|_| base.clone());
        let response = self.call(Request::new(Method::GET, url).deadline(SHORT_ANSWER), &access.to(path), cancel).await?;
        if !response.status().is_success() {
            return Err(self.refused(&format!("log in to {}", self.host), response).await);
        }
        response.discard().await;
        let from = self.auth.credentials(base, cancel).await?.from;
        Ok(format!("{} answers and accepts {from} for {path}", self.host))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "registry::Client({})", self.host)
    }
}

fn request_budget(request: &Request, client: &Client) -> Arc<Budget> {
    request.shared_budget().cloned().unwrap_or_else(|| client.budget())
}

/// The error codes of a distribution error answer. Its messages are the server's words and stay out of ours.
async fn error_codes(response: Response) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
    }
    let Ok(body) = response.bytes(MAX_ERROR_BODY).await else { return Vec::new() };
    let Ok(answer) = serde_json::from_slice::<Answer>(&body) else { return Vec::new() };
    let well_formed = |code: &String| (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    answer.errors.into_iter().map(|entry| entry.code).filter(well_formed).take(3).collect()
}
