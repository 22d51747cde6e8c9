//! Google Artifact Registry and Container Registry take an OAuth 2 access token as the password of `oauth2accesstoken`.
//! It comes from what Application Default Credentials name (a service account's key, a workload identity federation, a
//! user's refresh token), or from the metadata server of the machine.

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{Exchange, MAX_FILE, endpoint, form, jwt, lifetime, missing};
use crate::core::Secret;
use crate::http::{Body, Method, Request, Url, header};
use crate::names::env;
use crate::registry::credentials::{Credentials, Sourced};
use crate::registry::error::RegistryError;

/// What the token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The variable that Application Default Credentials read.
const VARIABLE: &str = env::GOOGLE_APPLICATION_CREDENTIALS;

/// The program that asks for a token wants this header of a human hand (Compute Engine documentation).
const FLAVOR: header::HeaderName = header::HeaderName::from_static("metadata-flavor");

/// Where firmware tells that the machine is Google's.
const PRODUCT: &str = "/sys/class/dmi/id/product_name";

/// A credentials file, by its `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(ServiceAccount),
    ExternalAccount(Box<ExternalAccount>),
    AuthorizedUser(AuthorizedUser),
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct AuthorizedUser {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    #[serde(default)]
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    credential_source: CredentialSource,
    #[serde(default)]
    service_account_impersonation_url: Option<String>,
}

#[derive(Deserialize)]
struct CredentialSource {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    subject_token_field_name: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: String,
}

