//! Proving who we are: the challenge of a host, and the tokens it was answered with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::challenge::Challenge;
use super::client::HostSpec;
use super::credentials::{self, Credentials, Sourced, Wanted};
use super::error::{RegistryError, RegistryErrorKind};
use super::provider::Provider;
use super::realm;
use crate::core::Secret;
use crate::http::{self, Body, Budget, Method, Replay, Request, Response, Url, header};
use crate::world::World;

/// The most a token service may answer.
const MAX_TOKEN_ANSWER: usize = 256 * 1024;

/// What a token lives when its service does not say (distribution's token specification).
const DEFAULT_LIFETIME: u64 = 60;

/// The scope of the list of repositories: no repository has a `:` in its path.
const CATALOG: &str = "registry:catalog";

/// What is wanted of repositories: path → actions. Ordered, so that equal wishes are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scopes(BTreeMap<String, BTreeSet<&'static str>>);

impl Scopes {
    /// Reading one repository.
    pub fn pull(path: &str) -> Self {
        Self::default().and(path, &["pull"])
    }

    /// Reading and writing one repository.
    pub fn push(path: &str) -> Self {
        Self::default().and(path, &["pull", "push"])
    }

    /// Also these actions on this repository.
    pub fn and(mut self, path: &str, actions: &[&'static str]) -> Self {
        self.0.entry(path.to_owned()).or_default().extend(actions);
        self
    }

    /// Listing the repositories.
    pub fn catalog() -> Self {
        Self::default().and(CATALOG, &["*"])
    }

    /// `repository:acme/app:pull,push`, one per repository.
    fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(path, actions)| {
            let kind = if path == CATALOG { "" } else { "repository:" };
            format!("{kind}{path}:{}", actions.iter().copied().collect::<Vec<_>>().join(","))
        })
    }
}

/// One host's challenge, credentials and tokens, shared by all workers.
pub(super) struct Auth {
    world: World,
    host: String,
    prefix: Option<String>,
    may_be_anonymous: bool,
    provider: &'static Provider,
    http: http::Client,
    found: Mutex<Option<Sourced>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    tokens: HashMap<Scopes, Token>,
}

