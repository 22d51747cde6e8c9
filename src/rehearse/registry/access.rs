//! Who may do what: nothing to prove, HTTP Basic, or bearer tokens of our own token endpoint.
//!
//! Tokens are opaque random texts this server remembers until they expire (distribution, "Token Authentication
//! Specification" and "OAuth2 Token Authentication"); a client cannot read anything out of them or make one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::body::Body;
use super::options::{Auth, Login};
use super::refusal::{Code, Refusal, Result};
use super::route::Query;
use crate::core::reference::{check_host, check_path};
use crate::core::{Digest, Secret};

/// What `service` in a challenge says, and what clients send back.
const SERVICE: &str = "stagefreight";

/// Tokens remembered at a time; the oldest go first.
const MOST_TOKENS: usize = 10_000;

/// Scopes one token request may ask for.
const MOST_SCOPES: usize = 100;

/// What a request wants to do to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read.
    Pull,
    /// Write.
    Push,
    /// Remove.
    Delete,
}

/// What a request may do.
#[derive(Debug, Clone)]
pub enum Grant {
    /// Everything.
    All,
    /// What the token's scopes say.
    Scopes(Vec<Scope>),
}

/// `repository:<name>:<actions>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    name: String,
    pull: bool,
    push: bool,
    delete: bool,
}

impl Grant {
    /// Does it cover this?
    pub fn allows(&self, name: &str, action: Action) -> bool {
        match self {
            Self::All => true,
            Self::Scopes(scopes) => scopes.iter().any(|scope| scope.name == name && scope.allows(action)),
        }
    }

    /// Repositories it may read from, when they are counted.
    pub fn readable(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::All => None,
            Self::Scopes(scopes) => Some(scopes.iter().filter(|scope| scope.pull).map(|scope| scope.name.as_str())),
        }
    }
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        check_path(name).ok()?;
        let has = |wanted: &str| actions.split(',').any(|action| action == wanted || action == "*");
        Some(Self { name: name.to_owned(), pull: has("pull"), push: has("push"), delete: has("delete") })
    }

    fn allows(&self, action: Action) -> bool {
        match action {
            Action::Pull => self.pull,
            Action::Push => self.push,
            Action::Delete => self.delete,
        }
    }
}

/// The gate.
#[derive(Debug)]
pub struct Access {
    auth: Auth,
    tokens: Mutex<HashMap<String, Token>>,
}

#[derive(Debug)]
struct Token {
    expires: Instant,
    scopes: Vec<Scope>,
}

impl Access {
    pub fn new(auth: Auth) -> Self {
        Self { auth, tokens: Mutex::default() }
    }

    /// Admits a request to `/v2/` (no repository) or to a repository, or answers with the challenge that fits.
    pub fn admit(&self, headers: &HeaderMap, wanted: Option<(&str, Action)>) -> Result<Grant> {
        match &self.auth {
            Auth::None => Ok(Grant::All),
            Auth::Basic(login) if presented(headers).is_some_and(|found| same(login, &found)) => Ok(Grant::All),
            Auth::Basic(_) => {
                Err(unauthorized(headers, "credentials are needed").header(WWW_AUTHENTICATE, format!("Basic realm=\"{SERVICE}\"")))
            }
            Auth::Token { .. } => self.admit_token(headers, wanted),
        }
    }

    /// Is there a token endpoint?
    pub fn issues_tokens(&self) -> bool {
        matches!(self.auth, Auth::Token { .. })
    }

