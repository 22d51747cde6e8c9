//! Amazon ECR, private and public: `GetAuthorizationToken` (Amazon ECR API reference), signed with the keys of this
//! job: from the environment, for a web identity (AWS STS, `AssumeRoleWithWebIdentity`), or from the container's
//! credential endpoint (ECS, CodeBuild, EKS pod identity), or from the instance (`imds`).

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;

use super::sigv4::{self, Keys, Signing};
use super::{Exchange, endpoint, form, lifetime, missing, unusable};
use crate::core::Secret;
use crate::http::{self, Body, Method, Request, Url, header};
use crate::names::env;
use crate::registry::credentials::{Credentials, Sourced};
use crate::registry::error::RegistryError;

/// Tokens of ECR live for twelve hours.
const LIFETIME: u64 = 12 * 3600;

/// Link-local addresses at which containers ask for their credentials (AWS SDKs reference, "Container credential
/// provider"): ECS, and EKS pod identity.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// Where and how a token is asked for.
struct Api<'a> {
    endpoint: Url,
    region: &'a str,
    service: &'a str,
    target: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenAnswer {
    authorization_data: OneOrMany,
}

// The private API answers a list, the public one a single object.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(TokenData),
    Many(Vec<TokenData>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenData {
    authorization_token: String,
    #[serde(default)]
    expires_at: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerAnswer {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    token: Option<String>,
}

impl Exchange<'_> {
    pub(super) async fn ecr(&self, host: &str) -> Result<Option<Sourced>, RegistryError> {
        let Some((region, suffix, fips)) = place_of(host) else { return Ok(None) };
        let Some((keys, from)) = self.aws_keys(host, region).await? else { return Ok(None) };
        let name = if fips { "ecr-fips" } else { "api.ecr" };
        let endpoint = self.aws_endpoint(host, "ECR", &format!("https://{name}.{region}.{suffix}/"))?;
        let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
        self.ecr_token(host, &Api { endpoint, region, service: "ecr", target }, &keys, from).await.map(Some)
    }

    pub(super) async fn ecr_public(&self, host: &str) -> Result<Option<Sourced>, RegistryError> {
        // The public registry has its API in one region, whatever region the job is in.
        let region = "us-east-1";
        let Some((keys, from)) = self.aws_keys(host, region).await? else { return Ok(None) };
        let endpoint = self.aws_endpoint(host, "ECR_PUBLIC", &format!("https://api.ecr-public.{region}.amazonaws.com/"))?;
        let target = "SpencerFrontendService.GetAuthorizationToken";
        self.ecr_token(host, &Api { endpoint, region, service: "ecr-public", target }, &keys, from).await.map(Some)
    }

    /// `AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL` (AWS SDKs reference, "Service-specific endpoints").
    fn aws_endpoint(&self, host: &str, service: &str, default: &str) -> Result<Url, RegistryError> {
        for name in [format!("AWS_ENDPOINT_URL_{service}"), env::AWS_ENDPOINT_URL.to_owned()] {
            if let Some(text) = self.env(&name) {
                return endpoint(host, &name, text);
            }
        }
        endpoint(host, "the endpoint of AWS", default)
    }

    async fn ecr_token(&self, host: &str, api: &Api<'_>, keys: &Keys, from: String) -> Result<Sourced, RegistryError> {
        let body = "{}";
        let date = sigv4::amz_date(self.world.clock.now());
        let name = host_header(&api.endpoint);
        let content_type = "application/x-amz-json-1.1";
        let mut headers = vec![("content-type", content_type), ("host", name.as_str()), ("x-amz-date", date.as_str())];
        if let Some(session) = &keys.session {
            headers.push(("x-amz-security-token", session.expose()));
        }
        headers.push(("x-amz-target", api.target));
        let Api { region, service, .. } = *api;
        let signing = Signing { region, service, method: "POST", path: api.endpoint.path(), headers: &headers, body: body.as_bytes() };
        let authorization = sigv4::authorization(keys, &signing, &date);
        let mut request = Request::new(Method::POST, api.endpoint.clone()).body(Body::Bytes(Bytes::from_static(body.as_bytes())));
        for (header, value) in headers.iter().filter(|(header, _)| *header != "host") {
            if let Ok(header) = header::HeaderName::from_bytes(header.as_bytes()) {
                request = request.header(header, value);
            }
        }
        let answer: TokenAnswer = self.ask_json(host, "Amazon ECR", request.authorization(Some(authorization))).await?;
        let data = match answer.authorization_data {
            OneOrMany::One(data) => Some(data),
            OneOrMany::Many(list) => list.into_iter().next(),
        };
        let data = data.ok_or_else(|| unusable(host, "Amazon ECR"))?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(data.authorization_token.trim()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| unusable(host, "Amazon ECR"))?;
        let (user, password) = text.split_once(':').ok_or_else(|| unusable(host, "Amazon ECR"))?;
        #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
        let left = data.expires_at.map(|at| at as i64 - self.world.clock.now().unix()).and_then(|left| u64::try_from(left).ok());
        Ok(Sourced {
            credentials: Credentials::Basic { user: user.to_owned(), secret: Secret::new(password) },
            from: format!("the ECR token of {from}"),
            until: Some(Instant::now() + lifetime(left.unwrap_or(LIFETIME))),
        })
    }

    /// The keys of this job, and the words for where they came from.
    async fn aws_keys(&self, host: &str, region: &str) -> Result<Option<(Keys, String)>, RegistryError> {
        match (self.env(env::AWS_ACCESS_KEY_ID), self.secret(env::AWS_SECRET_ACCESS_KEY)) {
            (Some(id), Some(secret)) => {
                let keys = Keys { id: id.to_owned(), secret, session: self.secret(env::AWS_SESSION_TOKEN) };
                return Ok(Some((keys, "AWS_ACCESS_KEY_ID".to_owned())));
            }
            (Some(_), None) => return Err(missing(host, "AWS_SECRET_ACCESS_KEY not set", "set both keys, or neither")),
            (None, Some(_)) => return Err(missing(host, "AWS_ACCESS_KEY_ID not set", "set both keys, or neither")),
            (None, None) => {}
        }
        if let (Some(path), Some(role)) = (self.env(env::AWS_WEB_IDENTITY_TOKEN_FILE), self.env(env::AWS_ROLE_ARN)) {
            let token = self.file(host, env::AWS_WEB_IDENTITY_TOKEN_FILE, path)?;
            return self.assume_role(host, region, &token, role).await.map(|keys| Some((keys, format!("role {role}"))));
        }
        self.container_keys(host).await
    }

    /// AWS STS API reference, `AssumeRoleWithWebIdentity`: the token is the proof, nothing is signed.
    async fn assume_role(&self, host: &str, region: &str, token: &Secret, role: &str) -> Result<Keys, RegistryError> {
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = self.aws_endpoint(host, "STS", &format!("https://sts.{region}.amazonaws.com{china}/"))?;
        let session = self.env(env::AWS_ROLE_SESSION_NAME).unwrap_or("stagefreight");
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("WebIdentityToken", token.expose()),
        ];
        let answer = self.ask(host, "AWS STS", form(url, &fields)).await?;
        let text = String::from_utf8(answer).map_err(|_| unusable(host, "AWS STS"))?;
        let field = |name: &str| element(&text, name).ok_or_else(|| unusable(host, "AWS STS"));
        let secret = Secret::new(field("SecretAccessKey")?);
        Ok(Keys { id: field("AccessKeyId")?.to_owned(), secret, session: Some(Secret::new(field("SessionToken")?)) })
    }

    /// The keys of the container, else those of the instance it runs on.
    async fn container_keys(&self, host: &str) -> Result<Option<(Keys, String)>, RegistryError> {
        let full = self.env(env::AWS_CONTAINER_CREDENTIALS_FULL_URI);
        let relative = self.env(env::AWS_CONTAINER_CREDENTIALS_RELATIVE_URI).map(|path| format!("http://{}{path}", CONTAINER_HOSTS[0]));
        let (name, text) = match (relative, full) {
            (Some(text), _) => (env::AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, text),
            (None, Some(text)) => (env::AWS_CONTAINER_CREDENTIALS_FULL_URI, text.to_owned()),
            (None, None) => return self.instance_keys(host).await,
        };
        let refused = || missing(host, &format!("{name} leads elsewhere than to this container"), &format!("correct {name}"));
        let url = Url::parse(&text).map_err(|_| refused())?;
        let near = url.host_str().is_some_and(|host| CONTAINER_HOSTS.contains(&host)) || http::is_loopback(&url);
        if !near && url.scheme() != "https" {
            return Err(refused());
        }
        let token = match self.env(env::AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) {
            Some(path) => Some(self.file(host, env::AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, path)?),
            None => self.secret(env::AWS_CONTAINER_AUTHORIZATION_TOKEN),
        };
        let request = Request::new(Method::GET, url).authorization(token);
        let answer: ContainerAnswer = self.ask_near(host, "the container's credential endpoint", request).await?;
        let ContainerAnswer { access_key_id, secret_access_key, token } = answer;
        let keys = Keys { id: access_key_id, secret: Secret::new(secret_access_key), session: token.map(Secret::new) };
        Ok(Some((keys, "the container's role".to_owned())))
    }
}