struct Token {
    secret: Secret,
    until: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Auth {
    pub(super) fn new(world: World, spec: &HostSpec, provider: &'static Provider, http: http::Client) -> Self {
        let (host, prefix) = (spec.host.clone(), spec.credentials.clone());
        let may_be_anonymous = spec.may_be_anonymous;
        Self { world, host, prefix, may_be_anonymous, provider, http, found: Mutex::default(), state: Mutex::default() }
    }

    /// The credentials, looked up once, and again when what a cloud gave for an hour is over.
    pub(super) async fn credentials(&self, registry: &Url, cancel: &CancellationToken) -> Result<Sourced, RegistryError> {
        let mut found = self.found.lock().await;
        if let Some(found) = found.as_ref().filter(|found| found.until.is_none_or(|until| until > Instant::now())) {
            return Ok(found.clone());
        }
        let wanted = Wanted { host: &self.host, keys: self.provider.config_keys, prefix: self.prefix.as_deref(), registry: Some(registry) };
        let new = match credentials::find(&self.world, &self.http, &wanted, cancel).await {
            Err(error) if error.kind == RegistryErrorKind::Missing && self.may_be_anonymous && self.prefix.is_some() => Sourced::nobody(),
            found => found?,
        };
        Ok(found.insert(new).clone())
    }

    /// The words for where the credentials came from, as far as they were looked up.
    async fn source(&self) -> String {
        self.found.lock().await.as_ref().map_or("no credentials", |found| found.from.as_str()).to_owned()
    }

    /// What to do when credentials are missing or refused.
    pub(super) fn hint(&self) -> String {
        credentials::hint(&self.host, self.prefix.as_deref())
    }

    /// The `Authorization` value for a request, as far as the host's challenge is known: none before the first 401,
    /// so that a registry that asks for nothing gets nothing.
    pub(super) async fn authorization(
        &self,
        registry: &Url,
        scopes: &Scopes,
        budget: &Arc<Budget>,
        cancel: &CancellationToken,
    ) -> Result<Option<Secret>, RegistryError> {
        // Held while a token is fetched: workers that want the same one wait for it instead of fetching their own.
        let mut state = self.state.lock().await;
        let Some(challenge) = state.challenge.clone() else { return Ok(None) };
        let credentials = &self.credentials(registry, cancel).await?.credentials;
        if challenge.scheme == "basic" {
            return Ok(match credentials {
                Credentials::Basic { user, secret } => Some(basic(user, secret)),
                Credentials::Anonymous | Credentials::Identity(_) => None,
            });
        }
        state.tokens.retain(|_, token| token.until > Instant::now());
        if let Some(token) = state.tokens.get(scopes) {
            return Ok(Some(bearer(&token.secret)));
        }
        let token = self.fetch_token(registry, &challenge, scopes, credentials, budget, cancel).await?;
        let value = bearer(&token.secret);
        state.tokens.insert(scopes.clone(), token);
        Ok(Some(value))
    }

    /// Takes note of a 401: what is asked for now, and that the authorization that was used is no good. A token that
    /// somebody else has fetched since stays.
    pub(super) async fn challenged(&self, response: &Response, scopes: &Scopes, used: Option<&Secret>) -> Result<(), RegistryError> {
        let values = response.headers().get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let Some(challenge) = Challenge::choose(values) else {
            let message = format!("{} {}: unauthorized (401), without saying how to log in", response.method(), response.url());
            return Err(RegistryError::new(RegistryErrorKind::Unauthorized, message).hint(self.hint()));
        };
        let mut state = self.state.lock().await;
        let refused = |token: &Token| used.is_some_and(|used| used.expose() == bearer(&token.secret).expose());
        if state.tokens.get(scopes).is_some_and(refused) {
            state.tokens.remove(scopes);
        }
        state.challenge = Some(challenge);
        Ok(())
    }

    /// Asks the realm for a token (distribution's token and oauth2 specifications).
    async fn fetch_token(
        &self,
        registry: &Url,
        challenge: &Challenge,
        scopes: &Scopes,
        credentials: &Credentials,
        budget: &Arc<Budget>,
        cancel: &CancellationToken,
    ) -> Result<Token, RegistryError> {
        let host = &self.host;
        let refuse = |message: String| RegistryError::new(RegistryErrorKind::Unauthorized, message);
        let text = challenge.param("realm").unwrap_or_default();
        let mut url = Url::parse(text).map_err(|_| refuse(format!("{host} names a token service that is no URL")))?;
        let service_host = url.host_str().unwrap_or_default().to_owned();
        if !realm::is_reachable(&url, registry) {
            return Err(refuse(format!("{host} wants a token from {service_host} over an unencrypted connection; refused")));
        }
        if !matches!(credentials, Credentials::Anonymous) && !realm::may_see_credentials(&url, registry, self.provider) {
            let message = format!("{host} wants its credentials sent to {service_host}, which is another party; refused");
            return Err(refuse(message).hint("if that is really its token service, ask for it to be added to the table of known services"));
        }
        let service = challenge.param("service");
        let request = match credentials {
            Credentials::Identity(token) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", "stagefreight");
                form.append_pair("refresh_token", token.expose());
                if let Some(service) = service {
                    form.append_pair("service", service);
                }
                form.append_pair("scope", &scopes.texts().collect::<Vec<_>>().join(" "));
                let body = Body::Bytes(Bytes::from(form.finish()));
                Request::new(Method::POST, url).body(body).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
            Credentials::Anonymous | Credentials::Basic { .. } => {
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", service);
                }
                for scope in scopes.texts() {
                    url.query_pairs_mut().append_pair("scope", &scope);
                }
                let authorization = match credentials {
                    Credentials::Basic { user, secret } => {
                        url.query_pairs_mut().append_pair("account", user);
                        Some(basic(user, secret))
                    }
                    _ => None,
                };
                Request::new(Method::GET, url).authorization(authorization)
            }
        };
        // Asking twice for a token gives two tokens.
        let request = request.replay(Replay::Safe).budget(budget).deadline(Duration::from_secs(60));
        let response = self.http.send(&request, cancel).await?;
        let status = response.status();
        if !status.is_success() {
            let from = response.url().clone();
            response.discard().await;
            let kind = match status.as_u16() {
                429 => RegistryErrorKind::RateLimited,
                500.. => RegistryErrorKind::Unavailable,
                403 => RegistryErrorKind::Denied,
                _ => RegistryErrorKind::Unauthorized,
            };
            let source = self.source().await;
            let message = format!("{host} gave no token: {from} answered {} to {source}", status.as_u16());
            return Err(RegistryError::new(kind, message).hint(self.hint()));
        }
        let asked = Instant::now();
        let unusable = || RegistryError::new(RegistryErrorKind::Protocol, format!("{host}: its token service answered without a token"));
        let answer: TokenAnswer = serde_json::from_slice(&response.bytes(MAX_TOKEN_ANSWER).await?).map_err(|_| unusable())?;
        let secret = answer.token.or(answer.access_token).filter(|token| !token.is_empty()).ok_or_else(unusable)?;
        // Given back a little early, so that a token does not expire on its way.
        let lifetime = answer.expires_in.unwrap_or(DEFAULT_LIFETIME).clamp(1, 24 * 3600);
        let until = asked + Duration::from_secs(lifetime) - Duration::from_secs((lifetime / 10).min(30));
        Ok(Token { secret: Secret::new(secret), until })
    }
}

fn basic(user: &str, secret: &Secret) -> Secret {
    Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", secret.expose()))))
}

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_merge_by_repository() {
        let scopes = Scopes::push("acme/app").and("acme/base", &["pull"]).and("acme/app", &["pull"]);
        assert_eq!(scopes.texts().collect::<Vec<_>>(), ["repository:acme/app:pull,push", "repository:acme/base:pull"]);
        assert_eq!(Scopes::push("a").and("b", &["pull"]), Scopes::pull("b").and("a", &["push", "pull"]));
    }
}