impl Exchange<'_> {
    pub(super) async fn google(&self, host: &str) -> Result<Option<Sourced>, RegistryError> {
        let (answer, from) = match self.env(VARIABLE) {
            Some(path) => {
                let text = self.file(host, VARIABLE, path)?;
                // The parser's message could quote a key.
                let file: File = serde_json::from_str(text.expose()).map_err(|_| {
                    let what = format!("the file that {VARIABLE} names holds no credentials that can be used here");
                    missing(host, &what, "known are service_account, external_account and authorized_user")
                })?;
                let answer = match &file {
                    File::ServiceAccount(account) => self.of_key(host, account).await?,
                    File::ExternalAccount(account) => self.of_federation(host, account).await?,
                    File::AuthorizedUser(user) => self.of_user(host, user).await?,
                };
                (answer, VARIABLE)
            }
            None => match self.metadata_url() {
                Some(url) => {
                    let request = Request::new(Method::GET, url).header(FLAVOR, "Google");
                    (self.ask_near(host, "the metadata server", request).await?, "the machine's service account")
                }
                None => return Ok(None),
            },
        };
        let Answer { access_token, expires_in } = answer;
        Ok(Some(Sourced {
            credentials: Credentials::Basic { user: "oauth2accesstoken".to_owned(), secret: Secret::new(access_token) },
            from: from.to_owned(),
            until: Some(Instant::now() + lifetime(expires_in.unwrap_or(3600))),
        }))
    }

    /// A service account's key signs an assertion that buys a token (RFC 7523).
    async fn of_key(&self, host: &str, account: &ServiceAccount) -> Result<Answer, RegistryError> {
        let ServiceAccount { client_email, private_key, private_key_id, token_uri } = account;
        let url = token_endpoint(host, token_uri.as_deref())?;
        let now = self.world.clock.now().unix();
        let claims = json!({ "iss": client_email, "scope": SCOPE, "aud": url.as_str(), "iat": now, "exp": now + 3600 });
        let assertion = jwt::sign(&Secret::new(private_key.as_str()), private_key_id.as_deref(), &claims)
            .ok_or_else(|| missing(host, &format!("the key in the file that {VARIABLE} names is none"), "download the key again"))?;
        let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.expose())];
        self.ask_json(host, "Google", form(url, &fields)).await
    }

    async fn of_user(&self, host: &str, user: &AuthorizedUser) -> Result<Answer, RegistryError> {
        let url = token_endpoint(host, user.token_uri.as_deref())?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", user.client_id.as_str()),
            ("client_secret", user.client_secret.as_str()),
            ("refresh_token", user.refresh_token.as_str()),
        ];
        self.ask_json(host, "Google", form(url, &fields)).await
    }

    /// Workload identity federation: an identity of elsewhere is exchanged (RFC 8693), and what it gives may speak for a
    /// service account.
    async fn of_federation(&self, host: &str, account: &ExternalAccount) -> Result<Answer, RegistryError> {
        let subject = self.subject(host, &account.credential_source).await?;
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", account.audience.as_str()),
            ("scope", SCOPE),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token_type", account.subject_token_type.as_str()),
            ("subject_token", subject.expose()),
        ];
        let url = endpoint(host, "`token_url` of the credentials file", &account.token_url)?;
        let federated: Answer = self.ask_json(host, "Google's token exchange", form(url, &fields)).await?;
        let Some(impersonation) = &account.service_account_impersonation_url else { return Ok(federated) };
        let url = endpoint(host, "`service_account_impersonation_url` of the credentials file", impersonation)?;
        let body = json!({ "scope": [SCOPE], "lifetime": "3600s" }).to_string();
        let request = Request::new(Method::POST, url)
            .body(Body::Bytes(body.into()))
            .header(header::CONTENT_TYPE, "application/json")
            .authorization(Some(Secret::new(format!("Bearer {}", federated.access_token))));
        let Impersonated { access_token } = self.ask_json(host, "Google's IAM credentials service", request).await?;
        Ok(Answer { access_token, expires_in: Some(3600) })
    }

    /// The identity of elsewhere: from a file, or from a service such as GitHub's.
    async fn subject(&self, host: &str, source: &CredentialSource) -> Result<Secret, RegistryError> {
        let text = match (&source.file, &source.url) {
            (Some(path), _) => self.file(host, "the credentials file", path)?,
            (None, Some(url)) => {
                let mut request = Request::new(Method::GET, endpoint(host, "`credential_source.url` of the credentials file", url)?);
                for (name, value) in &source.headers {
                    if name.eq_ignore_ascii_case("authorization") {
                        request = request.authorization(Some(Secret::new(value.as_str())));
                    } else if let Ok(name) = header::HeaderName::from_bytes(name.as_bytes()) {
                        request = request.header(name, value);
                    }
                }
                let answer = self.ask(host, "the identity service", request).await?;
                let answer = answer.get(..usize::try_from(MAX_FILE).unwrap_or(usize::MAX)).unwrap_or(&answer);
                Secret::new(String::from_utf8_lossy(answer).trim())
            }
            (None, None) => {
                return Err(missing(host, "the credentials file names neither a file nor a URL for the identity", "make it again"));
            }
        };
        if source.format.kind != "json" {
            return Ok(text);
        }
        let field = source.format.subject_token_field_name.as_deref().unwrap_or("access_token");
        let value: Option<serde_json::Value> = serde_json::from_str(text.expose()).ok();
        let token = value.as_ref().and_then(|value| value.get(field)?.as_str()).filter(|token| !token.is_empty());
        token
            .map(Secret::new)
            .ok_or_else(|| missing(host, &format!("the identity has no field `{field}`"), "make the credentials file again"))
    }

    /// Where the metadata server is, on a machine that has one.
    fn metadata_url(&self) -> Option<Url> {
        let name = match self.env(env::GCE_METADATA_HOST) {
            Some(name) => name,
            None if is_googles_machine() => "metadata.google.internal",
            None => return None,
        };
        Url::parse(&format!("http://{name}/computeMetadata/v1/instance/service-accounts/default/token")).ok()
    }
}

fn is_googles_machine() -> bool {
    let text = crate::fs::read_bounded(std::path::Path::new(PRODUCT), 4096).unwrap_or_default();
    matches!(String::from_utf8_lossy(&text).trim(), "Google" | "Google Compute Engine")
}

fn token_endpoint(host: &str, named: Option<&str>) -> Result<Url, RegistryError> {
    endpoint(host, "`token_uri` of the credentials file", named.unwrap_or("https://oauth2.googleapis.com/token"))
}
