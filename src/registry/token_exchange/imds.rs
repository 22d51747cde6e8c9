//! The role of an EC2 instance, from its metadata service (Amazon EC2 User Guide, "Retrieve security credentials from
//! instance metadata"): version 2, which hands out nothing without a token of its own.

use serde::Deserialize;

use super::sigv4::Keys;
use super::{Exchange, unusable};
use crate::core::Secret;
use crate::http::{self, Method, Request, Url, header};
use crate::names::env;
use crate::registry::error::{RegistryError, RegistryErrorKind};

/// Where firmware says whose machine this is.
const VENDOR: &str = "/sys/class/dmi/id/sys_vendor";

/// Link-local, the same on every instance.
const ADDRESS: &str = "http://169.254.169.254/";

/// What people call it.
const SERVICE: &str = "the instance metadata service";

/// How long its token has to live: for the two questions that follow.
const TOKEN_SECONDS: &str = "60";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: String,
}

impl Exchange<'_> {
    /// The keys of the instance's role. `None` on other machines, on instances without a role, and where the service
    /// does not answer: containers behind a hop limit of 1 do not reach it.
    pub(super) async fn instance_keys(&self, host: &str) -> Result<Option<(Keys, String)>, RegistryError> {
        let Some(base) = self.metadata_service() else { return Ok(None) };
        let client = self.near()?;
        let near = Exchange { http: &client, ..*self };
        let at = |path: &str| base.join(path).map_err(|_| unusable(host, SERVICE));
        let request = Request::new(Method::PUT, at("latest/api/token")?)
            .header(header::HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), TOKEN_SECONDS);
        let token = match near.ask(host, SERVICE, request).await {
            Ok(token) => Secret::new(String::from_utf8_lossy(&token).trim()),
            Err(error) if error.kind == RegistryErrorKind::Unavailable => return Ok(None),
            Err(error) => return Err(error),
        };
        let get = |path: &str| {
            let request = Request::new(Method::GET, at(path)?);
            Ok::<_, RegistryError>(request.header(header::HeaderName::from_static("x-aws-ec2-metadata-token"), token.expose()))
        };
        let list = "latest/meta-data/iam/security-credentials/";
        let roles = match near.ask(host, SERVICE, get(list)?).await {
            Ok(roles) => roles,
            // 404: it has none.
            Err(error) if error.kind == RegistryErrorKind::Unauthorized => return Ok(None),
            Err(error) => return Err(error),
        };
        let roles = String::from_utf8_lossy(&roles).into_owned();
        let role = roles.lines().next().unwrap_or_default().trim();
        if !is_role(role) {
            return Err(unusable(host, SERVICE));
        }
        let answer: Answer = near.ask_json(host, SERVICE, get(&format!("{list}{role}"))?).await?;
        let keys =
            Keys { id: answer.access_key_id, secret: Secret::new(answer.secret_access_key), session: Some(Secret::new(answer.token)) };
        Ok(Some((keys, format!("the instance's role {role}"))))
    }

    /// Where the service is: on Amazon's machines, or where its variable says, which stays on this machine or its link.
    fn metadata_service(&self) -> Option<Url> {
        if self.env(env::AWS_EC2_METADATA_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        match self.env(env::AWS_EC2_METADATA_SERVICE_ENDPOINT) {
            Some(text) => {
                let url = Url::parse(&format!("{}/", text.trim_end_matches('/'))).ok()?;
                let linked = matches!(url.host_str(), Some("169.254.169.254" | "[fd00:ec2::254]"));
                (linked || http::is_loopback(&url)).then_some(url)
            }
            None if is_amazons_machine() => Url::parse(ADDRESS).ok(),
            None => None,
        }
    }
}

fn is_amazons_machine() -> bool {
    let text = crate::fs::read_bounded(std::path::Path::new(VENDOR), 4096).unwrap_or_default();
    String::from_utf8_lossy(&text).trim() == "Amazon EC2"
}

/// Names of roles: IAM User Guide, "IAM name requirements".
fn is_role(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b))
        && !name.contains("..")
}
