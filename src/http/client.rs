//! The client: sends descriptions, follows what may be followed, repeats what may be repeated.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::{HttpError, HttpErrorKind};
use super::options::{Options, Timeouts};
use super::request::Request;
use super::response::Response;
use super::retry::{Budget, Verdict, is_pushback, judge, pause, retry_after};
use super::sending::Meter;
use super::{Method, Url, header};
use crate::core::SafeUrl;
use crate::error::{Error, Result as CommandResult};
use crate::event::{Event, Events};
use crate::world::{Random, World};

/// Redirects followed for one request.
const MAX_REDIRECTS: usize = 5;

/// The HTTP client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    // For large bodies: one connection each. Made when the first is sent, because reading all authorities takes time.
    bulk: Arc<OnceLock<reqwest::Client>>,
    events: Events,
    random: Arc<dyn Random>,
    options: Arc<Options>,
}

impl Client {
    /// Builds a client. The built-in certificate authorities are trusted beside the system's, so that it works in an
    /// image without any.
    pub fn new(world: &World, events: Events, options: &Options) -> CommandResult<Self> {
        Ok(Self {
            inner: connections(options, false)?,
            bulk: Arc::default(),
            events,
            random: Arc::clone(&world.random),
            options: Arc::new(options.clone()),
        })
    }

    /// The connections a request travels on.
    fn transport(&self, request: &Request, url: &Url) -> &reqwest::Client {
        // Without TLS nothing but HTTP/1.1 is spoken anyway.
        if !request.bulk || url.scheme() != "https" {
            return &self.inner;
        }
        // What could be built once can be built again; should it not, the others do too.
        self.bulk.get_or_init(|| connections(&self.options, true).unwrap_or_else(|_| self.inner.clone()))
    }

    /// A fresh budget of retries for one operation.
    pub fn budget(&self) -> Arc<Budget> {
        Arc::new(Budget::new(&self.options.ladder))
    }