/// Region, domain, and whether it is the FIPS endpoint, of `<account>.dkr.ecr[-fips].<region>.<domain>`.
fn place_of(host: &str) -> Option<(&str, &str, bool)> {
    let (_, rest) = host.split_once(".dkr.ecr")?;
    let (rest, fips) = rest.strip_prefix("-fips").map_or((rest, false), |rest| (rest, true));
    let (region, suffix) = rest.strip_prefix('.')?.split_once('.')?;
    let plain = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (plain && matches!(suffix, "amazonaws.com" | "amazonaws.com.cn")).then_some((region, suffix, fips))
}

/// The `Host` that is sent: with a port when it is not the scheme's own.
fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The text of the first such element. STS answers in XML whose values hold no markup.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    (!text.is_empty() && !text.contains(['<', '&'])).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_tell_their_region() {
        assert_eq!(place_of("1.dkr.ecr.eu-west-1.amazonaws.com"), Some(("eu-west-1", "amazonaws.com", false)));
        assert_eq!(place_of("1.dkr.ecr-fips.us-gov-west-1.amazonaws.com"), Some(("us-gov-west-1", "amazonaws.com", true)));
        assert_eq!(place_of("1.dkr.ecr.cn-north-1.amazonaws.com.cn"), Some(("cn-north-1", "amazonaws.com.cn", false)));
        for bad in ["1.dkr.ecr.eu.west.amazonaws.com", "1.dkr.ecr.x.evil.example", "1.dkr.ecr.a@b.amazonaws.com", "ecr.amazonaws.com"] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_what_sts_answers() {
        let xml = "<R><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey></Credentials></R>";
        assert_eq!((element(xml, "AccessKeyId"), element(xml, "SecretAccessKey")), (Some("ASIA"), Some("s/+=")));
        assert_eq!(element(xml, "SessionToken"), None);
        assert_eq!(element("<A><B></A>", "A"), None);
    }
}
