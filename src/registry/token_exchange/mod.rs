//! Credentials that a cloud gives to the identity a job runs under, instead of a stored password: one module for each
//! cloud, chosen by the registry's host. Endpoints are those of the clouds; only the variables their own SDKs honour
//! change them. Nothing is asked of a cloud unless the environment names an identity for it.

mod aws;
mod azure;
mod github;
mod google;
mod imds;
mod jwt;
mod sigv4;

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::credentials::Sourced;
use super::error::{RegistryError, RegistryErrorKind};
use crate::core::Secret;
use crate::event::Events;
use crate::http::{self, Body, Method, Replay, Request, Url, header};
use crate::world::World;

/// The most a cloud's answer may weigh.
const MAX_ANSWER: usize = 256 * 1024;

/// The most a file with a token or key may weigh.
const MAX_FILE: u64 = 256 * 1024;

/// What one question may take, retries aside.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long a service of this machine may take to be connected to.
const NEAR: Duration = Duration::from_secs(2);

/// What is taken off the life of what a cloud gives, so that it does not end on its way.
const MARGIN: Duration = Duration::from_secs(60);

/// What an exchange needs of its surroundings.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// Environment, files, clock.
    pub world: &'a World,
    /// How the cloud is reached.
    pub http: &'a http::Client,
    /// Ends it early.
    pub cancel: &'a CancellationToken,
}

/// Clouds whose registries are known by their hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloud {
    Ecr,
    EcrPublic,
    Google,
    Azure,
}

/// Whole hosts, suffixes that begin with a dot, and what must also be part of the host.
const HOSTS: [(&str, &str, Cloud); 6] = [
    ("public.ecr.aws", "", Cloud::EcrPublic),
    (".amazonaws.com", ".dkr.ecr", Cloud::Ecr),
    (".amazonaws.com.cn", ".dkr.ecr", Cloud::Ecr),
    ("gcr.io", "", Cloud::Google),
    (".gcr.io", "", Cloud::Google),
    (".pkg.dev", "-docker", Cloud::Google),
];

const AZURE_HOSTS: [&str; 3] = [".azurecr.io", ".azurecr.cn", ".azurecr.us"];

fn cloud_of(host: &str) -> Option<Cloud> {
    let host = host.to_ascii_lowercase();
    let is = |known: &str| if known.starts_with('.') { host.ends_with(known) } else { host == known };
    let cloud = HOSTS.iter().find(|(known, part, _)| is(known) && host.contains(part)).map(|(_, _, cloud)| *cloud);
    cloud.or_else(|| AZURE_HOSTS.iter().any(|known| is(known)).then_some(Cloud::Azure))
}