    /// Sends a request until it has an answer, of whatever status, or until trying again is pointless, forbidden or
    /// over budget. A transient status that outlasts the budget is returned as the answer it is.
    pub async fn send(&self, request: &Request, cancel: &CancellationToken) -> Result<Response, HttpError> {
        let budget = request.budget.clone().unwrap_or_else(|| self.budget());
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut outcome = self.attempt(request, attempt, cancel).await;
            if let Err(error) = &mut outcome {
                error.attempts = attempt;
            }
            if let (Ok(response), Some(pushback)) = (&outcome, &request.on_pushback)
                && is_pushback(response.status())
            {
                pushback(retry_after(response));
            }
            let patience = match (&outcome, request.untouched) {
                (Ok(response), Some(untouched)) => untouched(response.status(), response.headers()),
                _ => None,
            };
            if let (Some(asked), Some(pushback)) = (patience, &request.on_pushback) {
                pushback(Some(asked));
            }
            let verdict = if patience.is_some() { Verdict::Again(patience) } else { judge(&outcome, request.replay, attempt) };
            let asked = match verdict {
                Verdict::Final => return outcome,
                Verdict::Ambiguous => return Err(ambiguous(request, outcome, attempt)),
                Verdict::Again(asked) => asked,
            };
            let Some(number) = budget.take() else { return outcome };
            let mut random = [0; 4];
            self.random.fill(&mut random);
            let Some(wait) = pause(&self.options.ladder, number, asked, u32::from_le_bytes(random)) else { return outcome };
            if let Ok(response) = outcome {
                response.discard().await;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => {
                    return Err(HttpError::new(HttpErrorKind::Cancelled, &request.method, &request.url, ""));
                }
            }
        }
    }

    /// One attempt, with its redirects.
    async fn attempt(&self, request: &Request, attempt: u32, cancel: &CancellationToken) -> Result<Response, HttpError> {
        let follow = request.follow && matches!(request.method, Method::GET | Method::HEAD);
        let mut url = request.url.clone();
        let mut authorized = true;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(request, &url, authorized, attempt, cancel).await?;
            if !follow || !response.status().is_redirection() {
                return Ok(response);
            }
            let Some(location) = response.header(&header::LOCATION) else { return Ok(response) };
            let next = redirect_target(url.expose(), location)
                .map_err(|detail| HttpError::new(HttpErrorKind::Redirect, &request.method, &url, detail))?;
            // Storage hosts behind registries are other parties: they get what the URL says and nothing of ours.
            authorized = authorized && same_origin(url.expose(), &next);
            url = SafeUrl::new(next);
            response.discard().await;
        }
        Err(HttpError::new(HttpErrorKind::Redirect, &request.method, &request.url, format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// One request on the wire.
    async fn once(
        &self,
        request: &Request,
        url: &SafeUrl,
        authorized: bool,
        attempt: u32,
        cancel: &CancellationToken,
    ) -> Result<Response, HttpError> {
        let failed = |kind, detail: &str| HttpError::new(kind, &request.method, url, detail);
        if cancel.is_cancelled() {
            return Err(failed(HttpErrorKind::Cancelled, ""));
        }
        if url.expose().scheme() != "https" && !self.options.plain_http && !is_loopback(url.expose()) {
            return Err(failed(HttpErrorKind::PlainHttp, "plain http is only spoken to loopback addresses and to hosts configured for it"));
        }
        let meter = Arc::new(Meter::default());
        let mut wire =
            self.transport(request, url.expose()).request(request.method.clone(), url.expose().clone()).headers(request.headers.clone());
        if let Some(authorization) = request.authorization.as_ref().filter(|_| authorized) {
            let mut value = header::HeaderValue::from_str(authorization.expose())
                .map_err(|_| failed(HttpErrorKind::Request, "the credentials hold characters that cannot be sent"))?;
            value.set_sensitive(true);
            wire = wire.header(header::AUTHORIZATION, value);
        }
        if let Some((name, secret)) = request.secret_header.as_ref().filter(|_| authorized) {
            let mut value = header::HeaderValue::from_str(secret.expose())
                .map_err(|_| failed(HttpErrorKind::Request, "the credentials hold characters that cannot be sent"))?;
            value.set_sensitive(true);
            wire = wire.header(name.clone(), value);
        }
        let body = request.body.make(&meter, request.on_progress.clone()).await;
        match body.map_err(|error| failed(HttpErrorKind::Source, &error.to_string()))? {
            Some(body) => wire = wire.body(body),
            // Servers differ on bodiless POST and PUT without a length; an explicit zero satisfies all.
            None if !matches!(request.method, Method::GET | Method::HEAD | Method::DELETE) => {
                wire = wire.header(header::CONTENT_LENGTH, 0);
            }
            None => {}
        }
        self.events.request(request.method.as_str(), url, attempt);
        let started = Instant::now();
        let outcome = tokio::select! {
            sent = wire.send() => sent.map_err(|error| match meter.failure() {
                Some(detail) => failed(HttpErrorKind::Source, &detail),
                None => HttpError::of_reqwest(&error, &request.method, url),
            }),
            (kind, detail) = self.watch(&meter, request) => Err(failed(kind, &detail)),
            () = cancel.cancelled() => Err(failed(HttpErrorKind::Cancelled, "")),
        };
        self.events.emit(Event::Response {
            method: request.method.to_string(),
            url: url.to_string(),
            status: outcome.as_ref().ok().map(|response| response.status().as_u16()),
            elapsed: started.elapsed(),
        });
        Ok(Response::new(outcome?, request.method.clone(), url.clone(), self.options.timeouts, cancel.clone()))
    }

    /// Completes when the request has taken too long: the body below the floor, or the answer late.
    async fn watch(&self, meter: &Meter, request: &Request) -> (HttpErrorKind, String) {
        let Timeouts { answer, stall_window, stall_floor, .. } = self.options.timeouts;
        let answer = request.answer.map_or(answer, |within| within.min(answer));
        let patience = async {
            let mut before = 0;
            while !meter.finished() {
                tokio::time::sleep(stall_window).await;
                let now = meter.moved();
                let floor = (stall_window.as_secs_f64() * stall_floor as f64).max(1.0);
                if !meter.finished() && ((now - before) as f64) < floor {
                    return (HttpErrorKind::Stalled, format!("fewer than {stall_floor} bytes per second for {} s", stall_window.as_secs()));
                }
                before = now;
            }
            tokio::time::sleep(answer).await;
            (HttpErrorKind::Timeout, format!("waited {} s", answer.as_secs()))
        };
        match request.deadline {
            None => patience.await,
            Some(deadline) => tokio::select! {
                late = patience => late,
                () = tokio::time::sleep(deadline) => (HttpErrorKind::Timeout, format!("waited {} s", deadline.as_secs())),
            },
        }
    }
}

/// Connections with everybody's trust, proxy and limits.
#[expect(clippy::disallowed_methods, reason = "http is the one place that builds clients")]
fn connections(options: &Options, bulk: bool) -> CommandResult<reqwest::Client> {
    super::tls::install_provider();
    let failed = |error: reqwest::Error| Error::failed("cannot set up HTTP").because(&error);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("stagefreight/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.timeouts.connect)
        .pool_idle_timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy();
    if bulk {
        builder = builder.http1_only();
    }
    let built_in = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
    builder = builder.tls_certs_merge(built_in);
    for pem in &options.extra_roots {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?);
    }
    if let Some(identity) = &options.identity {
        // The parser's own message could quote the key.
        let unusable =
            |_| Error::missing("the client certificate and its key are not usable PEM").hint("both are needed, and the key unencrypted");
        builder = builder.identity(reqwest::Identity::from_pem(identity.expose().as_bytes()).map_err(unusable)?);
    }
    let direct = format!("127.0.0.0/8,::1,localhost,{}", options.no_proxy.as_deref().unwrap_or_default());
    let direct = reqwest::NoProxy::from_string(&direct);
    if let Some(proxy) = &options.http_proxy {
        builder = builder.proxy(reqwest::Proxy::http(proxy).map_err(failed)?.no_proxy(direct.clone()));
    }
    if let Some(proxy) = &options.https_proxy {
        builder = builder.proxy(reqwest::Proxy::https(proxy).map_err(failed)?.no_proxy(direct));
    }
    builder.build().map_err(failed)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("http::Client")
    }
}