    /// `GET /token?service=…&scope=…` with Basic, or `POST /token` with a form (OAuth 2 password grant).
    pub fn token(&self, headers: &HeaderMap, parameters: &Query) -> Result<Response<Body>> {
        let Auth::Token { login, anonymous_pull, lifetime } = &self.auth else {
            return Err(Refusal::missing(Code::Unsupported, "this registry issues no tokens"));
        };
        let by_form = match (parameters.get("username"), parameters.get("password")) {
            (Some(user), Some(password)) => Some(Login { user: user.to_owned(), password: Secret::new(password) }),
            _ => None,
        };
        let known = match presented(headers).or(by_form) {
            Some(found) if same(login, &found) => true,
            // Wrong credentials are told so; none at all may still read.
            Some(_) => return Err(Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "user or password is wrong")),
            None if *anonymous_pull => false,
            None => return Err(Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "credentials are needed")),
        };
        // Several scopes come as several parameters or as one, separated by spaces.
        let wanted = parameters.all("scope").flat_map(|text| text.split([' ', '+'])).take(MOST_SCOPES);
        let scopes = wanted.filter_map(Scope::parse).map(|scope| if known { scope } else { Scope { push: false, delete: false, ..scope } });
        let token = self.issue(scopes.collect(), *lifetime);
        let answer = json!({ "token": token, "access_token": token, "expires_in": lifetime.as_secs() });
        let mut response = Response::new(Body::json(&answer));
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
        response.headers_mut().insert(hyper::header::CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
        Ok(response)
    }

    fn admit_token(&self, headers: &HeaderMap, wanted: Option<(&str, Action)>) -> Result<Grant> {
        let scope = wanted.map(|(name, action)| match action {
            Action::Pull => format!("repository:{name}:pull"),
            Action::Push => format!("repository:{name}:pull,push"),
            Action::Delete => format!("repository:{name}:delete"),
        });
        let realm = format!("http://{}/token", host(headers));
        let challenge = |error: Option<&str>| {
            let mut text = format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"");
            if let Some(scope) = &scope {
                text.push_str(&format!(",scope=\"{scope}\""));
            }
            if let Some(error) = error {
                text.push_str(&format!(",error=\"{error}\""));
            }
            unauthorized(headers, error.unwrap_or("a token is needed")).header(WWW_AUTHENTICATE, text)
        };
        let Some(text) = credentials(headers, "bearer") else { return Err(challenge(None)) };
        let Some(scopes) = self.scopes_of(text) else { return Err(challenge(Some("invalid_token"))) };
        let grant = Grant::Scopes(scopes);
        match wanted {
            Some((name, action)) if !grant.allows(name, action) => Err(challenge(Some("insufficient_scope"))),
            _ => Ok(grant),
        }
    }

    fn scopes_of(&self, token: &str) -> Option<Vec<Scope>> {
        // Looked up by digest: how long it takes says nothing about the tokens there are.
        let key = Digest::of(token.as_bytes()).to_string();
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&key).filter(|token| token.expires > Instant::now()).map(|token| token.scopes.clone())
    }

    fn issue(&self, scopes: Vec<Scope>, lifetime: Duration) -> String {
        let mut random = [0; 32];
        let unpredictable = getrandom::fill(&mut random).is_ok();
        let text = base16ct::lower::encode_string(&random);
        let now = Instant::now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, token| token.expires > now);
        if tokens.len() >= MOST_TOKENS {
            let oldest = tokens.iter().min_by_key(|(_, token)| token.expires).map(|(key, _)| key.clone());
            oldest.and_then(|key| tokens.remove(&key));
        }
        // A token anyone could guess is not remembered, so it opens nothing.
        if unpredictable {
            tokens.insert(Digest::of(text.as_bytes()).to_string(), Token { expires: now + lifetime, scopes });
        }
        text
    }
}

fn unauthorized(headers: &HeaderMap, message: &str) -> Refusal {
    let tried = headers.contains_key(AUTHORIZATION);
    let message = if tried { format!("the credentials sent do not open this: {message}") } else { message.to_owned() };
    Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message)
}

fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).filter(|host| check_host(host).is_ok());
    host.unwrap_or("localhost").to_owned()
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| text.trim())
}

fn presented(headers: &HeaderMap) -> Option<Login> {
    let bytes = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login { user: user.to_owned(), password: Secret::new(password) })
}

// Digests are compared instead of texts: the time it takes tells nothing about the password.
fn same(expected: &Login, found: &Login) -> bool {
    let digest = |login: &Login| Digest::of(format!("{}:{}", login.user, login.password.expose()).as_bytes());
    digest(expected) == digest(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_what_was_asked_for_and_not_more() {
        let scope = Scope::parse("repository:a/b:pull,push").expect("a scope");
        let grant = Grant::Scopes(vec![scope]);
        assert!(grant.allows("a/b", Action::Push));
        assert!(!grant.allows("a/b", Action::Delete));
        assert!(!grant.allows("a", Action::Pull));
        assert!(Scope::parse("repository:a/b:*").is_some_and(|scope| scope.delete));
        for bad in ["registry:catalog:*", "repository:../x:pull", "repository:a"] {
            assert_eq!(Scope::parse(bad), None, "{bad}");
        }
    }
}