impl Exchange<'_> {
    /// What the host's cloud gives for the identity of this job; `None` where there is no cloud or no identity.
    /// `registry` is where the registry's API is, when it is not at the host.
    pub async fn credentials(&self, host: &str, registry: Option<&Url>) -> Result<Option<Sourced>, RegistryError> {
        match cloud_of(host) {
            None => Ok(None),
            Some(Cloud::Ecr) => self.ecr(host).await,
            Some(Cloud::EcrPublic) => self.ecr_public(host).await,
            Some(Cloud::Google) => self.google(host).await,
            Some(Cloud::Azure) => self.azure(host, registry).await,
        }
    }

    fn env(&self, name: &str) -> Option<&str> {
        self.world.env.get(name)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.world.env.secret(name)
    }

    /// The text of a file that a variable names, without white space around it.
    fn file(&self, host: &str, variable: &str, path: &str) -> Result<Secret, RegistryError> {
        let unreadable = || missing(host, &format!("the file that {variable} names cannot be read"), &format!("check {variable}"));
        let bytes = crate::fs::read_bounded(&self.world.cwd.join(path), MAX_FILE).map_err(|_| unreadable())?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
        Ok(Secret::new(text.trim()))
    }

    /// Sends a question and reads a successful answer. `whom` is what people call the service.
    async fn ask(&self, host: &str, whom: &str, request: Request) -> Result<Vec<u8>, RegistryError> {
        let name = request.url().expose().host_str().unwrap_or_default().to_owned();
        // Asking twice for a token gives two tokens.
        let request = request.replay(Replay::Safe).deadline(DEADLINE);
        let response = self.http.send(&request, self.cancel).await.map_err(|error| {
            let error = RegistryError::from(error);
            error.context(&format!("no credentials for {host} from {whom}"))
        })?;
        let status = response.status();
        // What a refusal says may quote what was sent.
        if !status.is_success() {
            response.discard().await;
            let kind = match status.as_u16() {
                429 => RegistryErrorKind::RateLimited,
                500.. => RegistryErrorKind::Unavailable,
                403 => RegistryErrorKind::Denied,
                _ => RegistryErrorKind::Unauthorized,
            };
            let message = format!("no credentials for {host}: {whom} ({name}) answered {}", status.as_u16());
            return Err(RegistryError::new(kind, message).hint("check the identity of this job, and what it may do there"));
        }
        Ok(response.bytes(MAX_ANSWER).await?)
    }

    /// The same for an answer in JSON.
    async fn ask_json<T: DeserializeOwned>(&self, host: &str, whom: &str, request: Request) -> Result<T, RegistryError> {
        let answer = self.ask(host, whom, request).await?;
        // The parser's message could quote a token.
        serde_json::from_slice(&answer).map_err(|_| unusable(host, whom))
    }

    /// The same of a service of this machine, which speaks plain http at a link-local address: by no proxy, and with
    /// little patience, since it is near or not there.
    async fn ask_near<T: DeserializeOwned>(&self, host: &str, whom: &str, request: Request) -> Result<T, RegistryError> {
        Exchange { http: &self.near()?, ..*self }.ask_json(host, whom, request).await
    }

    /// The client for such a service.
    fn near(&self) -> Result<http::Client, RegistryError> {
        let mut options = http::Options { plain_http: true, ..http::Options::default() };
        (options.timeouts.connect, options.timeouts.answer) = (NEAR, NEAR);
        options.ladder.retries = 2;
        let failed = |error: crate::error::Error| RegistryError::new(RegistryErrorKind::Unavailable, error.to_string());
        http::Client::new(self.world, Events::none(), &options).map_err(failed)
    }
}

/// A form as OAuth 2 sends it.
fn form(url: Url, fields: &[(&str, &str)]) -> Request {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let body = Body::Bytes(Bytes::from(form.finish()));
    Request::new(Method::POST, url).body(body).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

/// An endpoint: https, or plain http on this machine, as emulators and metadata proxies have it.
fn endpoint(host: &str, what: &str, text: &str) -> Result<Url, RegistryError> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || (url.scheme() == "http" && http::is_loopback(url)));
    url.ok_or_else(|| missing(host, &format!("{what} is not an https URL"), &format!("correct {what}")))
}

fn missing(host: &str, what: &str, hint: &str) -> RegistryError {
    RegistryError::new(RegistryErrorKind::Missing, format!("no credentials for {host}: {what}")).hint(hint)
}

fn unusable(host: &str, whom: &str) -> RegistryError {
    RegistryError::new(RegistryErrorKind::Protocol, format!("no credentials for {host}: {whom} answered something else than expected"))
}

/// How long credentials that live for `seconds` are used.
fn lifetime(seconds: u64) -> Duration {
    let whole = Duration::from_secs(seconds.clamp(1, 24 * 3600));
    whole.checked_sub(MARGIN).unwrap_or(whole / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_tell_their_cloud() {
        for (host, cloud) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Some(Cloud::Ecr)),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", Some(Cloud::Ecr)),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some(Cloud::Ecr)),
            ("public.ecr.aws", Some(Cloud::EcrPublic)),
            ("europe-west1-docker.pkg.dev", Some(Cloud::Google)),
            ("eu.gcr.io", Some(Cloud::Google)),
            ("acme.azurecr.io", Some(Cloud::Azure)),
            ("s3.amazonaws.com", None),
            ("evil-gcr.io", None),
            ("amazonaws.com.dkr.ecr.evil.example", None),
            ("ghcr.io", None),
        ] {
            assert_eq!(cloud_of(host), cloud, "{host}");
        }
    }

    #[test]
    fn endpoints_are_private() {
        assert!(endpoint("h", "X", "https://sts.example/").is_ok());
        assert!(endpoint("h", "X", "http://127.0.0.1:1/").is_ok());
        for bad in ["http://sts.example/", "ftp://x", "nonsense"] {
            assert!(endpoint("h", "X", bad).is_err(), "{bad}");
        }
    }
}