fn ambiguous(request: &Request, outcome: Result<Response, HttpError>, attempts: u32) -> HttpError {
    let mut error = HttpError::new(HttpErrorKind::Ambiguous, &request.method, &request.url, "");
    match outcome {
        Ok(response) => {
            error.status = Some(response.status().as_u16());
            error.detail = format!("answered {}", response.status().as_u16());
        }
        Err(cause) => error.detail = cause.detail,
    }
    error.attempts = attempts;
    error
}

fn redirect_target(from: &Url, location: &str) -> Result<Url, String> {
    let next = from.join(location).map_err(|_| "it redirects to something that is no URL".to_owned())?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(format!("it redirects to a {} URL", next.scheme()));
    }
    if from.scheme() == "https" && next.scheme() == "http" {
        return Err("it redirects from https to plain http".to_owned());
    }
    Ok(next)
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

/// Does this URL stay on this machine?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("URL")
    }

    #[test]
    fn follows_no_redirect_that_weakens_the_connection() {
        let from = url("https://registry.example/v2/x");
        assert!(redirect_target(&from, "/elsewhere?sig=1").is_ok());
        assert!(redirect_target(&from, "https://storage.example/x").is_ok());
        assert!(redirect_target(&from, "http://registry.example/x").is_err());
        assert!(redirect_target(&from, "file:///etc/passwd").is_err());
    }

    #[test]
    fn a_port_is_part_of_the_origin() {
        assert!(same_origin(&url("https://a/x"), &url("https://a:443/y")));
        assert!(!same_origin(&url("https://a/x"), &url("https://a:8443/x")));
        assert!(!same_origin(&url("https://a/x"), &url("https://b.a/x")));
    }

    #[test]
    fn knows_loopback_when_it_sees_it() {
        for text in ["http://127.0.0.1:5000", "http://[::1]:5000", "http://localhost", "http://127.8.8.8"] {
            assert!(is_loopback(&url(text)), "{text}");
        }
        for text in ["http://10.0.0.1", "http://localhost.example", "http://registry.example"] {
            assert!(!is_loopback(&url(text)), "{text}");
        }
    }
}
