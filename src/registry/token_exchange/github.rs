//! The identity GitHub Actions gives a job that has `id-token: write` (GitHub documentation, "OpenID Connect").

use serde::Deserialize;

use super::{Exchange, endpoint, missing};
use crate::core::Secret;
use crate::http::{Method, Request};
use crate::names::env;
use crate::registry::error::RegistryError;

#[derive(Deserialize)]
struct Answer {
    value: String,
}

impl Exchange<'_> {
    /// A token for an audience; `None` outside a job that may have one.
    pub(super) async fn github_identity(&self, host: &str, audience: &str) -> Result<Option<Secret>, RegistryError> {
        let name = env::ACTIONS_ID_TOKEN_REQUEST_URL;
        let (Some(url), Some(token)) = (self.env(name), self.secret(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN)) else { return Ok(None) };
        let mut url = endpoint(host, name, url)?;
        url.query_pairs_mut().append_pair("audience", audience);
        let bearer = Secret::new(format!("Bearer {}", token.expose()));
        let answer: Answer =
            self.ask_json(host, "GitHub's identity service", Request::new(Method::GET, url).authorization(Some(bearer))).await?;
        if answer.value.is_empty() {
            return Err(missing(host, "GitHub gave an empty identity", "give the job `permissions: id-token: write`"));
        }
        Ok(Some(Secret::new(answer.value)))
    }
}
