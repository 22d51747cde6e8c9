//! Azure Container Registry: a token of Microsoft Entra ID is exchanged for a refresh token of the registry (ACR
//! documentation, "Authenticate with OAuth2": `/oauth2/exchange`), which then buys access tokens like any other.

use serde::Deserialize;
use tokio::time::Instant;

use super::{Exchange, endpoint, form, lifetime, missing, unusable};
use crate::core::Secret;
use crate::http::Url;
use crate::names::env;
use crate::registry::credentials::{Credentials, Sourced};
use crate::registry::error::RegistryError;

/// What the token is for. Registries accept tokens of Azure's resource manager.
const SCOPE: &str = "https://management.azure.com/.default";

/// Refresh tokens of a registry live for three hours.
const LIFETIME: u64 = 3 * 3600;

/// The audience that federated credentials of Entra ID expect.
const AUDIENCE: &str = "api://AzureADTokenExchange";

#[derive(Deserialize)]
struct AccessAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct RefreshAnswer {
    refresh_token: String,
}

impl Exchange<'_> {
    pub(super) async fn azure(&self, host: &str, registry: Option<&Url>) -> Result<Option<Sourced>, RegistryError> {
        let (Some(tenant), Some(client)) = (self.env(env::AZURE_TENANT_ID), self.env(env::AZURE_CLIENT_ID)) else { return Ok(None) };
        let assertion;
        let (proof, from) = if let Some(secret) = self.secret(env::AZURE_CLIENT_SECRET) {
            (vec![("client_secret", secret)], "AZURE_CLIENT_SECRET")
        } else {
            assertion = match self.env(env::AZURE_FEDERATED_TOKEN_FILE) {
                Some(path) => Some((self.file(host, env::AZURE_FEDERATED_TOKEN_FILE, path)?, "AZURE_FEDERATED_TOKEN_FILE")),
                None => self.github_identity(host, AUDIENCE).await?.map(|token| (token, "the job's GitHub identity")),
            };
            let Some((token, from)) = assertion else { return Ok(None) };
            let kind = Secret::new("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            (vec![("client_assertion_type", kind), ("client_assertion", token)], from)
        };
        let authority = self.env(env::AZURE_AUTHORITY_HOST).unwrap_or("https://login.microsoftonline.com");
        let authority = endpoint(host, "AZURE_AUTHORITY_HOST", &format!("{}/", authority.trim_end_matches('/')))?;
        let plain = tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let url = authority.join(&format!("{tenant}/oauth2/v2.0/token")).ok().filter(|_| plain);
        let url = url.ok_or_else(|| missing(host, "AZURE_TENANT_ID is not the id of a tenant", "correct AZURE_TENANT_ID"))?;
        let mut fields = vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", SCOPE)];
        fields.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        let access: AccessAnswer = self.ask_json(host, "Microsoft Entra ID", form(url, &fields)).await?;

        let default = endpoint(host, "the registry's host", &format!("https://{host}/"))?;
        let exchange = registry.unwrap_or(&default).join("/oauth2/exchange").map_err(|_| unusable(host, "the registry"))?;
        let fields =
            [("grant_type", "access_token"), ("service", host), ("tenant", tenant), ("access_token", access.access_token.as_str())];
        let refresh: RefreshAnswer = self.ask_json(host, "the registry's token exchange", form(exchange, &fields)).await?;
        Ok(Some(Sourced {
            credentials: Credentials::Identity(Secret::new(refresh.refresh_token)),
            from: format!("the registry's token for {from}"),
            until: Some(Instant::now() + lifetime(LIFETIME)),
        }))
    }
}
